"""Segmenter: an image to an embedding, an embedding and prompts to masks.

Public names are imported when they are first used, so that `import sam_common.segmenter` loads no
torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.support.lazy import lazy_names

if TYPE_CHECKING:
    from sam_common.segmenter.embedding_store import EmbeddingStore as EmbeddingStore
    from sam_common.segmenter.predictor import Capabilities as Capabilities
    from sam_common.segmenter.predictor import Embedding as Embedding
    from sam_common.segmenter.predictor import Segmenter as Segmenter
    from sam_common.segmenter.predictor import load_segmenter as load_segmenter
    from sam_common.segmenter.predictor import segmenter_of as segmenter_of

_HOME = {
    "Capabilities": "sam_common.segmenter.predictor",
    "Embedding": "sam_common.segmenter.predictor",
    "EmbeddingStore": "sam_common.segmenter.embedding_store",
    "Segmenter": "sam_common.segmenter.predictor",
    "load_segmenter": "sam_common.segmenter.predictor",
    "segmenter_of": "sam_common.segmenter.predictor",
}
__all__ = [
    "Capabilities",
    "Embedding",
    "EmbeddingStore",
    "Segmenter",
    "load_segmenter",
    "segmenter_of",
]


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
