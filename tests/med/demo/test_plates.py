"""Plates of the demo: outlines over the slice, turned as it is looked at, with sides and a bar."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.demo.plates import (
    COLOURS,
    Shown,
    axial,
    coronal,
    draw_plane,
    middle_row,
    middle_slice,
)
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment
from sam_med.slices.window_level import choose_stretch


def block(name, value, start, stop):
    window = Window(start, stop)
    return Segment(name, value, window, np.ones(window.shape, bool))


@pytest.fixture
def shown(task):
    truth = [block("liver", 1, (1, 110, 60), (4, 150, 130)), task.truth[1]]
    return Shown(task.volume, choose_stretch(task.volume, preset="soft"), task.truth, truth)


def of_colour(picture, rgb):
    """Rows and columns of pixels that are of a colour, in spite of smooth edges."""
    near = np.abs(picture.astype(int) - rgb).max(axis=2) < 40
    return np.nonzero(near)


def test_an_outline_lies_around_its_organ(shown):
    picture = draw_plane(shown, axial(shown.volume, 2), 1024)
    # noise fills the slice, so that all of its 256 x 256 pixels are shown, four times as large
    assert picture.shape == (1024, 1024, 3)
    rows, cols = of_colour(picture[200:], COLOURS[0])
    assert (rows.min() + 200, rows.max() + 200) == pytest.approx((400, 600), abs=4)
    assert (cols.min(), cols.max()) == pytest.approx((240, 520), abs=4)


def test_the_truth_is_a_dashed_line(shown):
    drawn = draw_plane(shown, axial(shown.volume, 2), 1024).astype(int)
    same = Shown(shown.volume, shown.stretch, shown.found, shown.found)
    other = draw_plane(same, axial(shown.volume, 2), 1024).astype(int)
    changed = (np.abs(drawn - other) > 40).any(axis=2)
    # the upper edge of the truth lies 10 rows below that of what was found
    along = np.count_nonzero(changed[438:443, 260:500].any(axis=0)) / 240
    assert 0.3 < along < 1
    assert not changed[470:560, 260:500].any()


def test_without_lines_only_the_marks_are_drawn(shown):
    drawn = draw_plane(shown, axial(shown.volume, 2), 512, lines=False)
    grey = (drawn.max(axis=2) == drawn.min(axis=2)).all()
    assert grey, "letters and the bar are black, grey and white"


def test_one_organ_alone_is_shown_with_what_is_around_it(shown):
    picture = draw_plane(shown, axial(shown.volume, 2), 400, only=1)
    # 30 x 50 pixels of 0.5 mm and 15 mm around them: 110 pixels both ways, 110 of which are there
    assert picture.shape[:2] == (400, 400)
    _, cols = of_colour(picture, COLOURS[1])
    assert np.ptp(cols) == pytest.approx(50 * 400 / 110, abs=12)
    assert len(of_colour(picture, COLOURS[1])[0])
    assert not len(of_colour(picture, COLOURS[0])[0])


def test_a_coronal_plane_is_upright_and_as_tall_as_on_the_patient(shown):
    plane = coronal(shown.volume, 120)
    assert (plane.turn.left, plane.turn.right) == ("R", "L")
    assert (plane.turn.top, plane.turn.bottom) == ("S", "I")
    assert plane.spacing_mm == (2.0, 0.5)
    cut = plane.cut(shown.volume.array)
    # the last slice is the uppermost one
    assert np.array_equal(cut, shown.volume.array[::-1, 120])
    assert draw_plane(shown, plane, 512).shape[:2] == (40, 512)


def test_slices_that_were_acquired_the_other_way_look_the_same(shown):
    volume = shown.volume
    flip = np.diag([1.0, -1, -1, 1])
    flip[1, 3], flip[2, 3] = volume.shape[1] - 1, volume.shape[2] - 1
    turned = Volume(
        np.ascontiguousarray(volume.array[:, ::-1, ::-1]),
        Frame.from_array(volume.frame.array @ flip),
        modality="CT",
    )
    plane = axial(turned, 2)
    assert (plane.turn.left, plane.turn.top) == ("R", "A")
    assert np.array_equal(plane.cut(turned.array), axial(volume, 2).cut(volume.array))


def test_an_empty_slice_is_drawn_whole(shown):
    empty = Shown(shown.volume, shown.stretch, shown.found[:1], shown.truth[:1])
    assert draw_plane(empty, axial(shown.volume, 0), 256, only=0).shape == (256, 256, 3)


def test_the_slice_that_shows_most():
    truth = [block("a", 1, (0, 0, 0), (6, 4, 4)), block("b", 2, (4, 6, 6), (9, 8, 8))]
    assert middle_slice(truth) in {4, 5}
    mask = truth[1].mask.copy()
    mask[0, 1:] = False
    truth[1] = Segment("b", 2, truth[1].window, mask)
    assert middle_slice(truth) == 5
    assert (
        middle_row([block("a", 1, (0, 2, 0), (1, 10, 1)), block("b", 2, (0, 4, 0), (1, 8, 1))]) == 6
    )


def test_arms_and_table_are_left_out():
    array = np.full((1, 100, 200), -1000, np.int16)
    array[0, 20:80, 50:150] = 40  # the trunk
    array[0, 40:60, 5:20] = 40  # an arm
    array[0, 95:97, 10:190] = 300  # the table
    volume = Volume(array, Frame.identity(3), modality="CT")
    shown = Shown(volume, choose_stretch(volume, preset="soft"), (), ())
    picture = draw_plane(shown, axial(volume, 0), 650, lines=False)
    # 60 x 100 mm and 15 mm around them
    assert picture.shape[:2] == (450, 650)


def test_width_and_level_stand_below_on_the_right(shown):
    with_window = draw_plane(shown, axial(shown.volume, 2), 512, lines=False)
    other = Shown(
        shown.volume, choose_stretch(shown.volume, width=401, level=40), shown.found, shown.truth
    )
    changed = (with_window != draw_plane(other, axial(shown.volume, 2), 512, lines=False)).any(
        axis=2
    )
    assert changed[-45:, -150:].any()
