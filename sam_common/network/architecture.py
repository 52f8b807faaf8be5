"""What must be known of a network before it is loaded. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 256
"""Channels of every prompt token and of the image embedding."""
EMBEDDING_GRID = 64
"""Side of the image embedding."""
GRID = 256
"""Side of the low-resolution grid of every SAM mask decoder."""
CANDIDATES = 3
"""Masks that are offered for an ambiguous prompt."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """From an RGB uint8 image to the network's square input, as published for each model."""

    size: int
    """Side of the square; the longest side of the image is brought to it."""
    resize: Literal["bilinear", "area"]
    """SAM: Pillow's antialiased bilinear. LiteMedSAM: OpenCV's area interpolation."""
    scaling: Literal["imagenet", "minmax"]
    """SAM: mean and deviation of ImageNet. LiteMedSAM: min and max of the image."""


SAM_PREPROCESS = Preprocess(1024, "bilinear", "imagenet")
LITE_MEDSAM_PREPROCESS = Preprocess(256, "area", "minmax")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What all checkpoints of a kind have in common."""

    preprocess: Preprocess
    has_exact_parts: bool
    """Whether parts of the image encoder stay float32 in bfloat16 (`layers.exact`)."""


ARCHITECTURES: Mapping[str, Architecture] = {
    "vit_b": Architecture(SAM_PREPROCESS, has_exact_parts=False),
    "vit_l": Architecture(SAM_PREPROCESS, has_exact_parts=False),
    "vit_h": Architecture(SAM_PREPROCESS, has_exact_parts=False),
    "tiny_vit_1024": Architecture(SAM_PREPROCESS, has_exact_parts=True),
    "tiny_vit_256": Architecture(LITE_MEDSAM_PREPROCESS, has_exact_parts=True),
}
"""By the names that `--arch` takes."""
