from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.region_overlap import boundary_iou, boundary_px, region_iou
from tests.oracles.lessons import disc

masks = hnp.arrays(np.bool_, (23, 31), elements=st.booleans())


def whole(mask):
    return MaskRegion.tight((0, 0), mask)


def test_iou_of_regions():
    full = [disc((40, 40), (20, col), 8) for col in (15, 19)]
    a, b = (whole(mask) for mask in full)
    expected = (full[0] & full[1]).sum() / (full[0] | full[1]).sum()
    assert region_iou(a, b) == region_iou(b, a) == pytest.approx(expected)
    assert region_iou(a, None) == 0
    assert region_iou(a, b.shift((0, 30))) == 0


def ring(mask, width):
    """By another way: the pixels with background, or the image's end, within `width` steps."""
    padded = np.pad(~mask, 1, constant_values=True)
    near = ndimage.distance_transform_cdt(~padded, metric="chessboard")[1:-1, 1:-1] <= width
    return mask & near


@given(masks, masks)
def test_boundary_iou_is_that_of_whole_images(one, other):
    one[10, 12] = other[5, 20] = True
    for size in ((23, 31), (230, 310)):  # the width goes by the image, here 1 and 8 pixels
        width = boundary_px(size)
        a, b = ring(one, width), ring(other, width)
        expected = (a & b).sum() / (a | b).sum()
        assert boundary_iou(whole(one), whole(other), size) == pytest.approx(expected)


def test_a_thick_object_is_judged_by_its_edge():
    """Two pixels off are little of its area and much of its outline."""
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[10:90, 10:90] = True
    shifted = np.roll(mask, 2, axis=1)
    size = mask.shape
    assert boundary_px(size) == 3
    assert boundary_iou(whole(mask), whole(mask), size) == 1
    assert boundary_iou(whole(mask), None, size) == 0
    assert boundary_iou(whole(mask), whole(shifted), size) < 0.6
    assert region_iou(whole(mask), whole(shifted)) > 0.95
