from __future__ import annotations

import itertools

import numpy as np
import pytest

from sam_common.errors import PromptError
from sam_common.masks import MaskRegion
from sam_common.window import Window
from sam_med.labels import Label, paint
from sam_med.prompts import ObjectPrompt
from sam_med.propagate import SliceMask

BOX = Window((0, 0, 0), (2, 4, 4))


def mask(number, k, rows, cols):
    window = Window((rows[0], cols[0]), (rows[1], cols[1]))
    return SliceMask(number, k, MaskRegion(window, np.ones(window.shape, bool)), 0.9)


def boxes(*values):
    return [ObjectPrompt(f"object {value}", value, BOX) for value in values]


MASKS = [mask(0, 0, (0, 2), (0, 3)), mask(1, 0, (1, 4), (2, 4)), mask(0, 1, (0, 1), (0, 4))]


def test_by_hand():
    labels = paint((2, 4, 4), boxes(1, 2), MASKS)
    assert labels.array.tolist() == [
        [[1, 1, 1, 0], [1, 1, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2]],
        [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert labels.array.dtype == np.uint8
    assert labels.labels == (Label("object 1", 1, 9, 10), Label("object 2", 2, 6, 6))


def test_the_later_object_is_kept_whatever_the_order_of_masks():
    expected = paint((2, 4, 4), boxes(1, 2), MASKS)
    for masks in itertools.permutations(MASKS):
        assert np.array_equal(paint((2, 4, 4), boxes(1, 2), masks).array, expected.array)


@pytest.mark.parametrize(
    ("values", "dtype"), [((5, 3), np.uint8), ((255, 1), np.uint8), ((300, 7), np.uint16)]
)
def test_values_of_ones_own(values, dtype):
    plain = paint((2, 4, 4), boxes(1, 2), MASKS).array
    labels = paint((2, 4, 4), boxes(*values), MASKS)
    assert labels.array.dtype == dtype
    assert np.array_equal(labels.array, np.array([0, *values])[plain])
    assert [label.value for label in labels.labels] == list(values)


def test_more_than_255_objects():
    many = boxes(*range(1, 301))
    labels = paint((2, 4, 4), many, [mask(n, 0, (0, 4), (0, 4)) for n in range(300)])
    assert labels.array.dtype == np.uint16
    assert (labels.array[0] == 300).all()
    assert [label.voxels for label in labels.labels] == [0] * 299 + [16]


def test_an_empty_mask_paints_nothing():
    labels = paint((2, 4, 4), boxes(1), [SliceMask(0, 0, None, 0.1)])
    assert labels.labels == (Label("object 1", 1, 0, 0),)
    assert not labels.array.any()


def test_each_object_needs_its_value():
    with pytest.raises(PromptError, match=r"^each object needs a value of its own, got \[3, 3\]$"):
        paint((2, 4, 4), boxes(3, 3), [])
