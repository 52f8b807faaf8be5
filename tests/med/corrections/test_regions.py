from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sam_med.corrections.regions import nearer_part, pieces_at, similar_around, spread_of

SQUARE_MM = (1.0, 1.0)


def at(shape, *places):
    mask = np.zeros(shape, dtype=bool)
    for place in places:
        mask[place] = True
    return mask


def test_pieces_are_those_that_hold_a_pixel():
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 1]], dtype=bool)
    assert pieces_at(mask, at(mask.shape, (0, 0))).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert not pieces_at(mask, at(mask.shape, (0, 2))).any()


def test_spread_is_at_least_a_step():
    shades = np.array([[10, 10, 30]], dtype=np.uint8)
    assert spread_of(shades, np.array([[True, True, False]])) == 1
    assert spread_of(shades, np.array([[True, False, True]])) == 10
    assert spread_of(shades, np.zeros((1, 3), dtype=bool)) == 1


def test_similar_pixels_end_at_the_reach_at_other_shades_and_where_nothing_is_allowed():
    shades = np.full((21, 21), 100, dtype=np.uint8)
    shades[:, 14:] = 160
    mark = at(shades.shape, (10, 10))
    allowed = np.ones(shades.shape, dtype=bool)
    allowed[:8] = False
    found = similar_around(shades, mark, allowed, spread=10, reach_mm=6, pixel_mm=SQUARE_MM)
    rows, columns = np.ogrid[:21, :21]
    disc = (rows - 10) ** 2 + (columns - 10) ** 2 <= 36
    assert np.array_equal(found, disc & allowed & (shades == 100))
    none = similar_around(shades, mark, ~allowed, spread=10, reach_mm=6, pixel_mm=SQUARE_MM)
    assert np.array_equal(none, mark)


@pytest.mark.parametrize("flip", [(), (0,), (1,)])
def test_a_lobe_is_cut_off_at_its_neck(flip):
    mask = np.zeros((20, 40), dtype=bool)
    mask[3:17, 3:17] = mask[3:17, 23:37] = mask[9:11, 17:23] = True
    shades = np.full(mask.shape, 90, dtype=np.uint8)
    mark, kept = at(mask.shape, (10, 30)), at(mask.shape, (10, 10))
    mask, mark, kept = (np.flip(one, flip) for one in (mask, mark, kept))
    cut = nearer_part(shades, mask, mark, kept, spread=1, pixel_mm=SQUARE_MM)
    lobe = np.zeros((20, 40), dtype=bool)
    lobe[3:17, 23:37] = True
    assert cut[np.flip(lobe, flip)].all()
    assert not cut[np.flip(np.flip(lobe, 1), flip)].any()


def test_a_change_of_shade_is_a_long_way():
    mask = np.ones((9, 30), dtype=bool)
    shades = np.where(np.arange(30) < 20, 60, 120).astype(np.uint8) * np.ones((9, 1), np.uint8)
    cut = nearer_part(
        shades, mask, at(mask.shape, (4, 26)), at(mask.shape, (4, 2)), spread=2, pixel_mm=SQUARE_MM
    )
    # half way would be column 14
    assert np.array_equal(cut, mask & (np.arange(30) >= 20))


def test_where_nothing_is_kept_the_deepest_pixels_are():
    rows, columns = np.ogrid[:31, :31]
    mask = (rows - 15) ** 2 + (columns - 15) ** 2 <= 144
    shades = np.zeros(mask.shape, dtype=np.uint8)
    mark = at(mask.shape, (15, 26))
    cut = nearer_part(shades, mask, mark, np.zeros_like(mask), spread=1, pixel_mm=SQUARE_MM)
    assert cut[mark].all()
    assert not cut[15, 15]
    assert ndimage.label(cut)[1] == 1
    # a mark on the only pixel takes all
    one = at(mask.shape, (3, 3))
    assert np.array_equal(
        nearer_part(shades, one, one, np.zeros_like(mask), spread=1, pixel_mm=SQUARE_MM), one
    )
