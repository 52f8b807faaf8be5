from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from grids import SIGNED_AXES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scans import message_of
from volume_files import SCANNER, save

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.report.geometry_report import describe_path
from sam_med.segmentations.read import read_segmentation


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_every_format_keeps_type_and_voxels(suffix, dtype, tmp_path):
    array = np.arange(2 * 3 * 4, dtype=dtype).reshape(2, 3, 4)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.6, 2.0))
    path = tmp_path / f"volume{suffix}"
    sitk.WriteImage(image, str(path))
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array, array)
    assert volume.spacing_mm == pytest.approx((2.0, 0.6, 0.5))
    assert (volume.source, volume.files, volume.modality) == (path, (path,), None)


def test_modality_is_stated_or_unknown(data):
    path = data / "med/volumes/mr_spine_t2/t2.nii.gz"
    assert read_volume(path).modality is None
    assert read_volume(path, modality="mr").modality == "MR"
    series = data / "med/dicom/ct_small_rotated/series"
    assert read_volume(series).modality == "CT"
    assert read_volume(series, modality="MR").modality == "MR"


def test_no_such_file(tmp_path):
    assert message_of(tmp_path / "none.nii") == f"no such file: {tmp_path / 'none.nii'}"


def test_unknown_format(tmp_path):
    path = tmp_path / "scan.doc"
    path.write_bytes(b"x" * 200)
    assert message_of(path) == (
        "not-dicom: the file is no DICOM, no zip of it, and its name does not end like that of a "
        "volume file (.nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd, .mgz, .mgh)"
    )


def test_pictures_go_to_the_other_side(tmp_path):
    path = tmp_path / "scan.PNG"
    path.write_bytes(b"x" * 200)
    assert message_of(path) == (
        "not-dicom: the file is a picture, which does not say where the patient is: give the scan "
        "that it was made of; sam-geo segments pictures (read are DICOM and .nii.gz, .nii, .nrrd, "
        ".nhdr, .mha, .mhd, .mgz, .mgh)"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("scan.nii", "cannot read the NIfTI file: Cannot work out file type of "),
        ("scan.nrrd", "cannot read the volume file: "),
        ("scan.mha", "cannot read the volume file: "),
    ],
)
def test_a_text_file_named_as_a_volume(name, reason, tmp_path):
    path = tmp_path / name
    path.write_text("not an image")
    message = message_of(path)
    assert message.startswith(reason)
    assert str(tmp_path) not in message


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_time_point_is_chosen(suffix, tmp_path):
    array = np.arange(5 * 4 * 3 * 2, dtype=np.int16).reshape(5, 4, 3, 2)  # t, k, j, i
    image = sitk.GetImageFromArray(array, isVector=False)
    image.SetSpacing((1, 2, 3, 1))
    path = tmp_path / f"times{suffix}"
    sitk.WriteImage(image, str(path))
    assert message_of(path) == (
        "repeated-positions: the file holds 5 time points (choose a time point with --time NUMBER)"
    )
    assert message_of(path, time=6) == "no time point 6: there are 5 (from 1 to 5)"
    for time in (1, 5):
        volume = read_volume(path, time=time)
        assert np.array_equal(volume.array, array[time - 1])
        assert volume.spacing_mm == (3, 2, 1)
        assert volume.notes[0] == (
            f"repeated-positions: the file holds 5 time points (time point {time} is read)"
        )


def test_a_volume_file_holds_one_series(tmp_path):
    path = save(tmp_path / "one.nii", np.zeros((5, 6, 7), np.int16))
    assert read_volume(path, series=1).shape == (7, 6, 5)
    assert message_of(path, series=2) == "no series 2: a volume file holds one"


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("axes", SIGNED_AXES)
def test_every_permutation_and_flip(suffix, axes, tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = axes * (0.5, 2.0, 3.0)
    affine[:3, 3] = (11, -12, 13)
    array = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    path = tmp_path / f"volume{suffix}"
    if suffix == ".nii":
        image = nibabel.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)
    else:
        image = sitk.GetImageFromArray(array.T)
        lps = np.diag([-1, -1, 1, 1]) @ affine
        image.SetOrigin(lps[:3, 3])
        image.SetSpacing((0.5, 2.0, 3.0))
        image.SetDirection((lps[:3, :3] / (0.5, 2.0, 3.0)).ravel())
        sitk.WriteImage(image, str(path))
    volume = read_volume(path)
    assert volume.diagnostics == ()
    assert np.array_equal(volume.array, array.T)
    for ijk in np.ndindex(array.shape):
        ras = nibabel.affines.apply_affine(affine, ijk)
        assert np.abs(volume.to_world(ijk[::-1]) - ras * (-1, -1, 1)).max() < 1e-6


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.mgz", "plain.mha", "a.mhd"])
def test_damaged_voxels_are_never_read(name, tmp_path):
    """One byte of the checksum is another, or the end is missing: both are refused."""
    array = np.random.default_rng(4).integers(0, 99, (5, 6, 7)).astype(np.int16)
    path = tmp_path / name
    if name.endswith((".nii.gz", ".mgz")):
        kind = nibabel.Nifti1Image if name.endswith(".gz") else nibabel.MGHImage
        nibabel.save(kind(array, SCANNER), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path), "plain" not in name)
    read_volume(path)
    held = path.with_suffix(".zraw") if name.endswith(".mhd") else path
    good = held.read_bytes()
    checksum = -2 if name.endswith((".mha", ".mhd")) else -6
    changed = bytearray(good)
    changed[checksum] ^= 0xFF
    for content in (bytes(changed), good[:-40], good[:-5]):
        if content == changed and "plain" in name:
            continue  # plain voxels have no checksum
        held.write_bytes(content)
        assert "\n" not in message_of(path)
        with pytest.raises(InputError):
            read_segmentation(path)
    if held != path:
        held.unlink()
        assert message_of(path).startswith("truncated-pixels: ")


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["CT_small", "SC_rgb_small_odd", "emri_small", "MR_small_RLE"]),
    changes=st.lists(
        st.tuples(st.integers(132, 4000), st.integers(0, 255)), min_size=1, max_size=8
    ),
    cut=st.integers(0, 40),
)
def test_damage_of_any_kind_is_an_error_of_the_suite_or_none(name, changes, cut, data, tmp_path):
    content = bytearray((data / f"med/dicom_single/{name}.dcm").read_bytes())
    for at, value in changes:
        content[at % len(content)] = value
    path = tmp_path / "CANARY.dcm"
    path.write_bytes(content[: len(content) - cut])
    told = [said for read in (describe_path, read_volume) if (said := refusal(read, path))]
    assert "CANARY" not in str(told)


def refusal(read, path):
    """What an error of the suite says; None where the damage was harmless. No other may come."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return None
