from __future__ import annotations

import copy
import dataclasses
import json
import re

import dicom_volumes
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from segment_phantoms import MADE_BY

from sam_common.errors import GeometryError, InputError
from sam_common.frame import Frame
from sam_common.metrics.agreement import agreement
from sam_common.window import Window
from sam_med.geometry.volume import Volume
from sam_med.measurements.measure import measure, measure_file
from sam_med.objects.segments import Segment
from sam_med.report.compare import compare_files
from sam_med.segmentations.read import read_segmentation
from sam_med.write.results import write_outputs

FORMATS = {
    "nifti": "out.nii.gz",
    "nrrd": "out.nrrd",
    "mha": "out.mha",
    "seg.nrrd": "out.seg.nrrd",
    "dicom_seg": "out.seg.dcm",
}


def ball(name, value, shape, centre, radius):
    grid = np.stack(np.indices(shape), axis=-1)
    mask = np.linalg.norm((grid - centre) / (1, 2, 2), axis=-1) < radius
    return Segment(name, value, Window((0, 0, 0), shape), mask)


@pytest.fixture
def volume(data):
    return dicom_volumes.build("ct_small_rotated", data)


@pytest.fixture
def written(volume, tmp_path):
    segments = [
        ball("liver", 5, volume.shape, (6, 40, 40), 4),
        ball("left kidney", 2, volume.shape, (9, 90, 60), 3),
    ]
    write_outputs(segments, volume, tmp_path / "out", list(FORMATS), MADE_BY)
    return segments, tmp_path


@pytest.mark.parametrize("one", FORMATS)
@pytest.mark.parametrize("two", FORMATS)
def test_every_pair_of_formats_of_the_same_objects(one, two, written):
    segments, folder = written
    rows = compare_files(folder / FORMATS[one], folder / FORMATS[two], tolerance_mm=0)
    assert {row.value for row in rows} == {5, 2}
    for row in rows:
        assert (row.agreement.dice, row.agreement.surface_dice, row.agreement.hd_mm) == (1, 1, 0)
    by_value = {row.value: row for row in rows}
    for segment in segments:
        # 2 x 2 x 2 mm
        expected = segment.voxels * 8 / 1000
        assert by_value[segment.value].agreement.reference_ml == pytest.approx(expected, rel=1e-5)
    names = {row.name for row in rows}
    assert names == (
        {"liver", "left kidney"} if {one, two} & {"seg.nrrd", "dicom_seg"} else {"5", "2"}
    )


@pytest.mark.parametrize("kind", ["nifti", "dicom_seg"])
def test_figures_are_those_of_the_masks(kind, volume, tmp_path):
    a = ball("liver", 5, volume.shape, (6, 40, 40), 4)
    b = ball("liver", 5, volume.shape, (8, 44, 40), 4)
    for name, segment in (("a", a), ("b", b)):
        write_outputs([segment], volume, tmp_path / name, [kind], MADE_BY)
    suffix = FORMATS[kind].removeprefix("out")
    (row,) = compare_files(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", tolerance_mm=3.0)
    expected = agreement(a.mask, b.mask, volume.spacing_mm, tolerance_mm=3.0)
    for field in dataclasses.fields(expected):
        found = getattr(row.agreement, field.name)
        wanted = getattr(expected, field.name)
        assert found == (wanted if isinstance(wanted, str) else pytest.approx(wanted, rel=1e-5))
    assert 0 < row.agreement.dice < 1
    json.dumps(row.as_dict(), allow_nan=False)


def test_objects_of_one_file_only_are_compared_with_nothing(written, volume, tmp_path):
    segments, folder = written
    write_outputs(segments[:1], volume, tmp_path / "less", ["nifti"], MADE_BY)
    rows = compare_files(folder / "out.nii.gz", tmp_path / "less.nii.gz")
    assert [(row.name, row.value, row.agreement.dice) for row in rows] == [("2", 2, 0), ("5", 5, 1)]
    assert rows[0].agreement.hd95_mm is None
    rows = compare_files(tmp_path / "less.nii.gz", folder / "out.nii.gz")
    assert [(row.name, row.value, row.agreement.dice) for row in rows] == [
        ("5", 5, 1),
        ("2", None, 0),
    ]


def boxes(volume, *parts):
    """Segments of (name, value, first column), 10 voxels wide."""
    return [
        Segment(name, value, Window((2, 4, i), (5, 12, i + 10)), np.ones((3, 8, 10), bool))
        for name, value, i in parts
    ]


@pytest.mark.parametrize("kind", ["seg.nrrd", "dicom_seg"])
def test_objects_of_one_name_are_paired_with_those_that_they_overlap(kind, volume, tmp_path):
    reference = boxes(volume, ("lesion", 1, 10), ("lesion", 2, 40), ("liver", 3, 60))
    other = boxes(volume, ("lesion", 1, 40), ("lesion", 2, 70), ("lesion", 3, 15))
    for name, segments in (("a", reference), ("b", other)):
        write_outputs(segments, volume, tmp_path / name, [kind], MADE_BY)
    suffix = FORMATS[kind].removeprefix("out")
    rows = compare_files(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    assert [(r.name, r.value, r.other_value, r.agreement.dice) for r in rows] == [
        ("lesion", 1, 3, 0.5),
        ("lesion", 2, 1, 1.0),
        ("lesion", None, 2, 0.0),
        ("liver", 3, None, 0.0),
    ]


def test_a_text_names_an_object_before_it_is_a_value(volume, tmp_path):
    write_outputs(
        boxes(volume, ("2", 1, 10), ("007", 2, 40), ("7", 5, 60)),
        volume,
        tmp_path / "out.seg.nrrd",
        [],
        MADE_BY,
    )
    pair = tmp_path / "out.seg.nrrd", tmp_path / "out.seg.nrrd"

    def chosen(*labels):
        return [row.name for row in compare_files(*pair, labels=labels)]

    assert chosen("007") == ["007"]
    assert chosen("7") == ["7"]
    assert chosen("2", 2) == ["2"]
    assert chosen("5", "7") == ["7"]
    for label in ("\u00b2", "1.0"):
        with pytest.raises(InputError, match=r"^no object"):
            chosen(label)


def test_a_slicer_file_may_be_a_part_of_the_grid(volume, tmp_path):
    """Slicer keeps the part that holds something, axes may run the other way."""
    segments = boxes(volume, ("liver", 1, 10), ("spleen", 2, 15))
    write_outputs(segments, volume, tmp_path / "out", ["nifti", "seg.nrrd"], MADE_BY)
    whole = sitk.ReadImage(str(tmp_path / "out.seg.nrrd"))
    part = whole[8:40, 2:14, 1:6][::-1, :, ::-1]
    for key in whole.GetMetaDataKeys():
        if key.startswith("Segment"):
            part.SetMetaData(key, whole.GetMetaData(key))
    sitk.WriteImage(part, str(tmp_path / "part.seg.nrrd"))
    for pair in (("part", "out"), ("part", "part")):
        rows = compare_files(*(tmp_path / f"{name}.seg.nrrd" for name in pair))
        assert [(row.name, row.agreement.dice) for row in rows] == [("liver", 1), ("spleen", 1)]
    found = measure_file(volume, read_segmentation(tmp_path / "part.seg.nrrd"))
    assert [row.voxels for row in found] == [240, 240]


def test_a_structure_set_takes_the_voxels_of_the_other_file(volume, tmp_path):
    rng = np.random.default_rng(3)
    masks = rng.random((2, 3, 8, 10)) < 0.6
    segments = [
        dataclasses.replace(one, mask=mask)
        for one, mask in zip(boxes(volume, ("liver", 4, 10), ("liver", 2, 14)), masks, strict=True)
    ]
    write_outputs(
        segments, volume, tmp_path / "out", ["dicom_seg", "dicom_rtstruct", "nifti"], MADE_BY
    )
    for pair in (("seg.dcm", "rtstruct.dcm"), ("rtstruct.dcm", "seg.dcm")):
        rows = compare_files(*(tmp_path / f"out.{suffix}" for suffix in pair))
        assert [(r.name, r.value, r.agreement.dice) for r in rows] == [
            ("liver", 2, 1),
            ("liver", 4, 1),
        ]
    with pytest.raises(InputError, match=r"^an RTSTRUCT has contours, but no voxels: compare it"):
        compare_files(tmp_path / "out.rtstruct.dcm", tmp_path / "out.rtstruct.dcm")
    found = measure_file(volume, read_segmentation(tmp_path / "out.rtstruct.dcm", grid=volume))
    assert found == measure(volume, [segments[1], segments[0]])


@pytest.mark.parametrize("sparse", ["seg.dcm", "seg.nrrd"])
def test_contours_beyond_the_grid_of_a_sparse_file_are_compared(sparse, volume, tmp_path):
    """A DICOM SEG holds the slices of its objects only; 3D Slicer may crop all axes."""
    large, small = Window((2, 20, 20), (10, 60, 50)), Window((4, 30, 30), (7, 50, 40))
    one, other = (
        Segment("liver", 1, window, np.ones(window.shape, bool)) for window in (large, small)
    )
    write_outputs([one], volume, tmp_path / "out", ["dicom_rtstruct"], MADE_BY)
    write_outputs([other], volume, tmp_path / "out", ["dicom_seg"], MADE_BY)
    start = np.array(small.start)
    part = Volume(
        volume.array[small.slices],
        Frame.from_array(
            volume.frame.array @ np.block([[np.eye(3), start[:, None]], [0, 0, 0, 1]])
        ),
    )
    whole = Segment("liver", 1, Window((0, 0, 0), small.shape), other.mask)
    write_outputs([whole], part, tmp_path / "out", ["seg.nrrd"], MADE_BY)
    expected = agreement(one.full(volume.shape), other.full(volume.shape), volume.spacing_mm)
    told = []
    pair = tmp_path / "out.rtstruct.dcm", tmp_path / f"out.{sparse}"
    (row,) = compare_files(*pair, tell=told.append)
    assert row.agreement.dice == expected.dice
    assert row.agreement.hd95_mm == pytest.approx(expected.hd95_mm)
    assert not told
    (row,) = compare_files(*pair[::-1])
    assert row.agreement.dice == expected.dice


@pytest.mark.parametrize("kind", ["seg.dcm", "rtstruct.dcm"])
def test_another_frame_of_reference_is_told(kind, volume, tmp_path):
    segments = boxes(volume, ("liver", 4, 10))
    write_outputs(segments, volume, tmp_path / "out", ["dicom_rtstruct", "dicom_seg"], MADE_BY)
    path = tmp_path / f"out.{kind}"
    assert not read_segmentation(path, grid=volume).notes
    file = pydicom.dcmread(path)
    for one in (file, *file.get("StructureSetROISequence", ())):
        if "ReferencedFrameOfReferenceUID" in one:
            one.ReferencedFrameOfReferenceUID = "1.2.3"
        if "FrameOfReferenceUID" in one:
            one.FrameOfReferenceUID = "1.2.3"
    file.save_as(path)
    (note,) = read_segmentation(path, grid=volume).notes
    assert note.startswith("the file of objects states another frame of reference than the images")


def test_contours_that_are_no_object_are_told(volume, tmp_path):
    segments = boxes(volume, ("liver", 4, 10))
    write_outputs(segments, volume, tmp_path / "out", ["dicom_rtstruct", "nifti"], MADE_BY)
    file = pydicom.dcmread(tmp_path / "out.rtstruct.dcm")
    contours = file.ROIContourSequence[0].ContourSequence
    contours.append(copy.deepcopy(contours[0]))
    contours.append(copy.deepcopy(contours[0]))
    contours[-1].ContourGeometricType = "OPEN_PLANAR"
    # its class says what it is
    del file.Modality
    file.save_as(tmp_path / "out.rtstruct.dcm")
    told = []
    (row,) = compare_files(tmp_path / "out.rtstruct.dcm", tmp_path / "out.nii.gz", tell=told.append)
    assert row.agreement.dice == 1
    assert told == [
        "structure liver has, beside closed contours, 1 OPEN_PLANAR: they go around no voxels"
    ]


def test_labels_are_chosen_by_name_or_value(written):
    _, folder = written
    pair = folder / "out.seg.nrrd", folder / "out.seg.dcm"
    assert [row.name for row in compare_files(*pair, labels=["liver"])] == ["liver"]
    assert [row.name for row in compare_files(*pair, labels=[2, 5])] == ["left kidney", "liver"]
    expected = "no object spleen in either file (there are: left kidney, liver)"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        compare_files(*pair, labels=["spleen"])


def test_overlapping_objects_are_compared_whole(volume, tmp_path):
    pair = [ball("a", 1, volume.shape, (6, 40, 40), 4), ball("b", 2, volume.shape, (7, 42, 40), 4)]
    write_outputs(pair, volume, tmp_path / "out", ["seg.nrrd", "dicom_seg", "nifti"], MADE_BY)
    rows = compare_files(tmp_path / "out.seg.nrrd", tmp_path / "out.seg.dcm")
    assert [row.agreement.dice for row in rows] == [1, 1]
    first, second = compare_files(tmp_path / "out.seg.nrrd", tmp_path / "out.nii.gz")
    # a label map has one object for each voxel: the earlier one keeps it
    assert second.agreement.dice < first.agreement.dice == 1


def test_one_slice_of_a_seg_finds_its_place(volume, tmp_path):
    mask = np.zeros(volume.shape, bool)
    mask[11, 30:60, 20:50] = True
    segment = Segment("flat", 1, Window((0, 0, 0), volume.shape), mask)
    write_outputs([segment], volume, tmp_path / "out", ["dicom_seg", "nifti"], MADE_BY)
    for pair in (("out.seg.dcm", "out.nii.gz"), ("out.nii.gz", "out.seg.dcm")):
        (row,) = compare_files(*(tmp_path / name for name in pair))
        assert (row.agreement.dice, row.agreement.hd_mm) == (1, 0)


def test_a_file_of_another_program(data):
    """The SEG of dcmqi against the label map that it was made of."""
    folder = data / "med/dicom/ct_tiny_seg_multiframe/labels"
    (row,) = compare_files(folder / "label_SEG.dcm", folder / "label.nrrd")
    assert row.agreement.dice == 1


def test_grids_that_differ_are_refused(written, volume, data, tmp_path):
    _, folder = written
    image = sitk.ReadImage(str(folder / "out.nii.gz"))
    image.SetOrigin([image.GetOrigin()[0] + 0.5, *image.GetOrigin()[1:]])
    sitk.WriteImage(image, str(tmp_path / "moved.nii.gz"))
    expected = (
        "the grids differ: voxels are 0.5 mm apart (both have to be of the same volume, voxel on "
        "voxel)"
    )
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}$"):
        compare_files(folder / "out.nii.gz", tmp_path / "moved.nii.gz")
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}$"):
        compare_files(folder / "out.seg.dcm", tmp_path / "moved.nii.gz")
    sitk.WriteImage(image[:, :, 1:], str(tmp_path / "cut.nii.gz"))
    expected = (
        "the grids differ: 88 x 128 x 17 and 88 x 128 x 16 voxels (both have to be of "
        "the same volume, voxel on voxel)"
    )
    with pytest.raises(GeometryError, match=f"^{re.escape(expected)}$"):
        compare_files(folder / "out.nii.gz", tmp_path / "cut.nii.gz")


@pytest.mark.parametrize(("spacing", "expected"), [(0.8, 2.0), (0.5, 2.0), (0.01, 0.04)])
def test_the_usual_tolerance_is_no_larger_than_what_is_compared(spacing, expected, tmp_path):
    """2 mm would make any two objects of a micro-CT the same."""
    affine = np.diag([spacing] * 3 + [1])
    for name, start in (("one", 2), ("two", 12)):
        labels = np.zeros((20, 20, 20), np.uint8)
        labels[start : start + 5, 2:7, 2:7] = 1
        nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / f"{name}.nii.gz")
    pair = tmp_path / "one.nii.gz", tmp_path / "two.nii.gz"
    (row,) = compare_files(*pair)
    assert row.agreement.tolerance_mm == pytest.approx(expected)
    assert row.agreement.surface_dice < 0.4
    (row,) = compare_files(*pair, tolerance_mm=2.0)
    assert row.agreement.tolerance_mm == 2.0
