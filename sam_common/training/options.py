"""Training options: what of a network is tuned, on which prompts, how long and by which seed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sam_common.errors import InputError

if TYPE_CHECKING:
    from sam_common.prompts import PromptKind

Parts: TypeAlias = Literal["decoder", "encoder", "both"]
"""The mask decoder, low-rank changes of the image encoder, or both."""


PRACTICE = 2000
"""Objects that are practised in a training, each counted as often as it is shown: with so many the
stopping part of small sets no longer rises, and they take minutes."""
LEAST_EPOCHS = 10
LEAST_PATIENCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How a network is tuned; equal options, data and base give equal bytes on one machine."""

    parts: Parts = "decoder"
    """Which parts are tuned: the mask decoder, the image encoder by low-rank changes, or both."""
    prompts: tuple[PromptKind, ...] = ("boxes", "points")
    """Kinds of prompts that are practised and judged, of those that the base takes."""
    epochs: int | None = None
    """Most passes over the images; where None as many as show `PRACTICE` objects, few objects thus
    more often."""
    patience: int | None = None
    """Epochs without a gain on the stopping part after which training ends; a third of the epochs
    where None."""
    views: int = 8
    """Turned, mirrored and brightened versions of each image, of which each is embedded once."""
    learning_rate: float = 1e-4
    """Step size of AdamW for the mask decoder, after its rise and before its fall."""
    rank: int = 8
    """Rank of the low-rank changes of the image encoder."""
    batch: int = 4
    """Objects of one image that are decoded at once, which bounds memory."""
    seed: int = 0
    """Another one gives other splits, views, prompts and first low-rank weights."""

    def __post_init__(self) -> None:
        if self.parts not in ("decoder", "encoder", "both"):
            raise InputError(f"parts are decoder, encoder or both, got {self.parts!r}")
        if not self.prompts or not set(self.prompts) <= {"boxes", "points"}:
            raise InputError(f"prompts are boxes, points or both, got {', '.join(self.prompts)!r}")
        for name, least in (
            ("epochs", 1),
            ("patience", 1),
            ("views", 1),
            ("rank", 1),
            ("batch", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, got {value}")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"the learning rate lies between 0 and 1, got {self.learning_rate}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative, got {self.seed}")

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the tuned parts: "decoder", "encoder", or both."""
        return ("decoder", "encoder") if self.parts == "both" else (self.parts,)

    def epochs_for(self, objects: int) -> int:
        """Most passes over so many objects to learn from.

        >>> TrainingOptions().epochs_for(34), TrainingOptions().epochs_for(100_000)
        (59, 10)
        """
        if self.epochs is not None:
            return self.epochs
        return max(LEAST_EPOCHS, math.ceil(PRACTICE / objects))

    def patience_for(self, objects: int) -> int:
        """Passes over so many objects without a gain after which training ends.

        >>> TrainingOptions().patience_for(34)
        19
        """
        if self.patience is not None:
            return self.patience
        return max(LEAST_PATIENCE, self.epochs_for(objects) // 3)

    def described(self) -> dict[str, Any]:
        """The options as plain values for a model card."""
        return {**asdict(self), "prompts": list(self.prompts)}
