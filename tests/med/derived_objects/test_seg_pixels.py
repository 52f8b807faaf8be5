"""Pixels of a DICOM SEG, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.window import Window
from sam_med.derived_objects.seg_pixels import SegPixels, segment_numbers
from sam_med.objects.segments import Segment


def segment(name, value, rows, start=(0, 0, 0)):
    mask = np.array([rows], bool)
    stop = tuple(a + n for a, n in zip(start, mask.shape, strict=True))
    return Segment(name, value, Window(start, stop), mask)


FIRST = segment("liver", 5, [[1, 1, 0], [1, 0, 0]])
LATER = segment("cyst", 300, [[1], [1]], start=(0, 0, 1))
FRAMES = [(1, 0), (2, 0)]


def pixels(seg_type, *segments):
    return SegPixels(segments, segment_numbers(segments, seg_type), (2, 3), seg_type)


def test_numbers_count_up_or_are_the_values_of_a_label_map():
    assert segment_numbers([FIRST, LATER], "binary") == (1, 2)
    assert segment_numbers([FIRST, LATER], "fractional") == (1, 2)
    assert segment_numbers([FIRST, LATER], "labelmap") == (5, 300)
    assert segment_numbers([FIRST, FIRST], "labelmap") == (1, 2)


def test_bits_back_to_back():
    assert pixels("binary", FIRST, LATER).encoded(FRAMES) == bytes([0b10_001011, 0b0000_0100])


def test_fractions_are_all_or_nothing():
    assert pixels("fractional", FIRST, LATER).encoded(FRAMES[:1]) == bytes([255, 255, 0, 255, 0, 0])
    assert len(SegPixels((FIRST,), (1,), (3, 3), "fractional").encoded([(1, 0)])) == 10


def test_numbers_above_255_take_two_bytes():
    later = np.frombuffer(pixels("labelmap", FIRST, LATER).encoded([(0, 0)]), "<u2")
    assert later.tolist() == [5, 300, 0, 5, 300, 0]
    small = pixels("labelmap", FIRST).encoded([(0, 0)])
    assert small == bytes([5, 5, 0, 5, 0, 0])


def test_what_a_label_map_loses_is_counted():
    both = pixels("labelmap", FIRST, LATER)
    assert list(both.lost()) == [("liver", 1, 3)]
    assert both.shown(5, 0).astype(int).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert list(pixels("binary", FIRST, LATER).lost()) == []


@pytest.mark.parametrize("seg_type", ["binary", "fractional"])
def test_objects_that_overlap_are_whole(seg_type):
    both = pixels(seg_type, FIRST, LATER)
    assert both.shown(1, 0).astype(int).tolist() == [[1, 1, 0], [1, 0, 0]]
    assert both.shown(2, 0).astype(int).tolist() == [[0, 1, 0], [0, 1, 0]]
    assert not both.shown(2, 1).any()
