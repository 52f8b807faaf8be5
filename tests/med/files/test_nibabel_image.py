"""What nibabel opens: sizes, types of voxels and time points."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from scans import message_of
from volume_files import SCANNER, nifti, save

from sam_common.errors import InputError
from sam_med.files.nibabel_image import readable
from sam_med.files.read import read_volume

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def test_float64_becomes_float32(data):
    path = data / "med/volumes/mr_spine_t2/cord_levels.nii.gz"
    volume = read_volume(path)
    assert volume.array.dtype == np.float32
    assert np.unique(volume.array).tolist() == [0, 2, 3, 4, 5]


def test_two_dimensions(tmp_path):
    path = save(tmp_path / "flat.nii", np.zeros((5, 6), np.int16))
    told = (
        "has 2 axes (5 x 6), where a volume has 3: write it with a third axis of length 1, such as "
        "image[..., None] in Python"
    )
    assert message_of(path) == f"the NIfTI file {told}"
    flat = tmp_path / "flat.mha"
    sitk.WriteImage(sitk.Image(5, 6, sitk.sitkInt16), str(flat))
    assert message_of(flat) == f"the file {told}"


def test_a_fourth_dimension_of_one_is_none(tmp_path):
    path = save(tmp_path / "single.nii", np.zeros((5, 6, 7, 1), np.int16))
    assert read_volume(path).shape == (7, 6, 5)
    assert read_volume(path, time=1).shape == (7, 6, 5)


@pytest.mark.parametrize(("dtype", "kind"), [(np.complex64, "complex64"), (RGB, "colours")])
def test_one_real_number_per_voxel(dtype, kind, tmp_path):
    path = save(tmp_path / "odd.nii", np.zeros((5, 6, 7), dtype))
    assert message_of(path) == (
        f"the NIfTI file holds {kind}: a volume needs one real number per voxel"
    )
    path = tmp_path / "odd.nrrd"
    sitk.WriteImage(sitk.Image(5, 6, 7, sitk.sitkVectorUInt8), str(path))
    assert message_of(path) == (
        "the file holds vector of 8-bit unsigned integer with 3 component(s) per voxel: "
        "a volume needs one real number per voxel"
    )


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 3], np.int16),
        ([0, 60000], np.uint16),
        ([-70000, 3], np.int32),
        ([0, 2**40], np.float32),
    ],
)
def test_64_bit_labels_become_the_smallest_type(values, dtype, tmp_path):
    array = np.resize(np.array(values, np.int64), (3, 4, 5))
    path = save(tmp_path / "labels.nii", array)
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array.T.astype(np.float64), array.astype(np.float64))


def test_a_header_that_makes_no_sense(tmp_path):
    path = nifti(tmp_path / "odd.nii", sform=SCANNER)
    content = bytearray(path.read_bytes())
    content[70:72] = (999).to_bytes(2, "little")  # type of voxels
    path.write_bytes(content)
    assert message_of(path).startswith("cannot read the NIfTI file: ")
    content = bytearray(nifti(tmp_path / "odd.nii", sform=SCANNER).read_bytes())
    content[42:48] = (30000).to_bytes(2, "little") * 3  # sizes
    path.write_bytes(content)
    assert message_of(path) == (
        "the NIfTI file says that it has (30000, 30000, 30000) voxels: its header is damaged"
    )


def test_the_checksum_of_a_compressed_file_is_read_too(tmp_path):
    noise = np.random.default_rng(1).integers(0, 1000, (50, 60, 7)).astype(np.int16)
    path = save(tmp_path / "a.nii.gz", noise)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)
    assert message_of(path).startswith("truncated-pixels: the NIfTI file is damaged or ends early")


def test_what_nibabel_raises_names_no_file(tmp_path):
    path = tmp_path / "CANARY.nii"
    for raised, start in (
        (ValueError(f"{path} is odd\nand more"), "cannot read the X file: the file is odd"),
        (EOFError(), "truncated-pixels: the X file is damaged or ends early: EOFError"),
        (MemoryError(), "cannot read the X file: its voxels do not fit into memory"),
    ):
        with pytest.raises(InputError) as caught, readable("X", path):
            raise raised
        assert str(caught.value).startswith(start)
        assert "CANARY" not in str(caught.value)
