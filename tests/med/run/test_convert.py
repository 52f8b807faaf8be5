"""Volumes as read to NIfTI, NRRD and MetaImage, read back by nibabel and SimpleITK."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import OutputError
from sam_med.files.read import read_volume
from sam_med.run.convert import convert_volume

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]
TILTED = [(10, 20 + 0.4 * n, 30 + 2 * n) for n in range(6)]
FLOAT32_MM = 2e-4


def message_of(volume, path, **options):
    with pytest.raises(OutputError) as caught:
        convert_volume(volume, path, **options)
    return str(caught.value)


def corners(volume):
    k, j, i = (n - 1 for n in volume.shape)
    return [(a, b, c) for a in (0, k) for b in (0, j) for c in (0, i)]


def check_nibabel(volume, path):
    image = nibabel.load(path)
    assert image.get_data_dtype() == volume.array.dtype
    assert np.array_equal(np.asarray(image.dataobj).T, volume.array)
    for kji in corners(volume):
        ras = nibabel.affines.apply_affine(image.affine, kji[::-1])
        assert np.abs(ras * (-1, -1, 1) - volume.to_world(kji)).max() < FLOAT32_MM


def check_sitk(volume, path, tolerance=1e-6):
    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image)
    assert array.dtype == volume.array.dtype
    assert np.array_equal(array, volume.array)
    for kji in corners(volume):
        point = image.TransformContinuousIndexToPhysicalPoint([float(v) for v in kji[::-1]])
        assert np.abs(np.array(point) - volume.to_world(kji)).max() < tolerance


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_every_regular_series_in_every_format(suffix, series, tmp_path):
    volume = read_volume(series / "series")
    path = tmp_path / f"out{suffix}"
    assert convert_volume(volume, path) == ()
    if suffix.startswith(".nii"):
        check_nibabel(volume, path)
    check_sitk(volume, path, FLOAT32_MM if suffix.startswith(".nii") else 1e-6)
    again = read_volume(path)
    assert np.array_equal(again.array, volume.array)
    assert np.abs(again.frame.array - volume.frame.array).max() < 1e-4


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_a_tilted_series_keeps_its_shear(suffix, dicom, tmp_path):
    dicom.series(TILTED)
    volume = read_volume(dicom.folder)
    path = tmp_path / f"out{suffix}"
    assert convert_volume(volume, path) == ()
    if suffix == ".nrrd":
        check_sitk(volume, path)
    else:
        check_nibabel(volume, path)
        header = nibabel.load(path).header
        assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 0)
    again = read_volume(path)
    assert "sheared-axes" in {d.code for d in again.diagnostics}
    assert np.abs(again.frame.array - volume.frame.array).max() < 1e-5


def test_a_tilted_series_does_not_fit_metaimage(dicom, tmp_path):
    dicom.series(TILTED)
    message = message_of(read_volume(dicom.folder), tmp_path / "out.mha")
    assert message.startswith("cannot write out.mha: MetaImage holds perpendicular axes only")
    assert "by 11.310 degrees" in message
    assert list(tmp_path.glob("*.mha")) == []


def test_uneven_slices_fit_no_format_unless_the_user_says_so(data, tmp_path):
    volume = read_volume(data / "med/dicom/ct_small_missing_slices/series")
    path = tmp_path / "out.nii.gz"
    said = "slices are not evenly spaced; an even grid misplaces them by up to 1.429 mm"
    assert message_of(volume, path) == (
        f"{said}: no format of one grid can hold them (--allow-uneven writes it)"
    )
    assert not path.exists()
    assert convert_volume(volume, path, allow_uneven=True) == (said,)
    image = nibabel.load(path)
    assert np.array_equal(np.asarray(image.dataobj).T, volume.array)
    assert image.header.get_zooms()[2] == pytest.approx(32 / 14)


def test_one_time_point_and_one_stack(data, tmp_path):
    volume = read_volume(data / "med/dicom/mr_mosaic_axial_oblique/series", time=2)
    path = tmp_path / "out.nii.gz"
    convert_volume(volume, path)
    check_nibabel(volume, path)
    oracle = data / "med/dicom/mr_mosaic_axial_oblique/reference/ax_asc_35sl_6.nii.gz"
    expected = np.asarray(nibabel.load(oracle).dataobj)[..., 1]
    # dcm2niix turns the rows round
    assert np.array_equal(np.asarray(nibabel.load(path).dataobj)[:, ::-1], expected)


def test_the_space_of_a_nifti_is_kept(data, tmp_path):
    volume = read_volume(data / "med/volumes/mni152/t1.nii.gz")
    convert_volume(volume, tmp_path / "out.nii")
    assert int(nibabel.load(tmp_path / "out.nii").header["sform_code"]) == 2


def test_never_over_the_source_or_into_its_folder(dicom, tmp_path):
    dicom.series(LINE)
    volume = read_volume(dicom.folder)
    assert message_of(volume, dicom.folder / "out.nii") == (
        "the output lies in the folder of the input: choose another one (the folder is read as a "
        "whole, and the result would be taken for a part of it)"
    )
    path = tmp_path / "out.nii"
    convert_volume(volume, path)
    content = path.read_bytes()
    assert message_of(read_volume(path), path, overwrite=True) == (
        "the output is an input: give another name (what a job reads is never written over)"
    )
    assert path.read_bytes() == content


@pytest.mark.parametrize("below", ["", "more"])
def test_never_into_a_folder_that_is_linked_into_that_of_the_source(below, dicom, tmp_path):
    dicom.folder = tmp_path / "store" / below
    dicom.series(LINE)
    scan = tmp_path / "scan"
    scan.mkdir()
    (scan / "linked").symlink_to(tmp_path / "store")
    for source in (scan, scan / "linked"):
        for folder in (tmp_path / "store", dicom.folder, scan / "linked"):
            said = message_of(read_volume(source), folder / "out.nii", overwrite=True)
            assert said.startswith("the output lies in the folder of the input")
    assert not [*tmp_path.rglob("out.nii")]


def test_never_into_the_folder_of_a_dicomdir(dicom, tmp_path):
    paths = dicom.series(LINE)
    (dicom.folder / "DICOMDIR").write_bytes(paths[0].read_bytes())
    said = message_of(read_volume(dicom.folder / "DICOMDIR"), dicom.folder / "out.nii")
    assert said.startswith("the output lies in the folder of the input")
    convert_volume(read_volume(dicom.folder / "DICOMDIR"), tmp_path / "out.nii")


def test_beside_a_file_that_is_given_alone(dicom):
    path = dicom.series(LINE)[0]
    convert_volume(read_volume(path), dicom.folder / "out.nii")


def test_files_that_are_there_are_kept(dicom, tmp_path):
    dicom.series(LINE)
    volume = read_volume(dicom.folder)
    path = tmp_path / "out.nii"
    path.write_text("mine")
    assert message_of(volume, path).startswith("output exists: ")
    convert_volume(volume, path, overwrite=True)
    check_nibabel(volume, path)


def test_unknown_formats(dicom, tmp_path):
    dicom.series(LINE)
    assert message_of(read_volume(dicom.folder), tmp_path / "out.png").startswith(
        "unknown format for a volume: out.png"
    )
