from __future__ import annotations

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.window import Window


def test_an_instance_moves_with_its_mask_and_keeps_its_quality():
    mask = np.array([[True, False, True]])
    found = Instance(MaskRegion(Window((1, 2), (2, 5)), mask), 0.75, 0.5)
    moved = found.shift((10, -2))
    assert moved.region.window == Window((11, 0), (12, 3))
    assert moved.region.mask is mask
    assert (moved.score, moved.stability) == (0.75, 0.5)
    # the first one is where it was
    assert found.region.window == Window((1, 2), (2, 5))
