"""Automatic masks against the published generator, on the same network and a real picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import reference
from PIL import Image

from sam_common.everything import EverythingOptions, masks_of
from sam_common.segmenter import load_segmenter

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
SIDE = 6


def test_the_same_objects_as_the_published_generator(data: Path) -> None:
    image = np.asarray(Image.open(data / "natural" / "truck.jpg").convert("RGB"))[::2, ::2].copy()
    published = reference.mobile_sam_generator(points_per_side=SIDE, min_mask_region_area=50)
    expected = published.generate(image)
    found = masks_of(
        load_segmenter("mobile_sam", engine="torch", precision="fp32"),
        image,
        options=EverythingOptions(points_per_side=SIDE, min_mask_region_area=50),
    )
    assert len(expected) > 5
    full = []
    for instance in found:
        mask = np.zeros(image.shape[:2], dtype=np.bool_)
        mask[instance.region.window.slices] = instance.region.mask
        full.append(mask)
    overlaps = [
        max(
            np.count_nonzero(mask & one["segmentation"])
            / np.count_nonzero(mask | one["segmentation"])
            for mask in full
        )
        for one in expected
    ]
    assert len(found) == len(expected)
    assert min(overlaps) > 0.995
