"""Segmenter: an image to an embedding, an embedding and prompts to masks.

Public names are imported when they are first used, so that `import sam_common.segmenter` loads no
torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.support.lazy import lazy_names

if TYPE_CHECKING:
    from sam_common.frame import Frame as Frame
    from sam_common.masks.decoded import MaskRegion as MaskRegion
    from sam_common.masks.decoded import Masks as Masks
    from sam_common.masks.rle import RLE as RLE
    from sam_common.prompts import PromptKind as PromptKind
    from sam_common.prompts import Prompts as Prompts
    from sam_common.segmenter.capabilities import Capabilities as Capabilities
    from sam_common.segmenter.embedding_store import EmbeddingStore as EmbeddingStore
    from sam_common.segmenter.fake import FakeSegmenter as FakeSegmenter
    from sam_common.segmenter.predictor import Embedding as Embedding
    from sam_common.segmenter.predictor import Segmenter as Segmenter
    from sam_common.segmenter.predictor import load_segmenter as load_segmenter
    from sam_common.segmenter.predictor import segmenter_of as segmenter_of
    from sam_common.window import Window as Window

_HOME = {
    "Capabilities": "sam_common.segmenter.capabilities",
    "Embedding": "sam_common.segmenter.predictor",
    "EmbeddingStore": "sam_common.segmenter.embedding_store",
    "FakeSegmenter": "sam_common.segmenter.fake",
    "Frame": "sam_common.frame",
    "MaskRegion": "sam_common.masks.decoded",
    "Masks": "sam_common.masks.decoded",
    "PromptKind": "sam_common.prompts",
    "Prompts": "sam_common.prompts",
    "RLE": "sam_common.masks.rle",
    "Segmenter": "sam_common.segmenter.predictor",
    "Window": "sam_common.window",
    "load_segmenter": "sam_common.segmenter.predictor",
    "segmenter_of": "sam_common.segmenter.predictor",
}
__all__ = list(_HOME)


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
