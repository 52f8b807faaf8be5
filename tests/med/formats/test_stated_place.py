"""What NRRD headers say of places, in each way in which their readers let it be written."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

STEPS = "space directions: (1,0,0) (0,2,0) (0,0,3)"
ORIGIN = "space origin: (10,20,30)"
TIMED = "space directions: (1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,1)"


def nrrd(tmp_path, *fields, sizes="2 3 4"):
    path = tmp_path / "CANARY.nrrd"
    shape = [int(n) for n in sizes.split()]
    head = ["NRRD0004", "type: uchar", f"dimension: {len(shape)}", f"sizes: {sizes}"]
    lines = [*head, "encoding: raw", *fields]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + bytes(int(np.prod(shape))))
    return path


def codes(volume):
    return [d.code for d in volume.diagnostics]


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
    volume = read_volume(nrrd(tmp_path, f"space: {joint.join(words)}", STEPS, ORIGIN))
    assert np.array_equal(volume.frame.array[:3, 3], turned)
    assert codes(volume) == []
    timed = (f"space: {joint.join((*words, 'time'))}", TIMED, "space origin: (10,20,30,0)")
    volume = read_volume(nrrd(tmp_path, *timed, sizes="2 3 4 2"), time=2)
    assert np.array_equal(volume.frame.array[:3, 3], turned)
    assert codes(volume) == ["repeated-positions"]


@pytest.mark.parametrize("space", ["3D-left-handed", "3D left handed", "3Dlefthanded"])
def test_left_handed_spaces_are_refused_however_they_are_written(space, tmp_path):
    with pytest.raises(RefusedError, match="mirrored-space"):
        read_volume(nrrd(tmp_path, f"space: {space}", STEPS, ORIGIN))


@pytest.mark.parametrize("name", ["space units", "spaceunits", "Space Units", "SPACEUNITS"])
def test_units_under_each_of_their_names(name, tmp_path):
    volume = read_volume(nrrd(tmp_path, "space: LPS", STEPS, ORIGIN, f'{name}: "um" "um" "um"'))
    assert np.allclose(volume.spacing_mm, (0.003, 0.002, 0.001))
    assert codes(volume) == ["scaled-units"]


def test_a_unit_that_only_some_axes_have_is_told(tmp_path):
    volume = read_volume(nrrd(tmp_path, "space: LPS", STEPS, ORIGIN, 'space units: "mm" "" "um"'))
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
    path = nrrd(tmp_path, *fields)
    assert codes(read_volume(path)) == expected
    told = [d["code"] for d in describe_path(path)["series"][0]["diagnostics"]]
    assert told == expected


@pytest.mark.parametrize("blank", [" ", ""])
def test_ends_of_axes_are_no_distances(blank, tmp_path):
    ends = (f"axis{blank}mins: 0 0 0", f"axis{blank}maxs: 2 6 12")
    with pytest.raises(RefusedError, match="ends-of-axes: the distances of voxels are stated by"):
        read_volume(nrrd(tmp_path, *ends))
    with pytest.raises(RefusedError, match="ends-of-axes"):
        describe_path(nrrd(tmp_path, *ends))
    assert codes(read_volume(nrrd(tmp_path, "spacings: 1 2 3", *ends[:1]))) == ["no-affine"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            ("space: RAS", "spacings: 1 2 3"),
            "Error interpreting nrrd spacing (nrrdSpacingStatusScalarWithSpace)",
        ),
        (("space: elsewhere",), 'couldn\'t parse space "..."'),
    ],
)
def test_refusals_of_itk_hold_no_address_and_no_class(fields, reason, tmp_path):
    with pytest.raises(InputError) as caught:
        read_volume(nrrd(tmp_path, *fields))
    assert str(caught.value) == f"cannot read the volume file: {reason}"
