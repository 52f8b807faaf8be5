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
    """Grid of points and filters of the automatic mask generator."""

    points_per_side: int = 32
    """Points of the grid along each side of an image."""
    pred_iou_thresh: float = 0.88
    """Masks with a lower predicted IoU are dropped."""
    stability_score_thresh: float = 0.95
    """Masks with a lower stability are dropped."""
    stability_score_offset: float = 1.0
    """Distance of the two thresholds of the stability from that of the mask, in logits."""
    box_nms_thresh: float = 0.7
    """Of two masks whose boxes have a higher IoU than this, the one with the better score stays."""
    crop_n_layers: int = 0
    """Layers of crops that are searched besides the whole image; layer i has 4 ** i crops."""
    crop_nms_thresh: float = 0.7
    """As `box_nms_thresh`, for masks from different crops, of which that of the smaller stays."""
    crop_overlap_ratio: float = 512 / 1500
    """Overlap of neighbouring crops of the first layer, as a part of the image's shorter side."""
    crop_n_points_downscale_factor: int = 1
    """The grid of layer i has `points_per_side / factor ** i` points along each side."""
    min_mask_region_area: int = 0
    """Holes and islands of fewer pixels than this are filled and removed."""

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
