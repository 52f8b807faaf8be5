from __future__ import annotations

import numpy as np
import pytest

from sam_common.masks.decoded import MaskRegion
from sam_common.training_data.views import View, views_of


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_mask_is_seen_as_its_image_is(turns, is_mirrored):
    view = View(turns, is_mirrored)
    full = np.zeros((5, 8), dtype=bool)
    full[1:4, 2:4] = [[1, 0], [1, 1], [0, 1]]
    region = view.region(MaskRegion.tight((0, 0), full), full.shape)
    seen = view.image(full.astype(np.uint8))
    drawn = np.zeros(view.size_hw(full.shape), dtype=bool)
    drawn[region.window.slices] = region.mask
    assert np.array_equal(drawn, seen > 0)


def test_the_first_view_is_the_image_itself():
    views = views_of(9, seed=4)
    image = np.random.default_rng(0).integers(0, 256, (6, 7, 3)).astype(np.uint8)
    assert np.array_equal(views[0].image(image), image)
    assert len({(view.turns, view.is_mirrored) for view in views[:8]}) == 8
    assert views == views_of(9, seed=4)
    assert views != views_of(9, seed=5)


def test_brightness_keeps_the_order_of_shades():
    shades = np.arange(256, dtype=np.uint8)[None]
    seen = View(gain=0.8, gamma=1.2).image(shades)[0].astype(int)
    assert (np.diff(seen) >= 0).all()
    assert seen[0] in {25, 26}  # a tenth: the contrast shrinks about the middle
