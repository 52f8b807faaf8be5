from __future__ import annotations

import gzip
import re

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_med.source import read_volume
from sam_med.volume import Volume

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def save(path, array):
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4), dtype=array.dtype), path)
    return path


def message_of(path):
    with pytest.raises(InputError) as caught:
        read_volume(path)
    return str(caught.value)


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


def test_float64_becomes_float32(data):
    path = data / "med/volumes/mr_spine_t2/cord_levels.nii.gz"
    volume = read_volume(path)
    assert volume.array.dtype == np.float32
    assert np.unique(volume.array).tolist() == [0, 2, 3, 4, 5]


def test_voxels_are_read_only(data):
    volume = read_volume(data / "med/volumes/mr_spine_t2/t2.nii.gz")
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_modality_is_stated_or_unknown(data):
    path = data / "med/volumes/mr_spine_t2/t2.nii.gz"
    assert read_volume(path).modality is None
    assert read_volume(path, modality="mr").modality == "MR"
    series = data / "med/dicom/ct_small_rotated/series"
    assert read_volume(series).modality == "CT"
    assert read_volume(series, modality="MR").modality == "MR"


def test_the_space_of_a_nifti_is_kept(data):
    volume = read_volume(data / "med/volumes/mni152/t1.nii.gz")
    assert dict(volume.header) == {"sform_code": "2", "qform_code": "0"}


def test_no_such_file(tmp_path):
    assert message_of(tmp_path / "none.nii") == f"no such file: {tmp_path / 'none.nii'}"


def test_unknown_format(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(b"x" * 200)
    assert message_of(path) == (
        f"unknown volume format: {path} (known: .nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd, "
        "or a folder of DICOM)"
    )


def test_a_text_file_named_nii(tmp_path):
    path = tmp_path / "scan.nii"
    path.write_text("not an image")
    assert message_of(path) == (
        f'cannot read {path}: Unable to determine ImageIO reader for "{path}"'
    )


def test_two_dimensions(tmp_path):
    path = save(tmp_path / "flat.nii", np.zeros((5, 6), np.int16))
    assert message_of(path) == f"{path} has 2 dimensions (5 x 6): a volume needs 3"


def test_four_dimensions(tmp_path):
    path = save(tmp_path / "series.nii", np.zeros((5, 6, 7, 3), np.int16))
    assert message_of(path) == (
        f"{path} has 4 dimensions, 3 time points of 5 x 6 x 7 voxels: "
        "save the time point you want as a volume of its own"
    )


def test_a_fourth_dimension_of_one_is_none(tmp_path):
    path = save(tmp_path / "single.nii", np.zeros((5, 6, 7, 1), np.int16))
    assert read_volume(path).shape == (7, 6, 5)


@pytest.mark.parametrize(
    ("dtype", "kind", "components"),
    [
        (np.complex64, "complex of 32-bit float", 2),
        (RGB, "vector of 8-bit unsigned integer", 3),
    ],
)
def test_one_real_number_per_voxel(dtype, kind, components, tmp_path):
    path = save(tmp_path / "odd.nii", np.zeros((5, 6, 7), dtype))
    assert message_of(path) == (
        f"{path} holds {kind} with {components} component(s) per voxel: "
        "a volume needs one real number per voxel"
    )


def test_a_sheared_nifti_is_refused(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.3
    path = tmp_path / "sheared.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), affine), path)
    assert message_of(path) == (
        f"cannot read {path}: ITK only supports orthonormal direction cosines.  "
        "No orthonormal definition found!"
    )


def test_a_nifti_that_ends_early_is_refused(tmp_path):
    """ITK itself fills the rest with zeros and says nothing."""
    path = save(tmp_path / "cut.nii", np.ones((50, 60, 7), np.int16))
    path.write_bytes(path.read_bytes()[:-1])
    assert (
        message_of(path) == f"{path} ends early: its header promises {352 + 50 * 60 * 7 * 2} bytes"
    )
    assert sitk.ReadImage(str(path)).GetSize() == (50, 60, 7)


def test_a_compressed_nifti_that_ends_early_is_refused(tmp_path):
    noise = np.random.default_rng(1).integers(0, 1000, (50, 60, 7)).astype(np.int16)
    path = save(tmp_path / "cut.nii.gz", noise)
    path.write_bytes(path.read_bytes()[:20000])
    assert message_of(path) == (
        f"{path} is damaged: Compressed file ended before the end-of-stream marker was reached"
    )
    path.write_bytes(gzip.compress(gzip.compress(b"x")))
    assert message_of(path).startswith(f"cannot read {path}: ")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 3)), "a volume has 3 axes of at least 1 voxel, got (2, 3)"),
        (np.zeros((2, 3, 0)), "a volume has 3 axes of at least 1 voxel, got (2, 3, 0)"),
        (
            np.zeros((2, 3, 4), bool),
            "voxels must be integers or real numbers, got bool (convert the volume first)",
        ),
        (
            np.zeros((2, 3, 4), complex),
            "voxels must be integers or real numbers, got complex128 (convert the volume first)",
        ),
    ],
)
def test_what_is_no_volume(array, expected):
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        Volume(array, Frame.identity(3))


def test_a_volume_needs_a_frame_of_three_axes():
    with pytest.raises(InputError, match=r"^the frame must have 3 axes, got 2$"):
        Volume(np.zeros((2, 3, 4)), Frame.identity(2))
