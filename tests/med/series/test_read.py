"""Real DICOM series to volumes: voxels, places, types, choices."""

from __future__ import annotations

import itertools
import re

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from pydicom.uid import (
    ExplicitVRLittleEndian,
)
from reference_nifti import FLOAT32_MM, compare
from scans import change, codes, copy_series, message_of

from sam_common.errors import InputError
from sam_med.files.read import read_volume


def test_voxels_and_places_as_in_the_reference_nifti(series):
    """dcm2niix's conversion: every voxel to the bit, every place to its float32 header."""
    volume = read_volume(series / "series")
    compared = 0
    for path in sorted((series / "reference").glob("*.nii.gz")):
        voxels, apart = compare(volume, nibabel.load(path))
        assert apart < FLOAT32_MM
        compared += voxels
    assert compared == volume.array.size


def test_time_points_as_in_the_reference_nifti(data):
    folder = data / "med/dicom/mr_epi_4d_small"
    oracle = nibabel.load(folder / "reference/GE_Brain_Routine_2.nii.gz")
    for time in (1, 2, 3):
        volume = read_volume(folder / "series", time=time)
        voxels, apart = compare(volume, oracle, time=time - 1)
        assert (voxels, volume.shape) == (volume.array.size, (8, 64, 64))
        assert apart < FLOAT32_MM
        assert f"time point {time} is read" in {d.action for d in volume.diagnostics}


def test_files_beside_the_series_are_left_out_aloud(data):
    volume = read_volume(data / "med/dicom/ct_phantom_rtstruct")
    assert volume.shape == (2, 512, 512)
    assert volume.notes == (
        "not-dicom: 2 file(s) are no DICOM (left out)",
        "not-an-image: 1 file(s) are no images: 1 RTSTRUCT (left out)",
        (
            "padding: 111544 voxels, 21.3%, are padding (-3024) "
            "(left out of the intensity window and of measured intensities)"
        ),
    )


def test_missing_and_double_slices_are_told_and_every_place_is_kept(data):
    folder = data / "med/dicom/ct_small_missing_slices/series"
    volume = read_volume(folder)
    whole = read_volume(data / "med/dicom/ct_small_rotated/series")
    kept = [k for k in range(17) if k not in {5, 10}]
    assert codes(volume) == ["missing-slices", "duplicate-slices", "not-hounsfield"]
    assert np.array_equal(volume.array, whole.array[kept])
    for n, k in enumerate(kept):
        assert np.abs(volume.to_world((n, 7, 9)) - whole.to_world((k, 7, 9))).max() < 2e-6


def test_tilted_and_uneven_slices_keep_every_place(data):
    """Against the headers themselves, which no reference NIfTI can follow (7.7 mm off)."""
    folder = data / "med/dicom/ct_head_gantry_tilt_uneven/series"
    volume = read_volume(folder)
    assert codes(volume) == ["uneven-spacing", "gantry-tilt", "oblique-axes", "padding"]
    for k, path in enumerate(volume.files):
        dataset = pydicom.dcmread(path)
        column, row = np.reshape(dataset.ImageOrientationPatient, (2, 3)) * dataset.PixelSpacing[0]
        for j, i in ((0, 0), (511, 0), (0, 511), (511, 511)):
            expected = np.array(dataset.ImagePositionPatient) + column * i + row * j
            assert np.abs(volume.to_world((k, j, i)) - expected).max() < 1e-6
        assert np.array_equal(volume.array[k], dataset.pixel_array)


def test_every_series_is_where_its_headers_say(series):
    """An oracle of its own: PS3.3, C.7.6.2.1.1, for the corners of each file."""
    volume = read_volume(series / "series")
    for k, path in enumerate(volume.files):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        column, row = np.reshape(dataset.ImageOrientationPatient, (2, 3))
        between_rows, between_columns = dataset.PixelSpacing
        for j, i in ((0, 0), (dataset.Rows - 1, dataset.Columns - 1)):
            expected = (
                np.array(dataset.ImagePositionPatient)
                + column * between_columns * i
                + row * between_rows * j
            )
            # positions are rounded in the files, and the grid is even
            assert np.abs(volume.to_world((k, j, i)) - expected).max() < 1.1e-3
            if k in {0, volume.shape[0] - 1}:
                assert np.abs(volume.to_world((k, j, i)) - expected).max() < 1e-6


PLANES = [
    (np.eye(3)[a] * s, np.eye(3)[b] * t)
    for a, b in itertools.permutations(range(3), 2)
    for s in (1, -1)
    for t in (1, -1)
]
"""The 24 ways to lay an image along the axes of the patient; slices in two orders make 48."""


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("axes", PLANES)
def test_every_orientation_as_simpleitk_has_it(axes, falling, dicom):
    normal = np.cross(*axes)
    places = [normal * 2.5 * n + (3, -4, 5) for n in range(4)]
    paths = dicom.series(
        places[::-1] if falling else places,
        ImageOrientationPatient=[*axes[0], *axes[1]],
        PixelSpacing=[0.5, 0.75],
    )
    volume = read_volume(dicom.folder)
    assert codes(volume) == []
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in (paths[::-1] if falling else paths)])
    oracle = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(oracle), volume.array)
    for kji in np.ndindex(volume.shape):
        expected = oracle.TransformIndexToPhysicalPoint([int(v) for v in kji[::-1]])
        assert np.abs(volume.to_world(kji) - expected).max() < 1e-9


UNPLACED = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "PixelSpacing": None}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "mr_epi_4d_small",
            (
                "repeated-positions: each of 8 position(s) occurs 3 times (3 time points) "
                "(choose a time point with --time NUMBER)"
            ),
        ),
        (
            "mr_enhanced_philips",
            (
                "mixed-series: 2 series: 1) series number 801, MR, 64 x 64 x 32, axial, "
                "T1 FIELD_MAP, echo 0 ms; 2) series number 801, MR, 64 x 64 x 32, axial, T1 M, "
                "echo 1.52 ms (choose one with --series NUMBER)"
            ),
        ),
    ],
)
def test_what_is_ambiguous_is_refused_with_the_choices(name, expected, data):
    assert message_of(data / "med/dicom" / name / "series") == expected


@pytest.mark.parametrize("time", [0, 4, -1])
def test_no_such_time_point(time, data):
    folder = data / "med/dicom/mr_epi_4d_small/series"
    assert message_of(folder, time=time) == f"no time point {time}: there are 3 (from 1 to 3)"


def test_a_series_is_chosen_by_number_or_uid(rotated, data):
    copy_series(data / "med/dicom/mr_sagittal_hfs/series", rotated / "sub")
    listed = (
        "1) series number 3, MR, 256 x 256 x 10, sagittal; "
        "2) series number 123456, CT, 88 x 128 x 17, axial"
    )
    assert (
        message_of(rotated) == f"mixed-series: 2 series: {listed} (choose one with --series NUMBER)"
    )
    assert message_of(rotated, series=3) == f"no series 3: there are 2: {listed}"
    assert message_of(rotated, series="1.2.3") == f"no series of this UID: there are 2: {listed}"
    uid = pydicom.dcmread(rotated / "IMG0001.dcm").SeriesInstanceUID
    assert read_volume(rotated, series=1).modality == "MR"
    assert read_volume(rotated, series="2").modality == "CT"
    assert read_volume(rotated, series=uid).modality == "CT"


def test_a_uid_of_several_parts_is_not_enough(rotated):
    for path in sorted(rotated.iterdir())[:8]:
        change(path, PixelSpacing=[1, 1])
    uid = pydicom.dcmread(rotated / "IMG0001.dcm").SeriesInstanceUID
    message = message_of(rotated, series=uid)
    assert message.startswith("mixed-series: this UID has 2 parts: 1) series number 123456, CT, ")
    assert uid not in message


def test_names_and_instance_numbers_do_not_matter(rotated, data):
    plain = read_volume(data / "med/dicom/ct_small_rotated/series")
    for n, path in enumerate(sorted(rotated.iterdir(), reverse=True)):
        change(path, InstanceNumber=1 + (n * 7) % 17)
        path.rename(rotated / f"{n:03}.ima")
    shuffled = read_volume(rotated)
    assert np.array_equal(shuffled.array, plain.array)
    assert shuffled.frame == plain.frame
    assert codes(shuffled) == ["slice-order", "not-hounsfield"]


def test_no_dicom_in_the_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert message_of(tmp_path) == (
        "not-dicom: no DICOM images among 1 file(s) "
        "(give the file, folder or zip that holds the images of a series)"
    )


def test_a_single_file_is_a_volume_of_one_slice(data):
    path = data / "med/dicom/ct_small_rotated/series/IMG0001.dcm"
    volume = read_volume(path)
    whole = read_volume(path.parent)
    k = whole.files.index(path)
    assert np.array_equal(volume.array[0], whole.array[k])
    assert np.abs(volume.to_world((0, 5, 6)) - whole.to_world((k, 5, 6))).max() < 1e-9
    assert codes(volume) == ["single-slice", "not-hounsfield"]


def test_no_uids_names_or_paths_in_the_volume(rotated):
    for path in rotated.iterdir():
        change(path, PatientName="CANARY^BIRD", PatientID="CANARY", SeriesDescription="CANARY")
        path.rename(rotated / f"CANARY{path.name}")
    volume = read_volume(rotated)
    said = repr((volume.header, volume.notes, volume.diagnostics, volume.describe()))
    assert "CANARY" not in said
    assert pydicom.dcmread(volume.files[0]).file_meta.TransferSyntaxUID != ExplicitVRLittleEndian


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("CT_small.dcm", {"single-slice", "patient-position"}),
        ("MR_small.dcm", {"single-slice"}),
        ("MR_small_RLE.dcm", {"single-slice"}),
        ("MR_small_bigendian.dcm", {"single-slice"}),
        ("MR_small_implicit.dcm", {"single-slice"}),
        ("MR_small_jp2klossless.dcm", {"single-slice"}),
        ("MR_small_padded.dcm", {"single-slice"}),
        ("J2K_pixelrep_mismatch.dcm", {"single-slice", "oblique-axes", "fill-value"}),
        ("JPEG-LL.dcm", {"unplaced", "burned-in-annotation"}),
        ("JPEG2000.dcm", {"unplaced", "lossy-compression", "burned-in-annotation"}),
        (
            "RG3_J2KI.dcm",
            {"unplaced", "no-pixel-spacing", "inverted-grey", "lossy-compression"},
        ),
        ("SC_rgb_small_odd.dcm", {"unplaced", "colour", "burned-in-annotation"}),
        (
            "examples_palette.dcm",
            {"unplaced", "no-pixel-spacing", "colour", "burned-in-annotation"},
        ),
        ("vlut_04.dcm", {"unplaced", "no-pixel-spacing", "burned-in-annotation"}),
    ],
)
def test_single_files_are_read_and_named(name, codes, data):
    volume = read_volume(data / "med/dicom_single" / name)
    assert {d.code for d in volume.diagnostics} == codes
    assert volume.shape[0] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "MR_truncated.dcm",
            "truncated-pixels: 1 of 1 images lack pixels, up to 62 bytes (refused: ",
        ),
        ("emri_small.dcm", "missing-tags: 10 of 10 images lack ImageOrientationPatient (refused: "),
        (
            "emri_small_jpeg_2k_lossless.dcm",
            "missing-tags: 10 of 10 images lack ImageOrientationPatient (refused: ",
        ),
        (
            "examples_ybr_color.dcm",
            "repeated-positions: each of 1 position(s) occurs 30 times (30 time points) (choose ",
        ),
        ("no_meta.dcm", "not-dicom: the file is no DICOM, no zip of it, and its name does not end"),
        (
            "rtdose.dcm",
            "not-an-image: no DICOM images among 1 file(s), but other objects: 1 RTDOSE",
        ),
    ],
)
def test_single_files_are_refused_by_name(name, message, data):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        read_volume(data / "med/dicom_single" / name)


def test_every_single_file_is_in_one_of_the_tables(data):
    names = {path.name for path in (data / "med/dicom_single").glob("*.dcm")}
    tables = (test_single_files_are_read_and_named, test_single_files_are_refused_by_name)
    listed = {row[0] for test in tables for row in test.pytestmark[0].args[1]}
    assert listed == names
