"""Real DICOM series to volumes: voxels, places, types, choices."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import warnings

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from pydicom.uid import ExplicitVRLittleEndian

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.series.read import read_series

NO_SLOPE = "not-hounsfield"
"""Said of series of the collection that were made from volumes, without a rescale."""


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


def message_of(folder, **choice):
    with pytest.raises(InputError) as caught:
        read_series(folder, **choice)
    return str(caught.value)


def codes(volume):
    return [d.code for d in volume.diagnostics]


def compare(volume, oracle, *, time=None):
    """Every voxel of a NIfTI that lies in the volume, matched in patient space.

    Returns:
        How many there were, and the largest distance in mm between the two places of a voxel.
    """
    values = np.asarray(oracle.dataobj)
    values = values if time is None else values[..., time]
    ijk = np.stack(np.indices(values.shape), axis=-1).reshape(-1, 3)
    lps = nibabel.affines.apply_affine(oracle.affine, ijk) * (-1, -1, 1)
    index = np.rint(volume.to_index(lps)).astype(int)
    apart = np.linalg.norm(volume.to_world(index) - lps, axis=-1).max()
    k, j, i = index.T
    assert np.array_equal(volume.array[k, j, i], values[tuple(ijk.T)])
    return len(ijk), float(apart)


FLOAT32_MM = 2e-4
"""A NIfTI header holds float32: 7 digits of places of some 100 mm, times a few hundred voxels."""


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


def test_mosaics_as_in_the_reference_nifti(data):
    folder = data / "med/dicom/mr_mosaic_axial_oblique"
    oracle = nibabel.load(folder / "reference/ax_asc_35sl_6.nii.gz")
    for time in (1, 2):
        volume = read_volume(folder / "series", time=time)
        voxels, apart = compare(volume, oracle, time=time - 1)
        assert (voxels, volume.shape) == (volume.array.size, (35, 64, 64))
        assert apart < FLOAT32_MM
        assert len(volume.files) == 1
        assert "mosaic" in codes(volume)


def test_a_mosaic_agrees_with_nibabels_own_reader(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls itself experimental
        from nibabel.nicom.dicomwrappers import wrapper_from_file

    path = data / "med/dicom/mr_mosaic_axial_oblique/series/01.dcm"
    oracle = wrapper_from_file(path)
    volume = read_volume(path)
    # its axes are row, column and slice
    kji = np.stack(np.indices(volume.shape), axis=-1).reshape(-1, 3)
    k, j, i = kji.T
    expected = nibabel.affines.apply_affine(oracle.affine, np.stack([j, i, k], axis=-1))
    assert np.abs(volume.to_world(kji) - expected).max() < 1e-6
    assert np.array_equal(volume.array[k, j, i], oracle.get_data()[j, i, k])


def test_stacks_of_an_enhanced_file_have_their_own_scale(data):
    folder = data / "med/dicom/mr_enhanced_philips"
    field_map = read_volume(folder / "series", series=1)
    oracle = nibabel.load(folder / "reference/B0_e2_fieldmap.nii.gz")
    assert field_map.array.dtype == np.float32
    assert field_map.frame_numbers == tuple(range(33, 65))
    values = np.asarray(oracle.dataobj)
    ijk = np.stack(np.indices(values.shape), axis=-1).reshape(-1, 3)
    lps = nibabel.affines.apply_affine(oracle.affine, ijk) * (-1, -1, 1)
    k, j, i = np.rint(field_map.to_index(lps)).astype(int).T
    # dcm2niix takes the vendor's private scale: the last digits of 16 bits differ
    assert np.abs(field_map.array[k, j, i] - values[tuple(ijk.T)]).max() < 0.01
    magnitude = read_volume(folder / "series", series=2)
    assert magnitude.frame_numbers == tuple(range(1, 33))
    stored = pydicom.dcmread(next((folder / "series").iterdir())).pixel_array[:32]
    assert np.array_equal(magnitude.array, (stored * 1.27985347985347).astype(np.float32))


def test_one_multi_frame_file_is_the_series_it_was_made_of(data):
    folder = data / "med/dicom/ct_tiny_seg_multiframe"
    one, many = read_volume(folder / "multiframe/mf.dcm"), read_volume(folder / "series")
    assert np.array_equal(one.array, many.array)
    assert np.abs(one.frame.array - many.frame.array).max() < 1e-6 + 1e-5  # 5.0188 and 5.01881
    assert (one.frame_numbers, len(one.files)) == ((1, 2, 3), 1)
    assert (many.frame_numbers, len(many.files)) == ((), 3)


def test_jpeg_2000_keeps_its_integer_type(data):
    volume = read_volume(data / "med/dicom/ct_abdomen_dicom/series")
    assert volume.array.dtype == np.int16
    assert (int(volume.array.min()), int(volume.array.max())) == (-1024, 1839)
    assert (volume.notes, volume.diagnostics, volume.units) == ((), (), "HU")


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
    assert codes(volume) == ["missing-slices", "duplicate-slices", NO_SLOPE]
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


def test_time_points_of_an_enhanced_file(dicom):
    line = [(0, 0, 3 * n) for n in range(4)]
    pixels = np.arange(8 * 48, dtype=np.int16).reshape(8, 6, 8)
    frames = [{"time": t} for _ in line for t in (2, 1)]
    places = [place for place in line for _ in range(2)]
    path = dicom.write(dicom.enhanced(places, pixels, frames=frames))
    assert message_of(path).startswith("repeated-positions: each of 4 position(s) occurs 2 times")
    first, second = read_volume(path, time=1), read_volume(path, time=2)
    assert (first.frame_numbers, second.frame_numbers) == ((2, 4, 6, 8), (1, 3, 5, 7))
    assert np.array_equal(first.array, pixels[1::2])
    assert np.array_equal(second.array, pixels[::2])


def test_stacks_beside_each_other_are_series_of_their_own(dicom):
    line = [(0, 0, z) for z in (0, 2, 4, 50, 52, 54)]
    frames = [{"stack": "a"}] * 3 + [{"stack": "b"}] * 3
    path = dicom.write(dicom.enhanced(line, dicom.pixels(6), frames=frames))
    assert message_of(path).startswith("mixed-series: 2 series: ")
    assert [read_volume(path, series=n).frame_numbers for n in (1, 2)] == [(1, 2, 3), (4, 5, 6)]


UNPLACED = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "PixelSpacing": None}


@pytest.mark.parametrize(
    ("tags", "expected", "spacing"),
    [
        ({"Modality": "MG", "PixelSpacing": [0.1, 0.2]}, ["unplaced"], (0.1, 0.2)),
        (
            {"Modality": "DX", "ImagerPixelSpacing": [0.3, 0.4]},
            ["unplaced", "detector-spacing"],
            (0.3, 0.4),
        ),
        ({"Modality": "CR"}, ["unplaced", "no-pixel-spacing"], (1, 1)),
    ],
)
def test_projections_are_one_slice_with_an_honest_place(tags, expected, spacing, dicom):
    path = dicom.write(dicom.dataset(dicom.pixels(1)[0], **{**UNPLACED, **tags}))
    volume = read_volume(path)
    assert codes(volume) == expected
    assert volume.shape == (1, 6, 8)
    assert volume.to_world((0, 0, 0)).tolist() == [0, 0, 0]
    assert volume.to_world((0, 2, 3)).tolist() == pytest.approx([3 * spacing[1], 2 * spacing[0], 0])


def test_ultrasound_is_as_large_as_its_region_says(data):
    volume = read_volume(data / "med/dicom_single/examples_ybr_color.dcm", time=7)
    assert volume.spacing_mm[1:] == pytest.approx((0.5104970559, 0.5104970559))
    assert volume.frame_numbers == (7,)


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
    assert codes(shuffled) == ["slice-order", NO_SLOPE]


def test_no_dicom_in_the_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert message_of(tmp_path) == (
        "not-dicom: no DICOM images among 1 file(s) "
        "(give the file, folder or zip that holds the images of a series)"
    )


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_missing_tag_is_named(tag, rotated):
    for path in rotated.iterdir():
        change(path, **{tag: None})
    assert message_of(rotated) == (
        f"missing-tags: 17 of 17 images lack {tag} (refused: nothing else tells where the voxels "
        "are)"
    )


def test_truncated_pixels_are_refused(rotated):
    path = rotated / "IMG0005.dcm"
    path.write_bytes(path.read_bytes()[:-500])
    assert message_of(rotated) == (
        "truncated-pixels: 1 of 17 images lack pixels, up to 500 bytes "
        "(refused: have it copied again)"
    )


def test_inverted_grey_is_kept_and_said(rotated, data):
    for path in rotated.iterdir():
        change(path, PhotometricInterpretation="MONOCHROME1")
    volume = read_volume(rotated)
    plain = read_volume(data / "med/dicom/ct_small_rotated/series")
    assert (volume.inverted, plain.inverted) == (True, False)
    assert np.array_equal(volume.array, plain.array)
    assert codes(volume) == [NO_SLOPE, "inverted-grey"]


def test_a_single_file_is_a_volume_of_one_slice(data):
    path = data / "med/dicom/ct_small_rotated/series/IMG0001.dcm"
    volume = read_volume(path)
    whole = read_volume(path.parent)
    k = whole.files.index(path)
    assert np.array_equal(volume.array[0], whole.array[k])
    assert np.abs(volume.to_world((0, 5, 6)) - whole.to_world((k, 5, 6))).max() < 1e-9
    assert codes(volume) == ["single-slice", NO_SLOPE]


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
    volume = read_volume(rotated)
    assert volume.array.dtype == np.float32
    assert codes(volume) == ["per-slice-rescale", NO_SLOPE]
    for n in range(17):
        assert np.array_equal(volume.array[n], raw.array[n].astype(np.float32) * 0.25 * (n + 1) - n)


def test_no_uids_names_or_paths_in_the_volume(rotated):
    for path in rotated.iterdir():
        change(path, PatientName="CANARY^BIRD", PatientID="CANARY", SeriesDescription="CANARY")
        path.rename(rotated / f"CANARY{path.name}")
    volume = read_volume(rotated)
    said = repr((volume.header, volume.notes, volume.diagnostics, volume.describe()))
    assert "CANARY" not in said
    assert pydicom.dcmread(volume.files[0]).file_meta.TransferSyntaxUID != ExplicitVRLittleEndian


def test_a_refusal_carries_its_diagnostics(rotated):
    path = rotated / "IMG0005.dcm"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(RefusedError, match=re.escape("truncated-pixels: ")) as caught:
        read_volume(rotated)
    (said,) = caught.value.diagnostics
    assert said.describe() == {
        "code": "truncated-pixels",
        "severity": "error",
        "message": "1 of 17 images lack pixels, up to 500 bytes",
        "action": "refused: have it copied again",
        "numbers": {"images": 1, "bytes": 500},
    }
    assert json.dumps(said.describe())
