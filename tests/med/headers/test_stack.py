"""Order, grid and places of slices, on headers made up by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from dicom_faults import each, heights, one_slice, series
from grids import SIGNED_AXES, rotation
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scans import LINE, change, message_of, spoil

from sam_med.geometry import frame as frames
from sam_med.geometry.diagnostics import RefusedError
from sam_med.headers.slice_header import SliceHeader
from sam_med.headers.stack import place_tolerance_mm, position_numbers, stack

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def header(position, *, orientation=AXIAL, **changes):
    facts = {
        "path": Path("slice.dcm"),
        "series": "1.2",
        "number": "3",
        "modality": "CT",
        "size": (4, 5),
        "pixel_spacing_mm": (0.5, 0.75),
        "orientation": orientation,
        "position": tuple(position),
    }
    return SliceHeader(**{**facts, **changes})


def at(*heights):
    return [header((10.0, 20.0, z)) for z in heights]


def found_in(headers):
    return {d.code: d for d in stack(headers).diagnostics}


def refused(headers):
    with pytest.raises(RefusedError) as caught:
        stack(headers)
    return caught.value.diagnostics


def test_order_is_by_position_whatever_the_order_of_files():
    found = stack(at(4, 0, 6, 2))
    assert [h.position[2] for h in found.slices] == [0, 2, 4, 6]
    assert_allclose(
        found.frame.array, [[0, 0, 0.75, 10], [0, 0.5, 0, 20], [2, 0, 0, 0], [0, 0, 0, 1]]
    )
    assert found.origins_lps is None
    assert found.diagnostics == ()


@pytest.mark.parametrize("axes", SIGNED_AXES)
def test_every_permutation_and_flip_of_the_axes(axes):
    """Columns, rows and slices along any axis of the patient, to a millionth of a millimetre."""
    along_i, along_j, along_k = axes
    orientation = (*along_i, *along_j)
    places = [along_k * 2.5 * n + (1, 2, 3) for n in range(5)]
    found = stack([header(place, orientation=orientation) for place in places])
    assert found.diagnostics == ()
    order = np.argsort(np.array(places) @ np.cross(along_i, along_j))
    for k, n in enumerate(order):
        for j, i in itertools.product((0, 3), (0, 4)):
            expected = places[n] + along_i * 0.75 * i + along_j * 0.5 * j
            assert_allclose(found.frame.to_world((k, j, i)), expected, rtol=0, atol=1e-9)


@settings(deadline=None)
@given(
    st.tuples(*[st.floats(-np.pi, np.pi)] * 3),
    st.floats(-0.5, 0.5),
    st.floats(-0.5, 0.5),
    st.permutations(range(7)),
)
def test_oblique_and_tilted_slices_keep_their_places(angles, tilt_i, tilt_j, order):
    axes = rotation(*angles)
    step = axes[2] * 3 + axes[0] * tilt_i + axes[1] * tilt_j
    orientation = (*axes[0], *axes[1])
    found = stack([header(step * n + (5, 6, 7), orientation=orientation) for n in order])
    assert found.origins_lps is None
    for k, one in enumerate(found.slices):
        expected = np.array(one.position) + axes[0] * 0.75 * 4 + axes[1] * 0.5 * 3
        assert_allclose(found.frame.to_world((k, 3, 4)), expected, rtol=0, atol=1e-6)
    tilted = np.hypot(tilt_i, tilt_j) / 3
    codes = {d.code for d in found.diagnostics}
    if tilted > 2e-4:
        assert "gantry-tilt" in codes
    if tilted < 5e-5:
        assert "gantry-tilt" not in codes


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 9), min_size=2, max_size=12), st.permutations(range(3)))
def test_uneven_slices_keep_their_places(gaps, axes):
    heights = np.cumsum([0.0, *gaps])
    eye = np.eye(3)[axes]
    normal = np.cross(eye[0], eye[1])
    headers = [header(normal * h, orientation=(*eye[0], *eye[1])) for h in heights]
    found = stack(headers[::-1])
    places = (
        found.origins_lps
        if found.origins_lps is not None
        else found.frame.to_world([(k, 0, 0) for k in range(len(headers))])
    )
    allowed = 1e-9 if found.origins_lps is not None else max(0.01, 0.01 * np.median(gaps)) * 1.01
    assert_allclose(places, [h.position for h in headers], rtol=0, atol=allowed)


def test_a_gap_is_named():
    found = stack(at(0, 2, 4, 8, 10))
    (said,) = found.diagnostics
    assert (said.code, said.severity) == ("missing-slices", "warning")
    assert said.message == "1 slice(s) of 2.000 mm are missing: 4.000 mm from 4.000 to 8.000"
    assert said.numbers["missing"] == 1
    assert said.numbers["gaps"] == [{"from_mm": 4.0, "to_mm": 8.0, "gap_mm": 4.0}]
    assert found.origins_lps[:, 2].tolist() == [0, 2, 4, 8, 10]


def test_uneven_spacing_is_named():
    said = found_in(at(0, 2, 4, 7.5, 9.5))["uneven-spacing"]
    assert said.message == "usually 2.000 mm but 3.500 mm from 4.000 to 7.500"


def test_tilt_is_named():
    said = found_in([header((0, 0.5 * n, 2.0 * n)) for n in range(4)])["gantry-tilt"]
    assert said.message == "slices are sheared by 14.04 degrees"
    assert said.numbers["degrees"] == pytest.approx(14.0362)


def test_one_slice_aside_is_named():
    found = stack([*at(0), header((10.0, 21.5, 2)), *at(4)])
    (said,) = found.diagnostics
    assert (said.code, said.message) == (
        "sideways-shift",
        "slices are shifted sideways by up to 1.500 mm",
    )
    assert found.origins_lps[1].tolist() == [10, 21.5, 2]


def test_steps_that_add_up_are_named():
    # each step is within 1 % of the usual one, but together they leave the even grid
    heights = np.cumsum([0, 2.0, 2.019, 2.019, 2.0, 1.99, 1.981, 1.981]).tolist()
    assert found_in(at(*heights))["uneven-spacing"].message == (
        "8.038 mm is +0.044 mm off the even grid"
    )


def test_rounded_positions_pass():
    assert stack(at(0, 2.0005, 3.9996, 6.0001)).diagnostics == ()


def test_instance_numbers_that_go_both_ways_are_named():
    headers = [header((0, 0, 2.0 * n), instance=m) for n, m in enumerate([1, 3, 2, 4])]
    said = found_in(headers)["slice-order"]
    assert said.message == "2 of 4 slices are not where their instance number would put them"
    falling = [header((0, 0, 2.0 * n), instance=9 - n) for n in range(4)]
    assert stack(falling).diagnostics == ()


def test_a_stated_spacing_that_is_not_the_real_one_is_named():
    headers = [header((0, 0, 2.0 * n), step_mm=3.0) for n in range(4)]
    assert found_in(headers)["spacing-tag"].message == (
        "SpacingBetweenSlices is 3 mm, but slices are 2.000 mm apart"
    )


@pytest.mark.parametrize(
    ("thickness", "step", "message"),
    [
        (2.5, 2.5, "one slice; its thickness is taken as 2.5 mm"),
        (None, 1.0, "one slice; its thickness is taken as 1 mm, which is not stated"),
    ],
)
def test_one_slice_is_as_thick_as_it_says(thickness, step, message):
    found = stack([header((1, 2, 3), thickness_mm=thickness)])
    assert_allclose(found.frame.array[:3, 0], (0, 0, step))
    assert [(d.code, d.message) for d in found.diagnostics] == [("single-slice", message)]


def test_slightly_slanted_axes_are_used_as_stored():
    slanted = (1.0, 0.002, 0.0, 0.0, 1.0, 0.0)
    found = stack([header((0, 0, z), orientation=slanted) for z in (0, 1)])
    assert "non-orthonormal" in {d.code for d in found.diagnostics}
    assert_allclose(found.frame.array[:3, 2], np.array(slanted[:3]) * 0.75)


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0.1, 0.995, 0), (2, 0, 0, 0, 1, 0), (0,) * 6])
def test_axes_must_be_unit_and_perpendicular(orientation):
    (said,) = refused([header((0, 0, z), orientation=orientation) for z in (0, 1)])
    assert said.code == "impossible-axes"
    assert said.message == (
        f"ImageOrientationPatient must be two perpendicular unit vectors, got {list(orientation)}"
    )


def test_pixels_without_size_are_refused():
    (said,) = refused([header((0, 0, z), pixel_spacing_mm=(0.0, 1.0)) for z in (0, 1)])
    assert (said.code, said.message) == (
        "impossible-axes",
        "PixelSpacing must be longer than 0 mm, got [0.0, 1.0]",
    )


@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        ("ImageOrientationPatient", {"orientation": ()}),
        ("ImagePositionPatient", {"position": ()}),
        ("PixelSpacing", {"pixel_spacing_mm": ()}),
    ],
)
def test_a_missing_tag_is_named(tag, changes):
    headers = [*at(0, 2), header(**{"position": (0, 0, 4), **changes})]
    (said,) = refused(headers)
    assert (said.code, said.message) == ("missing-tags", f"1 of 3 images lack {tag}")


def test_a_projection_needs_no_place():
    found = stack([header((), orientation=(), modality="CR", pixel_spacing_mm=(0.2, 0.1))])
    assert_allclose(found.frame.array, np.diag([1, 0.2, 0.1, 1])[[2, 1, 0, 3]])
    assert [d.code for d in found.diagnostics] == ["unplaced"]


MICRONS = {"pixel_spacing_mm": (0.005, 0.005), "thickness_mm": 0.005}


def micro(*heights):
    return [header((1, 2, z), **MICRONS) for z in heights]


def test_slices_of_five_micrometres_are_at_five_places():
    found = stack(micro(*(0.005 * n for n in range(5))))
    assert len(found.slices) == 5
    assert found.origins_lps is None
    assert_allclose(frames.spacing_mm(found.frame), (0.005, 0.005, 0.005))
    along = np.array([0.005 * n for n in range(5)])
    assert position_numbers(along, place_tolerance_mm(micro(0)[0])) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("heights", "code", "message"),
    [
        ((0, 0.005, 0.015, 0.02), "missing-slices", "1 slice(s) of 0.005000 mm are missing"),
        ((0, 0.005, 0.0117, 0.0167), "uneven-spacing", "usually 0.005000 mm but 0.006700 mm"),
    ],
)
def test_unevenness_counts_by_the_step(heights, code, message):
    (told,) = [d for d in stack(micro(*heights)).diagnostics if d.code == code]
    assert told.message.startswith(message)


def test_a_tiny_shift_to_the_side_is_seen():
    headers = [header((1 + 0.003 * (n == 2), 2, 0.005 * n), **MICRONS) for n in range(5)]
    assert "sideways-shift" in {d.code for d in stack(headers).diagnostics}


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_tag_that_every_image_lacks_is_named(tag, rotated):
    for path in rotated.iterdir():
        change(path, **{tag: None})
    assert message_of(rotated) == (
        f"missing-tags: 17 of 17 images lack {tag} (refused: nothing else tells where the voxels "
        "are)"
    )


def wrong_order(dicom):
    for n, path in enumerate(dicom.series(LINE)):
        dicom.change(path, InstanceNumber=(n * 5) % 7)


def enhanced_gap(dicom):
    dicom.write(dicom.enhanced([*LINE[:3], *LINE[4:]], dicom.pixels(5)))


def letters_for_numbers(dicom):
    spoil(dicom.series(LINE)[0], b"10.0\\20.0", b"AB.0\\20.0")


def turned(*orientation):
    return series(ImageOrientationPatient=list(orientation))


OBLIQUE = [(0, -0.6 * 2 * n, 0.8 * 2 * n) for n in range(5)]
DRIFTING = np.cumsum([0, 2.0, 2.019, 2.019, 2.0, 1.99, 1.981, 1.981]).tolist()
FAULTS = [
    (series([*LINE[:3], *LINE[4:]]), {"missing-slices"}, "read"),
    (series(heights(0, 2, 4, 8, 10, 16, 18)), {"missing-slices"}, "read"),
    (series(heights(0, 2, 4, 5.3, 7.3)), {"uneven-spacing"}, "read"),
    (series(heights(*DRIFTING)), {"uneven-spacing"}, "read"),
    (enhanced_gap, {"missing-slices", "multi-frame"}, "read"),
    (series([(10, 20 + 0.4 * n, 30 + 2 * n) for n in range(6)]), {"gantry-tilt"}, "read"),
    (
        series([(10, 20 + 0.4 * n, 30 + 2 * n) for n in (0, 1, 2, 4, 5)]),
        {"gantry-tilt", "missing-slices"},
        "read",
    ),
    (series([*LINE[:3], (11.5, 20, 36), *LINE[4:]]), {"sideways-shift"}, "read"),
    (series(OBLIQUE, ImageOrientationPatient=[1, 0, 0, 0, 0.8, 0.6]), {"oblique-axes"}, "read"),
    (turned(1, 0.001, 0, 0, 1, 0), {"non-orthonormal"}, "read"),
    (turned(1, 0, 0, 0, 1.2, 0), {"impossible-axes"}, "refused"),
    (turned(0, 0, 0, 0, 0, 0), {"impossible-axes"}, "refused"),
    (series(PixelSpacing=[0, 1]), {"impossible-axes"}, "refused"),
    (wrong_order, {"slice-order"}, "read"),
    (series(SpacingBetweenSlices=5), {"spacing-tag"}, "read"),
    (series(LINE[:1]), {"single-slice"}, "read"),
    (series(ImagePositionPatient=None), {"missing-tags"}, "refused"),
    (series(ImageOrientationPatient=None), {"missing-tags"}, "refused"),
    (series(PixelSpacing=None), {"missing-tags"}, "refused"),
    (one_slice(ImagePositionPatient=None), {"missing-tags"}, "refused"),
    (one_slice(ImagePositionPatient=[]), {"missing-tags"}, "refused"),
    (letters_for_numbers, {"missing-tags"}, "refused"),
]


@each(FAULTS)
def test_faults_of_places_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
