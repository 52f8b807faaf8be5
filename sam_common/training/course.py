"""Course: what a network learns from, and the network as it is at the moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.engines.torch_engine import TorchEngine
from sam_common.segmenter.predictor import Segmenter
from sam_common.training_data.examples import counts

if TYPE_CHECKING:
    from sam_common.network.architecture import Preprocess
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.capabilities import Capabilities
    from sam_common.segmenter.predictor import Embedding
    from sam_common.training.answers import Pick
    from sam_common.training.options import TrainingOptions
    from sam_common.training.trainable import Trainable
    from sam_common.training_data.embedded_views import EmbeddedViews


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What is learned, from what, and how."""

    trainable: Trainable
    views: EmbeddedViews
    options: TrainingOptions
    capabilities: Capabilities
    sha256: str
    """sha256 of the base, which made the embeddings."""
    pick: Pick

    @property
    def kinds(self) -> tuple[PromptKind, ...]:
        """Kinds of prompts that are practised: those of the options that the base takes."""
        return tuple(kind for kind in self.options.prompts if kind in self.capabilities.kinds)

    @property
    def preprocess(self) -> Preprocess:
        """Preprocessing of the network."""
        return self.trainable.network.preprocess

    def segmenter(self) -> Segmenter:
        """The network as it is now, by the ordinary way of a torch engine without gradients."""
        engine = TorchEngine(self.trainable.network, self.trainable.device, "fp32")
        return Segmenter("tuned", self.sha256, self.capabilities, self.preprocess, engine)

    def embedding(self, segmenter: Segmenter, n: int) -> Embedding:
        """The embedding of image `n` as it is, by the encoder as it is now."""
        if self.trainable.learns_encoder:
            return segmenter.embed(self.views.image(n, 0))
        return self.views.embedding(n, 0)

    @property
    def epochs(self) -> int:
        """Most passes over the images."""
        return self.options.epochs_for(self._objects)

    @property
    def patience(self) -> int:
        """Passes without a gain after which training ends."""
        return self.options.patience_for(self._objects)

    @property
    def _objects(self) -> int:
        """Objects to learn from."""
        return counts(self.views.images)["learn"]

    @property
    def batches(self) -> int:
        """Steps of the optimiser in an epoch."""
        sizes = [len(image.of("learn")) for image in self.views.images]
        return sum(-(-size // self.options.batch) for size in sizes)
