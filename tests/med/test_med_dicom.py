from __future__ import annotations

import re
import shutil

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from sam_common.errors import GeometryError, InputError
from sam_med.dicom import read_series
from sam_med.source import read_volume


def copy_series(source, target):
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)
    return target


@pytest.fixture
def rotated(data, tmp_path):
    """A copy of ct_small_rotated to spoil."""
    return copy_series(data / "med/dicom/ct_small_rotated/series", tmp_path / "series")


def change(path, **values):
    dataset = pydicom.dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)


def message_of(folder):
    with pytest.raises(InputError) as caught:
        read_series(folder)
    return str(caught.value)


def test_voxels_as_in_the_reference_nifti(series):
    """dcm2niix's conversion, matched in patient space: every voxel, to the bit."""
    volume = read_volume(series / "series")
    compared = 0
    for path in sorted((series / "reference").glob("*.nii.gz")):
        oracle = nibabel.load(path)
        ijk = np.stack(np.indices(oracle.shape), axis=-1).reshape(-1, 3)
        ras = nibabel.affines.apply_affine(oracle.affine, ijk)
        index = volume.frame.to_index(ras * (-1, -1, 1))
        k, j, i = np.rint(index).astype(int).T
        assert np.abs(index - np.rint(index)).max() < 1e-3
        assert np.array_equal(volume.array[k, j, i], np.asarray(oracle.dataobj)[tuple(ijk.T)])
        compared += len(ijk)
    assert compared == volume.array.size


def test_jpeg_2000_keeps_its_integer_type(data):
    volume = read_volume(data / "med/dicom/ct_abdomen_dicom/series")
    assert volume.array.dtype == np.int16
    assert (int(volume.array.min()), int(volume.array.max())) == (-1024, 1839)
    assert volume.notes == ()


def test_files_beside_the_series_are_left_out_aloud(data):
    volume = read_volume(data / "med/dicom/ct_phantom_rtstruct")
    assert volume.shape == (2, 512, 512)
    assert volume.notes == (
        "2 file(s) of the folder are no DICOM and were left out",
        "1 DICOM file(s) of the folder are no images, left out",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "ct_small_missing_slices",
            (
                "the 16 slices do not form a regular grid: 2 slices at -18.707 mm; uneven spacing, "
                "usually 2.000 mm but 4.000 mm from -16.707 to -12.707, 4.000 mm from -6.707 to "
                "-2.707 (such series are not read yet)"
            ),
        ),
        (
            "ct_head_gantry_tilt_uneven",
            (
                "the 7 slices do not form a regular grid: uneven spacing, usually 4.002 mm but "
                "1.081 mm from 18.360 to 19.441, 6.999 mm from 19.441 to 26.439, "
                "6.999 mm from 26.439 to 33.438, 6.999 mm from 33.438 to 40.437; "
                "slices are sheared by 18.50 degrees (gantry tilt) (such series are not read yet)"
            ),
        ),
        (
            "mr_epi_4d_small",
            (
                "the 24 slices do not form a regular grid: each of 8 positions occurs 3 times "
                "(4-D, 3 time points) (such series are not read yet)"
            ),
        ),
        (
            "ct_tiny_seg_overlap",
            (
                "the 4 slices do not form a regular grid: uneven spacing, usually 1.250 mm but "
                "202.500 mm from -99.480 to 103.020 (such series are not read yet)"
            ),
        ),
    ],
)
def test_irregular_series_are_refused_with_numbers(name, expected, data):
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}$"):
        read_volume(data / "med/dicom" / name / "series")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "mr_enhanced_philips",
            (
                "a file of the folder is multi-frame (64 frames): only series with one slice per "
                "file are read yet"
            ),
        ),
        (
            "mr_mosaic_axial_oblique",
            "the series is a mosaic (many slices tiled in one image): it is not read yet",
        ),
    ],
)
def test_other_kinds_of_dicom_are_refused(name, expected, data):
    assert message_of(data / "med/dicom" / name / "series") == expected


def test_names_and_instance_numbers_do_not_matter(rotated, data):
    plain = read_volume(data / "med/dicom/ct_small_rotated/series")
    for n, path in enumerate(sorted(rotated.iterdir(), reverse=True)):
        change(path, InstanceNumber=1 + (n * 7) % 17)
        path.rename(rotated / f"{n:03}.ima")
    shuffled = read_volume(rotated)
    assert np.array_equal(shuffled.array, plain.array)
    assert shuffled.frame == plain.frame


def test_two_series_in_one_folder(rotated, data):
    copy_series(data / "med/dicom/mr_sagittal_hfs/series", rotated / "sub")
    assert message_of(rotated) == (
        "the folder holds 2 series: 1) series number 3, MR, 10 slice(s) of 256 x 256 pixels; "
        "2) series number 123456, CT, 17 slice(s) of 88 x 128 pixels "
        "(put the one to segment into a folder of its own)"
    )


def test_no_dicom_in_the_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert message_of(tmp_path) == (
        f"no DICOM images in folder {tmp_path} (1 file(s) looked at; "
        "give the folder that holds the slices of one series)"
    )


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_missing_tag_is_named(tag, rotated):
    for path in rotated.iterdir():
        change(path, **{tag: None})
    assert message_of(rotated) == (
        f"17 of 17 images lack {tag}: their place in the patient is unknown"
    )


def test_colour_is_refused(rotated):
    for path in rotated.iterdir():
        change(path, PhotometricInterpretation="MONOCHROME1")
    assert message_of(rotated) == (
        "the images are MONOCHROME1 with 1 sample(s) per pixel: only MONOCHROME2 is read yet"
    )


def test_truncated_pixels_are_refused(rotated):
    path = rotated / "IMG0005.dcm"
    path.write_bytes(path.read_bytes()[:-500])
    assert message_of(rotated).startswith(f"cannot decode the pixels of {path}: ")


def test_a_value_table_is_refused(rotated):
    path = rotated / "IMG0001.dcm"
    change(path, ModalityLUTSequence=[pydicom.Dataset()])
    assert message_of(rotated) == (
        f"{path} maps its values through a table (Modality LUT): it is not read yet"
    )


def test_a_single_file_is_no_volume(data):
    path = data / "med/dicom/ct_small_rotated/series/IMG0001.dcm"
    expected = (
        f"a single DICOM file is not a volume: {path} (give the folder that holds its series)"
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        read_volume(path)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [
        (1, -1024, np.int16),
        (2, 0, np.int16),
        (1, 60000, np.uint16),
        (1, -100000, np.int32),
        (0.5, 0, np.float32),
        (1, 0.25, np.float32),
        (1_000_000_000, 0, np.float32),
    ],
)
def test_a_shared_rescale_keeps_integers_where_they_fit(slope, intercept, dtype, rotated, data):
    raw = read_volume(data / "med/dicom/ct_small_rotated/series").array
    for path in rotated.iterdir():
        change(path, RescaleSlope=slope, RescaleIntercept=intercept)
    array = read_volume(rotated).array
    assert array.dtype == dtype
    assert np.array_equal(array, (raw.astype(np.float64) * slope + intercept).astype(dtype))


def test_each_slice_may_have_its_own_rescale(rotated, data):
    """As PET has it: the values are floats, and no slice takes its neighbour's scale."""
    raw = read_volume(data / "med/dicom/ct_small_rotated/series")
    for n, path in enumerate(raw.files):
        change(rotated / path.name, RescaleSlope=0.25 * (n + 1), RescaleIntercept=-n)
    array = read_volume(rotated).array
    assert array.dtype == np.float32
    for n in range(17):
        assert np.array_equal(array[n], raw.array[n].astype(np.float32) * 0.25 * (n + 1) - n)


def test_no_uids_or_names_in_the_volume(rotated):
    for path in rotated.iterdir():
        change(path, PatientName="CANARY^BIRD", PatientID="CANARY")
    volume = read_volume(rotated)
    assert "CANARY" not in repr((volume.header, volume.notes, volume.describe()))
    assert pydicom.dcmread(volume.files[0]).file_meta.TransferSyntaxUID != ExplicitVRLittleEndian
