from __future__ import annotations

import re
import resource

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sam_common.errors import OutputError
from sam_common.frame import Frame
from sam_med.files import grid_files
from sam_med.geometry import frame as frames

TYPES = sorted(grid_files.NRRD_TYPES)

TILT = (1, 0, 0, 0, 0.95, 0.2, 0, -0.3, 1)

TURNED = (0, 0.6, 0.8, 1, 0, 0, 0, 0.8, -0.6)


def grid(direction=TURNED, shape=(3, 4, 5), dtype="int16"):
    rng = np.random.default_rng(3)
    array = rng.integers(0, 100, shape).astype(dtype)
    return array, frames.from_itk((-10.5, 20.25, 31.125), (0.7, 0.9, 2.5), direction)


def read_nifti(path):
    image = nibabel.load(path)
    return np.asarray(image.dataobj).T, frames.from_ras_affine(image.affine)


def read_nrrd(path):
    array, header = nrrd.read(str(path), index_order="C")
    matrix = np.eye(4)
    matrix[:3, :3] = header["space directions"][::-1].T
    matrix[:3, 3] = header["space origin"]
    assert header["space"] == "left-posterior-superior"
    return array, Frame.from_array(matrix)


def read_itk(path):
    image = sitk.ReadImage(str(path))
    frame = frames.from_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    return sitk.GetArrayFromImage(image), frame


READERS = {".nii.gz": read_nifti, ".nii": read_nifti, ".nrrd": read_nrrd, ".mha": read_itk}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("suffix", grid_files.GRID_SUFFIXES)
def test_voxels_types_and_places_come_back(suffix, dtype, tmp_path):
    array, frame = grid(dtype=dtype)
    path = tmp_path / f"out{suffix}"
    grid_files.write_grid(array, frame, path)
    for read in {READERS[suffix], read_itk}:
        found, found_frame = read(path)
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)
        assert_allclose(found_frame.array, frame.array, rtol=6e-8, atol=1e-6)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_sheared_grids_keep_their_shear(suffix, tmp_path):
    array, frame = grid(TILT)
    path = tmp_path / f"out{suffix}"
    grid_files.write_grid(array, frame, path)
    found, found_frame = READERS[suffix](path)
    assert np.array_equal(found, array)
    assert_allclose(found_frame.array, frame.array, rtol=6e-8, atol=1e-6)


def test_a_sheared_nifti_goes_by_its_sform_only(tmp_path):
    array, frame = grid(TILT)
    grid_files.write_grid(array, frame, tmp_path / "out.nii", sform_code=2)
    header = nibabel.load(tmp_path / "out.nii").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (2, 0)


def test_metaimage_refuses_a_shear(tmp_path):
    array, frame = grid(TILT)
    expected = (
        "cannot write out.mha: MetaImage holds perpendicular axes only, and the slices of this "
        f"grid are shifted against each other by {frames.shear_degrees(frame):.3f} degrees, "
        "as a tilted gantry does (write .nii.gz or .nrrd)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        grid_files.write_grid(array, frame, tmp_path / "out.mha")
    assert not list(tmp_path.iterdir())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.floats(-3, 3).map(lambda v: round(v, 3)), min_size=12, max_size=12))
def test_nrrd_keeps_every_affine_to_the_last_digit(values, tmp_path):
    matrix = np.eye(4)
    matrix[:3] = np.reshape(values, (3, 4)) / 3
    matrix[:3, :3] += np.diag([9.0, 9.0, 9.0])  # never singular
    frame = Frame.from_array(matrix)
    grid_files.write_grid(np.zeros((2, 2, 2), np.uint8), frame, tmp_path / "out.nrrd")
    assert read_nrrd(tmp_path / "out.nrrd")[1] == frame


def test_types_that_not_every_format_holds(tmp_path):
    array, frame = grid(dtype="int64")
    expected = (
        "cannot write out.nii: voxels of type int64 are not held by every format (known: int8, "
        "uint8, int16, uint16, int32, uint32, float32, float64)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        grid_files.write_grid(array, frame, tmp_path / "out.nii")


def test_an_axis_too_long_for_nifti(tmp_path):
    array, frame = grid(shape=(1, 1, 32768), dtype="uint8")
    expected = (
        "cannot write out.nii.gz: an axis of 32768 voxels is more than the 32767 that NIfTI-1 "
        "holds (write .nrrd)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        grid_files.write_grid(array, frame, tmp_path / "out.nii.gz")
    grid_files.write_grid(array, frame, tmp_path / "out.nrrd")
    assert read_nrrd(tmp_path / "out.nrrd")[0].shape == (1, 1, 32768)


@pytest.mark.parametrize("name", ["out.png", "out", "out.seg.nrrd", "out.nii.gz.txt"])
def test_unknown_formats(name, tmp_path):
    expected = f"unknown format for a volume: {name} (known: .nii.gz, .nii, .nrrd, .mha)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        grid_files.grid_suffix(tmp_path / name)


def test_a_folder_that_is_not_there(tmp_path):
    array, frame = grid()
    path = tmp_path / "none" / "out.nii.gz"
    with pytest.raises(OutputError, match=f"^cannot write {re.escape(str(path))}: "):
        grid_files.write_grid(array, frame, path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("allowed", [100, 20_000])
def test_a_disk_that_takes_no_more_is_an_error_and_nothing_else(suffix, allowed, tmp_path, capfd):
    """No library adds lines of its own to stderr, and no file stays."""
    noise = np.random.default_rng(2).integers(0, 1000, (8, 64, 64)).astype(np.int16)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, before[1]))
    try:
        with pytest.raises(OutputError) as caught:
            grid_files.write_grid(noise, Frame.identity(3), tmp_path / f"out{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert [*tmp_path.iterdir()] == []
