"""Options of the automatic mask generator, with the only copy of their defaults.

Names and defaults are those of the published `SamAutomaticMaskGenerator` (Kirillov et al. 2023).
Command lines read them before they load numpy, so that `--help` stays fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from sam_common.errors import InputError


@dataclass(frozen=True, slots=True)
class EverythingOptions:
    """Names and defaults as published."""

    points_per_side: int = 32
    """Points of the grid along each side of the image."""
    pred_iou_thresh: float = 0.88
    """Masks with a lower predicted IoU are dropped."""
    stability_score_thresh: float = 0.95
    """Masks with a lower stability are dropped."""
    stability_score_offset: float = 1.0
    """The two thresholds of the stability lie so far above and below that of the mask."""
    box_nms_thresh: float = 0.7
    """Of two masks whose boxes have a higher IoU, the one with the better score stays."""
    crop_n_layers: int = 0
    """Layers of crops that are looked at besides the whole image; layer i has 4 ** i crops."""
    crop_nms_thresh: float = 0.7
    """As `box_nms_thresh`, across crops; masks of smaller crops are preferred."""
    crop_overlap_ratio: float = 512 / 1500
    """Part of the image's shorter side that crops of the first layer share."""
    crop_n_points_downscale_factor: int = 1
    """Layer i has a grid with `points_per_side / factor ** i` points."""
    min_mask_region_area: int = 0
    """Smaller holes are filled and smaller islands removed, in pixels."""

    def __post_init__(self) -> None:
        for name in ("points_per_side", "crop_n_points_downscale_factor"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{field.name} must be a finite number from 0 up, got {value}")
            if field.name.endswith(("_thresh", "_ratio")) and value > 1:
                raise InputError(f"{field.name} must be at most 1, got {value}")
