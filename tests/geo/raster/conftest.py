"""Small arrays that several tests of rasters write."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def bands_of():
    """Make (count, 4, 5) values: band n is full of 10 n."""

    def make(count, dtype=np.uint8):
        return np.stack([np.full((4, 5), 10 * (n + 1), dtype=dtype) for n in range(count)])

    return make
