"""What NRRD and MetaImage headers say of places and values, in each way of writing it."""

from __future__ import annotations

import numpy as np
import pytest
from scans import codes, message_of
from volume_files import ORIGIN, STEPS, metaimage, nrrd

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

TIMED = "space directions: (1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,1)"


@pytest.mark.parametrize("joint", ["-", " ", ""])
@pytest.mark.parametrize(
    ("words", "turned"),
    [
        (("left", "posterior", "superior"), (10, 20, 30)),
        (("right", "anterior", "superior"), (-10, -20, 30)),
        (("Left", "Anterior", "Superior"), (10, -20, 30)),
    ],
)
def test_spaces_of_the_patient_with_hyphens_blanks_or_neither(words, turned, joint, tmp_path):
    volume = read_volume(nrrd(tmp_path / "a.nrrd", f"space: {joint.join(words)}", STEPS, ORIGIN))
    assert np.array_equal(volume.frame.array[:3, 3], turned)
    assert codes(volume) == []
    timed = (f"space: {joint.join((*words, 'time'))}", TIMED, "space origin: (10,20,30,0)")
    volume = read_volume(nrrd(tmp_path / "a.nrrd", *timed, sizes="2 3 4 2"), time=2)
    assert np.array_equal(volume.frame.array[:3, 3], turned)
    assert codes(volume) == ["repeated-positions"]


@pytest.mark.parametrize("space", ["3D-left-handed", "3D left handed", "3Dlefthanded"])
def test_left_handed_spaces_are_refused_however_they_are_written(space, tmp_path):
    with pytest.raises(RefusedError, match="mirrored-space"):
        read_volume(nrrd(tmp_path / "a.nrrd", f"space: {space}", STEPS, ORIGIN))


@pytest.mark.parametrize("name", ["space units", "spaceunits", "Space Units", "SPACEUNITS"])
def test_units_under_each_of_their_names(name, tmp_path):
    volume = read_volume(
        nrrd(tmp_path / "a.nrrd", "space: LPS", STEPS, ORIGIN, f'{name}: "um" "um" "um"')
    )
    assert np.allclose(volume.spacing_mm, (0.003, 0.002, 0.001))
    assert codes(volume) == ["scaled-units"]


def test_a_unit_that_only_some_axes_have_is_told(tmp_path):
    volume = read_volume(
        nrrd(tmp_path / "a.nrrd", "space: LPS", STEPS, ORIGIN, 'space units: "mm" "" "um"')
    )
    assert codes(volume) == ["unknown-units"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), ["no-affine", "no-pixel-spacing"]),
        (("spacings: nan nan nan",), ["no-affine", "no-pixel-spacing"]),
        (("spacings: 1 2 3",), ["no-affine"]),
        (("space: LPS",), ["no-affine", "no-pixel-spacing"]),
        (("space: LPS", ORIGIN), ["no-pixel-spacing"]),
        (("space: LPS", STEPS), ["no-affine"]),
        (("space: LPS", "spacedirections: (1,0,0) (0,2,0) none", ORIGIN), ["no-pixel-spacing"]),
    ],
)
def test_what_is_not_stated_of_a_place_is_told(fields, expected, tmp_path):
    path = nrrd(tmp_path / "a.nrrd", *fields)
    assert codes(read_volume(path)) == expected
    told = [d["code"] for d in describe_path(path)["series"][0]["diagnostics"]]
    assert told == expected


@pytest.mark.parametrize("blank", [" ", ""])
def test_ends_of_axes_are_no_distances(blank, tmp_path):
    ends = (f"axis{blank}mins: 0 0 0", f"axis{blank}maxs: 2 6 12")
    with pytest.raises(RefusedError, match="ends-of-axes: the distances of voxels are stated by"):
        read_volume(nrrd(tmp_path / "a.nrrd", *ends))
    with pytest.raises(RefusedError, match="ends-of-axes"):
        describe_path(nrrd(tmp_path / "a.nrrd", *ends))
    assert codes(read_volume(nrrd(tmp_path / "a.nrrd", "spacings: 1 2 3", *ends[:1]))) == [
        "no-affine"
    ]


@pytest.mark.parametrize(
    ("fields", "origin", "codes"),
    [
        (("space: LPS",), (10, 20, 30), []),
        (("space: RAS",), (-10, -20, 30), []),
        (("space: left-anterior-superior",), (10, -20, 30), []),
        (("Space: LPS", 'Space Units: "um" "um" "um"'), (0.01, 0.02, 0.03), ["scaled-units"]),
        (("space: RAS", 'space units: "m" "m" "m"'), (-1e4, -2e4, 3e4), ["scaled-units"]),
        (
            ("space: LPS", 'space units: "mm" "cm" "Microns"'),
            (10, 200, 0.03),
            ["scaled-units"],
        ),
        (("space: LPS", 'space units: "mm" "mm" "mm"'), (10, 20, 30), []),
        (("space: LPS", 'space units: "ell" "mm" "mm"'), (10, 20, 30), ["unknown-units"]),
        (("space: scanner-xyz",), (10, 20, 30), ["unknown-space"]),
        (("space: 3D-right-handed",), (10, 20, 30), ["unknown-space"]),
        (("space dimension: 3",), (10, 20, 30), ["no-affine"]),
    ],
)
def test_spaces_and_units_of_a_nrrd(fields, origin, codes, tmp_path):
    path = nrrd(tmp_path / "a.nrrd", *fields, STEPS, ORIGIN)
    volume = read_volume(path)
    assert volume.to_world((0, 0, 0)) == pytest.approx(origin)
    assert [d.code for d in volume.diagnostics] == codes


def test_a_left_handed_space_is_refused(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", "space: 3D-left-handed", STEPS, ORIGIN)
    assert message_of(path).startswith("mirrored-space: the space is '3d-left-handed' (refused")


@pytest.mark.parametrize(
    ("space", "origin"),
    [
        ("right-anterior-superior-time", (-10, -20, 30)),
        ("LAST", (10, -20, 30)),
        ("LPST", (10, 20, 30)),
    ],
)
def test_spaces_with_time_are_turned_too(space, origin, tmp_path):
    steps = "space directions: (1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,1)"
    fields = (f"space: {space}", steps, "space origin: (10,20,30,0)")
    volume = read_volume(nrrd(tmp_path / "t.nrrd", *fields, sizes="2 3 4 2"), time=2)
    assert volume.to_world((0, 0, 0)) == pytest.approx(origin)


def test_units_of_a_nrrd_without_a_space(tmp_path):
    spacings, units = "spacings: 1 2 3", 'units: "um" "um" "um"'
    volume = read_volume(nrrd(tmp_path / "a.nrrd", spacings, units))
    assert volume.spacing_mm == pytest.approx((0.003, 0.002, 0.001))
    assert [d.code for d in volume.diagnostics] == ["no-affine", "scaled-units"]


PLACED = (
    *("Offset = 10 20 30", "TransformMatrix = 1 0 0 0 1 0 0 0 1"),
    "ElementSpacing = 1 2 3",
)


@pytest.mark.parametrize(
    ("fields", "spacing_kji", "codes"),
    [
        (PLACED, (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = RAI"), (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = LPS"), (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = ???"), (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = LAI"), (3, 2, 1), ["orientation-conflict"]),
        ((*PLACED, "DistanceUnits = um"), (0.003, 0.002, 0.001), ["scaled-units"]),
        ((*PLACED, "DistanceUnits = cm"), (30, 20, 10), ["scaled-units"]),
        ((*PLACED, "DistanceUnits = mm"), (3, 2, 1), []),
        (("ElementSpacing = 1 2 3",), (3, 2, 1), ["no-affine"]),
        (PLACED[1:], (3, 2, 1), ["no-affine"]),
        (PLACED[:2], (1, 1, 1), ["no-pixel-spacing"]),
    ],
)
def test_what_a_metaimage_says_of_its_place(fields, spacing_kji, codes, tmp_path):
    volume = read_volume(metaimage(tmp_path / "a.mha", *fields))
    assert volume.spacing_mm == pytest.approx(spacing_kji)
    assert [d.code for d in volume.diagnostics] == codes


VALUES = np.arange(24, dtype="<i2").reshape(4, 3, 2)

PLACE = ("Offset = 0 0 0", "TransformMatrix = 1 0 0 0 1 0 0 0 1", "ElementSpacing = 1 1 1")


def scaled(tmp_path, *fields):
    path = tmp_path / "CANARY.mha"
    return metaimage(path, *fields, *PLACE, kind="MET_SHORT", voxels=VALUES.tobytes())


@pytest.mark.parametrize(
    ("slope", "offset", "dtype"),
    [("2", "-1000", np.int16), ("0.5", None, np.float32), (None, "40000", np.uint16)],
)
def test_the_slope_of_a_metaimage_is_applied_and_said(slope, offset, dtype, tmp_path):
    stated = {"Slope": slope, "Offset": offset}
    fields = [f"ElementToIntensityFunction{k} = {v}" for k, v in stated.items() if v]
    volume = read_volume(scaled(tmp_path, *fields))
    expected = VALUES * float(slope or 1) + float(offset or 0)
    assert np.array_equal(volume.array, expected)
    assert volume.array.dtype == dtype
    assert [d.code for d in volume.diagnostics] == ["stated-rescale"]


def test_a_slope_that_changes_nothing_is_not_said(tmp_path):
    volume = read_volume(scaled(tmp_path, "ElementToIntensityFunctionSlope = 1"))
    assert (volume.array.dtype, volume.diagnostics) == (np.int16, ())


@pytest.mark.parametrize("slope", ["0", "nan", "two"])
def test_a_slope_that_is_none_is_refused(slope, tmp_path):
    with pytest.raises(RefusedError, match="bad-rescale: ElementToIntensityFunctionSlope is 0"):
        read_volume(scaled(tmp_path, f"ElementToIntensityFunctionSlope = {slope}"))


def test_the_range_before_nrrd_quantized_values_is_told(tmp_path):
    path = tmp_path / "CANARY.nrrd"
    lines = [
        *("NRRD0004", "type: short", "dimension: 3", "sizes: 2 3 4", "space: LPS"),
        *("space directions: (1,0,0) (0,1,0) (0,0,1)", "space origin: (0,0,0)"),
        *("endian: little", "encoding: raw", "old min: -1000", "oldmax: 3000"),
    ]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + VALUES.tobytes())
    volume = read_volume(path)
    assert [(d.code, d.severity) for d in volume.diagnostics] == [("other-values", "warning")]
    assert np.array_equal(volume.array, VALUES)
