"""The grid and the segments of a DICOM SEG, from other programs too."""

from __future__ import annotations

import copy
import dataclasses
import re
import tracemalloc

import dicom_volumes
import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from segment_phantoms import MADE_BY, flat, same_as

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.measurements.measure import measure, measure_file
from sam_med.objects.segments import Segment
from sam_med.report.compare import compare_files
from sam_med.segmentations.read import read_segmentation
from sam_med.segmentations.seg_dicom import segments_of
from sam_med.segmentations.seg_frames import read_seg
from sam_med.write.results import write_outputs


@pytest.mark.parametrize("decimals", [10, 3])
def test_objects_far_apart_keep_their_slices(decimals, volume, tmp_path):
    """A gap of many slices multiplies what is rounded of their distance."""
    step = 0.78125
    frame = volume.frame
    segments = [flat("a", 1, 2, 3, 4), flat("b", 2, 12, 13)]
    write_outputs(segments, volume, tmp_path / "out.dcm", [], MADE_BY)
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    normal = np.cross(frame.array[:3, 2], frame.array[:3, 1])
    normal /= np.linalg.norm(normal)
    origin = frame.to_world([0, 0, 0])
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        k = round(float(np.linalg.norm(place - origin)) / volume.spacing_mm[0])
        # the second object lies 97 slices further up
        moved = origin + normal * step * (k + 87 * (k > 9))
        groups.PlanePositionSequence[0].ImagePositionPatient = [f"{v:.{decimals}f}" for v in moved]
    dataset.save_as(tmp_path / "far.dcm")
    found = read_segmentation(tmp_path / "far.dcm")
    assert found.shape[0] == 99
    assert found.spacing_mm[0] == pytest.approx(step, abs=1e-4)
    assert sorted(s.window.shape[0] for s in found.segments) == [2, 3]
    assert found.grid.origins_lps is None


def test_many_segments_are_held_in_their_windows(volume, tmp_path):
    segments = [flat(f"o{n}", n + 1, n) for n in range(16)]
    write_outputs(segments, volume, tmp_path / "out.dcm", [], MADE_BY)
    found = read_segmentation(tmp_path / "out.dcm").segments
    assert [s.window.shape[0] for s in found] == [1] * 16
    assert sum(s.mask.size for s in found) < 16 * 400


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"])
def test_segs_with_label_maps(syntax, data, tmp_path):
    """What highdicom writes, plain and run-length encoded."""
    images = [
        pydicom.dcmread(path)
        for path in sorted((data / "med/dicom/ct_tiny_seg_multiframe/series").glob("*.dcm"))
    ]
    for image in images:
        image.PatientName = "A^B"
    images.sort(key=lambda image: image.ImagePositionPatient[2])
    labels = np.zeros((len(images), images[0].Rows, images[0].Columns), np.uint8)
    labels[0, 2:5, 1:4] = labels[-1, 2:5, 1:4] = 3
    labels[1, 0:2, 0:6] = 7
    described = [
        highdicom.seg.SegmentDescription(number, name, codes.SCT.Tissue, codes.SCT.Tissue, "MANUAL")
        for number, name in ((3, "ribs"), (7, "ribs"), (9, "nothing"))
    ]
    highdicom.seg.Segmentation(
        images, labels, "LABELMAP", described, "1.2.3", 1, "1.2.3.4", 1,
        manufacturer="a", manufacturer_model_name="b", software_versions="c",
        device_serial_number="d", transfer_syntax_uid=syntax,
    ).save_as(tmp_path / "out.dcm")  # fmt: skip
    file = read_segmentation(tmp_path / "out.dcm")
    found = [(s.name, s.value, s.voxels) for s in file.segments]
    assert found == [("ribs", 3, 18), ("ribs", 7, 12), ("nothing", 9, 0)]
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    written = (tmp_path / "out.dcm").read_bytes()
    (tmp_path / "bare.dcm").write_bytes(written[132:])
    same_as(tmp_path / "bare.dcm", file)
    if syntax != "1.2.840.10008.1.2.1":
        meta_bytes = 12 + dataset.file_meta.FileMetaInformationGroupLength
        (tmp_path / "barer.dcm").write_bytes(written[132 + meta_bytes :])
        with pytest.raises(InputError, match=r"^the file of objects is compressed, but does not s"):
            read_segmentation(tmp_path / "barer.dcm")
        return
    del dataset.PerFrameFunctionalGroupsSequence[-1]
    dataset.NumberOfFrames -= 1
    dataset.save_as(tmp_path / "more.dcm")
    with pytest.raises(InputError, match=r"^the pixel data hold more than the \d frames described"):
        read_segmentation(tmp_path / "more.dcm")


def test_damaged_segs_are_refused_in_one_line(volume, tmp_path):
    write_outputs([flat("a", 1, 2, 3)], volume, tmp_path / "out.dcm", [], MADE_BY)

    def refused(**changes):
        dataset = pydicom.dcmread(tmp_path / "out.dcm")
        for tag, value in changes.items():
            if value is None:
                delattr(dataset, tag)
            else:
                setattr(dataset, tag, value)
        dataset.save_as(tmp_path / "bad.dcm")
        with pytest.raises(InputError) as error:
            read_segmentation(tmp_path / "bad.dcm")
        return str(error.value)

    damaged = "the DICOM SEG is damaged: its segments cannot be read"
    assert refused(PixelData=bytes(4)) == "the pixel data end within frame 1"
    assert refused(PixelData=None) == damaged
    assert refused(Rows=None) == damaged
    assert refused(SharedFunctionalGroupsSequence=[]).startswith("the frames of the DICOM SEG have")
    assert refused(SegmentationType="SURFACE") == (
        "a SURFACE segmentation: only BINARY, LABELMAP and FRACTIONAL are read (save it as one of "
        "them in 3D Slicer)"
    )
    assert refused(SegmentationType="FRACTIONAL") == (
        "a FRACTIONAL segmentation has 8 bits a pixel, and this one 1: save it anew, as BINARY or "
        "LABELMAP"
    )
    nothing = {"PerFrameFunctionalGroupsSequence": []}
    said = "the DICOM SEG states 2 frames, but says of 0 what they are"
    assert refused(**nothing) == said
    assert refused(**nothing, NumberOfFrames=None).startswith("the DICOM SEG has no frames")
    surface = refused(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.5")
    assert surface == "no DICOM SEG or RTSTRUCT, but Surface Segmentation Storage"
    assert refused(BitsAllocated=8).startswith("a BINARY segmentation has one bit a pixel, and")


def changed(folder, change, *segments, volume):
    """The message for a DICOM SEG of which something was changed."""
    write_outputs(segments, volume, folder / "out.dcm", [], MADE_BY)
    dataset = pydicom.dcmread(folder / "out.dcm")
    change(dataset)
    dataset.save_as(folder / "odd.dcm")
    with pytest.raises(InputError) as error:
        read_segmentation(folder / "odd.dcm")
    return str(error.value)


def set_in_frames(sequence, tag, value, *, first=1):
    """Frames from one on that say themselves what the others share."""

    def change(dataset):
        (shared,) = dataset.SharedFunctionalGroupsSequence
        for n, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            item = copy.deepcopy(shared[sequence].value[0])
            if n >= first:
                setattr(item, tag, value)
            setattr(groups, sequence, [item])
        delattr(shared, sequence)

    return change


def test_frames_that_have_no_place_in_one_grid_are_refused(volume, tmp_path):
    """All frames are looked at, not the first alone."""
    segments = [flat("a", 1, 2, 3), flat("b", 2, 3)]

    def message(change):
        return changed(tmp_path, change, *segments, volume=volume)

    tag = "ImageOrientationPatient"
    turned = set_in_frames("PlaneOrientationSequence", tag, [0, 1, 0, 0, 0, -1])
    assert message(turned).startswith(f"the frames of the DICOM SEG differ in {tag}, and one grid")
    coarse = set_in_frames("PixelMeasuresSequence", "PixelSpacing", [3, 3])
    assert message(coarse).startswith("the frames of the DICOM SEG differ in PixelSpacing, and one")
    skew = set_in_frames("PlaneOrientationSequence", tag, [1, 0, 0, 1, 0, 0], first=0)
    assert message(skew).startswith(f"the {tag} of the DICOM SEG is no pair of perpendicular dire")

    def moved(dataset):
        (shared,) = dataset.SharedFunctionalGroupsSequence
        along = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient[:3], float)
        # that of the second segment, whose plane is one of the first
        (place,) = next(
            groups.PlanePositionSequence
            for groups in dataset.PerFrameFunctionalGroupsSequence
            if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2
        )
        place.ImagePositionPatient = [
            f"{v:.6f}" for v in np.array(place.ImagePositionPatient, float) + 50 * along
        ]

    assert message(moved).startswith("frames of one plane begin 50.000 mm apart, as tiles do")


def test_what_all_frames_say_alike_is_read(volume, tmp_path):
    segment = flat("a", 1, 2, 3)
    write_outputs([segment], volume, tmp_path / "out.dcm", [], MADE_BY)
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    (spacing,) = {
        tuple(i.PixelSpacing)
        for i in dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    }
    rounded = [f"{float(v):.4f}" for v in spacing]
    set_in_frames("PixelMeasuresSequence", "PixelSpacing", rounded)(dataset)
    dataset.save_as(tmp_path / "out.dcm")
    file = read_segmentation(tmp_path / "out.dcm")
    assert [s.voxels for s in file.segments] == [segment.voxels]
    assert file.spacing_mm[1:] == pytest.approx(volume.spacing_mm[1:], abs=1e-4)


def test_frames_without_a_description_and_numbers_that_repeat_are_refused(volume, tmp_path):
    segments = [flat("a", 1, 2, 3), flat("b", 2, 3)]

    def message(change):
        return changed(tmp_path, change, *segments, volume=volume)

    def undescribed(dataset):
        del dataset.PerFrameFunctionalGroupsSequence[2]

    assert message(undescribed) == "the DICOM SEG states 3 frames, but says of 2 what they are"

    def unsaid(dataset):
        undescribed(dataset)
        dataset.NumberOfFrames = 2

    assert message(unsaid) == "the pixel data hold more than the 2 frames described"

    def repeated(dataset):
        dataset.SegmentSequence[1].SegmentNumber = 1

    assert message(repeated).startswith("2 segments have the number 1, so nothing says which of th")

    def one_place(dataset):
        first, second, _ = dataset.PerFrameFunctionalGroupsSequence
        second.PlanePositionSequence = first.PlanePositionSequence

    assert message(one_place).startswith("two frames of one segment lie on one plane and differ")


def test_slices_that_do_not_begin_on_one_line_keep_their_places(volume, tmp_path):
    segment = flat("a", 1, 2, 3, 4)
    write_outputs([segment], volume, tmp_path / "out.dcm", [], MADE_BY)
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    (shared,) = dataset.SharedFunctionalGroupsSequence
    along = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient[:3], float)
    place = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    moved = np.array(place.ImagePositionPatient, float) + 7.0 * along
    place.ImagePositionPatient = [f"{v:.6f}" for v in moved]
    dataset.save_as(tmp_path / "out.dcm")
    file = read_segmentation(tmp_path / "out.dcm")
    assert file.grid.to_world([1, 0, 0]) == pytest.approx(moved, abs=1e-5)
    expected = "the frames lie on no even grid: they are shifted against each other along their pla"
    with pytest.raises(InputError, match=f"^{expected}"):
        compare_files(tmp_path / "out.dcm", tmp_path / "out.dcm")


@pytest.mark.parametrize("value", ["Label value 0", "Label value 70000"])
def test_values_that_no_label_map_has_are_numbers_of_segments(value, volume, tmp_path):
    segments = [flat("a", 8, 2, 3), flat("b", 9, 3)]
    write_outputs(segments, volume, tmp_path / "out.dcm", [], MADE_BY)
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    dataset.SegmentSequence[0].SegmentDescription = value
    dataset.save_as(tmp_path / "out.dcm")
    found = read_segmentation(tmp_path / "out.dcm").segments
    assert [(s.name, s.value) for s in found] == [("a", 1), ("b", 2)]
    # nor is 0 a number
    dataset.SegmentSequence[0].SegmentNumber = 0
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        (item,) = groups.SegmentIdentificationSequence
        item.ReferencedSegmentNumber = 0 if item.ReferencedSegmentNumber == 1 else 2
    dataset.save_as(tmp_path / "out.dcm")
    found = read_segmentation(tmp_path / "out.dcm").segments
    assert [(s.name, s.value, s.voxels) for s in found] == [
        ("a", 1, segments[0].voxels),
        ("b", 2, segments[1].voxels),
    ]


def test_segments_that_only_frames_name_are_objects(volume, tmp_path):
    segments = [flat("a", 4, 2, 3), flat("b", 6, 3)]
    write_outputs(segments, volume, tmp_path / "out.dcm", [], MADE_BY)
    dataset = pydicom.dcmread(tmp_path / "out.dcm")
    del dataset.SegmentSequence[1]
    dataset.save_as(tmp_path / "out.dcm")
    found = read_segmentation(tmp_path / "out.dcm").segments
    assert [(s.name, s.value, s.voxels) for s in found] == [
        ("2", 2, segments[1].voxels),
        ("a", 4, segments[0].voxels),
    ]


@pytest.mark.parametrize("name", ["ct_head_gantry_tilt_uneven", "ct_small_missing_slices"])
def test_seg_files_of_awkward_series(name, data, tmp_path):
    """Gaps are filled with empty slices; at uneven distances no surface is measured."""
    volume = dicom_volumes.build(name, data)
    shape = volume.shape
    whole = Window((0, 0, 0), shape)
    segment = Segment("all", 1, whole, np.ones(shape, bool))
    write_outputs([segment], volume, tmp_path / "out.dcm", [], MADE_BY)
    found = read_segmentation(tmp_path / "out.dcm")
    if name == "ct_small_missing_slices":
        assert found.shape == (17, *shape[1:])
        empty = np.flatnonzero(~found.segments[0].full(found.shape).any(axis=(1, 2)))
        assert empty.tolist() == [5, 10]
    else:
        # measured on the slices of its volume it is what was written
        (row,) = measure_file(volume, found)
        assert row == dataclasses.replace(measure(volume, [segment])[0], name="all")
        expected = "the frames lie on no even grid: gaps of 1.081 mm to 6.999 mm (compare "
        with pytest.raises(InputError, match=f"^{re.escape(expected)}"):
            compare_files(tmp_path / "out.dcm", tmp_path / "out.dcm")


def test_frames_are_not_held_whole(volume, tmp_path):
    """Of each frame the part that shows its segment: 40 whole ones would take ten times as much."""
    segments = [flat(f"o{n}", n + 1, *range(2, 12)) for n in range(4)]
    write_outputs(segments, volume, tmp_path / "out.dcm", [], MADE_BY)
    file = read_seg(tmp_path / "out.dcm")
    frame_bytes = file.size[0] * file.size[1]
    assert len(list(file.frames())) == 40
    tracemalloc.start()
    found = segments_of(file).segments
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [s.voxels for s in found] == [s.voxels for s in segments]
    assert peak < 20 * frame_bytes


def test_frames_of_one_shape_at_two_places_of_one_plane_are_refused(volume, tmp_path):
    """What the frames show is alike, but not where: neither is taken for the other."""
    mask = np.zeros((2, 8, 8), bool)
    mask[0, 1:4, 1:4] = mask[1, 4:7, 4:7] = True
    segment = Segment("a", 1, Window((2, 30, 40), (4, 38, 48)), mask)

    def one_place(dataset):
        first, second = dataset.PerFrameFunctionalGroupsSequence
        second.PlanePositionSequence = first.PlanePositionSequence

    said = changed(tmp_path, one_place, segment, volume=volume)
    assert said.startswith("two frames of one segment lie on one plane and differ")


def places_of(mask, to_world):
    """Centres of the voxels of a mask in LPS mm, in an order of their own."""
    found = np.round(to_world(np.argwhere(mask)), 3)
    return found[np.lexsort(found.T)]


def check_by_highdicom(path):
    """The voxels of every segment lie where highdicom has them; its slices may be in reverse."""
    file = read_segmentation(path)
    oracle = highdicom.seg.segread(path)
    volume = oracle.get_volume(combine_segments=False)
    assert file.shape == volume.spatial_shape
    names = [oracle.get_segment_description(n).segment_label for n in oracle.segment_numbers]
    assert [segment.name for segment in file.segments] == names
    for n, segment in enumerate(file.segments):
        expected = places_of(volume.array[..., n], volume.map_indices_to_reference)
        found = places_of(segment.full(file.shape), file.grid.to_world)
        assert len(found)
        assert np.abs(found - expected).max() <= 2e-3


@pytest.mark.parametrize(
    "path",
    [
        "ct_tiny_seg_multiframe/labels/label_SEG.dcm",
        "ct_tiny_seg_overlap/seg/seg_image_ct_binary.dcm",
        "ct_tiny_seg_overlap/seg/seg_image_ct_binary_overlap.dcm",
    ],
)
def test_segs_of_other_programs_by_highdicom(path, data):
    check_by_highdicom(data / "med/dicom" / path)


@pytest.mark.parametrize("name", ["ct_small_rotated", "mr_sagittal_hfs"])
def test_own_segs_by_highdicom(name, data, tmp_path):
    volume = dicom_volumes.build(name, data)
    segments = [flat("a", 1, 2, 3, 5), flat("b", 2, 3)]
    write_outputs(segments, volume, tmp_path / "out.dcm", [], MADE_BY)
    check_by_highdicom(tmp_path / "out.dcm")
