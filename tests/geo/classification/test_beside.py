"""What a network and objects say of a window, together."""

from __future__ import annotations

import numpy as np

from sam_common.window import Window
from sam_geo.classification.beside import beside_of


class Network:
    def read(self, window):
        return np.full((2, *window.shape), 3, dtype=np.float32)


class Objects:
    def read(self, window):
        return np.arange(window.shape[0] * window.shape[1]).reshape(window.shape)


def test_both_are_of_the_window():
    window = Window((3, 4), (5, 9))
    found = beside_of(Network(), Objects())(window)
    assert found.embedding.shape == (2, 2, 5)
    assert found.objects.shape == (2, 5)


def test_without_objects_there_are_none():
    assert beside_of(Network(), None)(Window((0, 0), (1, 1))).objects is None
