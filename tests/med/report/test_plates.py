"""Plates: outlines over the slice, turned as it is looked at, with sides and a bar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment
from sam_med.report.plates import COLOURS, Shown, draw_plane, plane_at
from sam_med.slices.window_level import choose_stretch


def block(name, value, start, stop):
    window = Window(start, stop)
    return Segment(name, value, window, np.ones(window.shape, bool))


@pytest.fixture
def shown(phantom):
    found = [
        block("liver", 1, (1, 100, 60), (4, 150, 130)),
        block("spleen", 2, (0, 170, 150), (5, 200, 200)),
    ]
    truth = [block("liver", 1, (1, 110, 60), (4, 150, 130)), found[1]]
    return Shown(phantom, choose_stretch(phantom, preset="soft"), found, truth, "truth")


def of_colour(picture, rgb):
    """Rows and columns of pixels that are of a colour, in spite of smooth edges."""
    near = np.abs(picture.astype(int) - rgb).max(axis=2) < 40
    return np.nonzero(near)


def test_an_outline_lies_around_its_organ(shown):
    picture = draw_plane(shown, plane_at(shown.volume, 0, 2), 1024)
    # noise fills the slice, so that all of its 256 x 256 pixels are shown, four times as large
    assert picture.shape == (1024, 1024, 3)
    rows, cols = of_colour(picture[200:], COLOURS[0])
    assert (rows.min() + 200, rows.max() + 200) == pytest.approx((400, 600), abs=4)
    assert (cols.min(), cols.max()) == pytest.approx((240, 520), abs=4)


def test_what_it_is_compared_with_is_a_dashed_line(shown):
    drawn = draw_plane(shown, plane_at(shown.volume, 0, 2), 1024).astype(int)
    same = Shown(shown.volume, shown.stretch, shown.found, shown.found, "truth")
    other = draw_plane(same, plane_at(shown.volume, 0, 2), 1024).astype(int)
    changed = (np.abs(drawn - other) > 40).any(axis=2)
    # the upper edge of the truth lies 10 rows below that of what was found
    along = np.count_nonzero(changed[438:443, 260:500].any(axis=0)) / 240
    assert 0.3 < along < 1
    assert not changed[470:560, 260:500].any()


def test_without_lines_only_the_marks_are_drawn(shown):
    drawn = draw_plane(shown, plane_at(shown.volume, 0, 2), 512, lines=False)
    grey = (drawn.max(axis=2) == drawn.min(axis=2)).all()
    assert grey, "letters and the bar are black, grey and white"


def test_one_organ_alone_is_shown_with_what_is_around_it(shown):
    picture = draw_plane(shown, plane_at(shown.volume, 0, 2), 400, only=1)
    # 30 x 50 pixels of 0.5 mm and 15 mm around them: 110 pixels both ways, 110 of which are there
    assert picture.shape[:2] == (400, 400)
    _, cols = of_colour(picture, COLOURS[1])
    assert np.ptp(cols) == pytest.approx(50 * 400 / 110, abs=12)
    assert len(of_colour(picture, COLOURS[1])[0])
    assert not len(of_colour(picture, COLOURS[0])[0])


def test_a_coronal_plane_is_upright_and_as_tall_as_on_the_patient(shown):
    plane = plane_at(shown.volume, 1, 120)
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
    plane = plane_at(turned, 0, 2)
    assert (plane.turn.left, plane.turn.top) == ("R", "A")
    assert np.array_equal(plane.cut(turned.array), plane_at(volume, 0, 2).cut(volume.array))


def test_an_empty_slice_is_drawn_whole(shown):
    empty = Shown(shown.volume, shown.stretch, shown.found[:1])
    assert draw_plane(empty, plane_at(shown.volume, 0, 0), 256, only=0).shape == (256, 256, 3)


def test_arms_and_table_are_left_out():
    array = np.full((1, 100, 200), -1000, np.int16)
    array[0, 20:80, 50:150] = 40  # the trunk
    array[0, 40:60, 5:20] = 40  # an arm
    array[0, 95:97, 10:190] = 300  # the table
    volume = Volume(array, Frame.identity(3), modality="CT")
    shown = Shown(volume, choose_stretch(volume, preset="soft"), ())
    picture = draw_plane(shown, plane_at(volume, 0, 0), 650, lines=False)
    # 60 x 100 mm and 15 mm around them
    assert picture.shape[:2] == (450, 650)


def test_width_and_level_stand_below_on_the_right(shown):
    with_window = draw_plane(shown, plane_at(shown.volume, 0, 2), 512, lines=False)
    other = Shown(
        shown.volume, choose_stretch(shown.volume, width=401, level=40), shown.found, shown.other
    )
    changed = (
        with_window != draw_plane(other, plane_at(shown.volume, 0, 2), 512, lines=False)
    ).any(axis=2)
    assert changed[-45:, -150:].any()


def test_a_plane_has_its_name_and_its_sides(shown):
    planes = [plane_at(shown.volume, axis, 2) for axis in range(3)]
    assert [plane.name for plane in planes] == ["axial", "coronal", "sagittal"]
    assert [plane.turn.left for plane in planes] == ["R", "R", "A"]
    assert [plane.turn.top for plane in planes] == ["A", "S", "S"]


@pytest.mark.parametrize(("axis", "index"), [(0, 2), (1, 120), (2, 100)])
def test_an_object_lies_on_a_plane_where_its_voxels_lie(shown, axis, index):
    plane = plane_at(shown.volume, axis, index)
    for segment in shown.found:
        whole = plane.cut(segment.full(shown.volume.shape))
        assert np.array_equal(plane.mask(segment, shown.volume), whole)
    assert not plane_at(shown.volume, axis, 0).mask(shown.found[0], shown.volume).any()


def test_a_key_of_many_objects_is_short(shown):
    many = [block(f"o{n}", n + 1, (2, 5 * n, 5 * n), (3, 5 * n + 4, 5 * n + 4)) for n in range(12)]
    few = draw_plane(replace(shown, found=many[:8], other=()), plane_at(shown.volume, 0, 2), 900)
    all_of_them = draw_plane(
        replace(shown, found=many, other=()), plane_at(shown.volume, 0, 2), 900
    )
    # the eighth line says how many more there are, and no line follows
    below = slice(10 + 8 * 29 + 11, None), slice(10, 60)
    assert not np.array_equal(few, all_of_them)
    assert np.array_equal(few[below][:20], all_of_them[below][:20])


@pytest.mark.parametrize("shape", [(1, 300, 2), (300, 1, 300), (2, 2, 400)])
def test_no_plane_of_a_thin_volume_is_larger_than_asked(shape):
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) % 200
    volume = Volume(values, Frame.identity(3), modality="CT")
    shown = Shown(volume, choose_stretch(volume, preset="soft"), [block("a", 1, (0, 0, 0), shape)])
    for axis in range(3):
        for only in (None, 0):
            picture = draw_plane(shown, plane_at(volume, axis, 0), 300, only=only)
            assert max(picture.shape[:2]) == 300
