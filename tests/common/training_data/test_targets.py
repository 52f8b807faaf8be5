from __future__ import annotations

import numpy as np
import pytest

from sam_common.masks.decoded import MaskRegion
from sam_common.training_data.targets import inside, soft_mask
from sam_common.window import Window


def test_a_cell_has_the_part_of_it_that_is_covered():
    # 512 px of a square image on 256 cells: four pixels a cell
    mask = np.ones((3, 2), dtype=bool)
    target = soft_mask(MaskRegion(Window((4, 10), (7, 12)), mask), (512, 512), (1024, 1024), 1024)
    expected = np.zeros((256, 256))
    expected[2, 5], expected[3, 5] = 1, 0.5
    np.testing.assert_allclose(target, expected, atol=1e-6)


@pytest.mark.parametrize("size_hw", [(90, 160), (300, 200), (37, 37)])
def test_the_sum_is_the_area(size_hw):
    random = np.random.default_rng(1)
    mask = random.random((20, 15)) < 0.6
    region = MaskRegion(Window((7, 9), (27, 24)), mask)
    scale = 1024 / max(size_hw)
    input_hw = tuple(round(side * scale) for side in size_hw)
    target = soft_mask(region, size_hw, input_hw, 1024)
    cells = (input_hw[0] / 4 / size_hw[0]) * (input_hw[1] / 4 / size_hw[1])
    assert target.sum() == pytest.approx(mask.sum() * cells, rel=1e-4)
    assert target.max() <= 1


def test_the_padding_is_outside():
    mask = inside((512, 1024), 1024)
    assert mask[:128].all()
    assert not mask[128:].any()
