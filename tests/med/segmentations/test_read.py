"""Segmentation files of other programs: an object for each that they list."""

from __future__ import annotations

import copy
import gzip
import re
import zipfile

import dicom_volumes
import highdicom
import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.report.compare import compare_files
from sam_med.segmentations.objects import plain_name
from sam_med.segmentations.read import is_segmentation, is_structure_set, read_segmentation
from sam_med.write.results import write_outputs

MADE_BY = Provenance("0.1.0", "lite_medsam", "7" * 64, "planes", "a" * 64)
SHAPE = (6, 8, 10)
ONE, TWO = Window((1, 2, 3), (3, 5, 6)), Window((2, 3, 4), (5, 6, 9))


def layers_of(*windows, value=1):
    """(layer, i, j, k), each with one box."""
    array = np.zeros((len(windows), *SHAPE[::-1]), np.uint8)
    for layer, window in zip(array, windows, strict=True):
        layer.T[window.slices] = value
    return array


def write(path, array, fields, kinds=None):
    listed = array.ndim == 4
    header = {
        "space": "left-posterior-superior",
        "space directions": [[np.nan] * 3] * listed + np.diag([1.0, 1.0, 2.0]).tolist(),
        "space origin": [0.0, 0.0, 0.0],
        "kinds": kinds or ["list"] * listed + ["domain"] * 3,
        **fields,
    }
    nrrd.write(str(path), array, header)
    return path


def found_in(path):
    """(name, value, window) of each object; the window is None where it has no voxels."""
    file = read_segmentation(path)
    return [(s.name, s.value, s.window if s.voxels else None) for s in file.segments]


TODAY = {
    "Segment0_ID": "a",
    "Segment0_Name": "ribs",
    "Segment0_LabelValue": "1",
    "Segment0_Layer": "0",
    "Segment1_ID": "b",
    "Segment1_Name": "ribs",
    "Segment1_LabelValue": "1",
    "Segment1_Layer": "1",
}


def test_layers_that_each_count_from_one(tmp_path):
    path = write(tmp_path / "a.seg.nrrd", layers_of(ONE, TWO), TODAY)
    assert found_in(path) == [("ribs", 1, ONE), ("ribs", 1, TWO)]


@pytest.mark.parametrize("layers", [1, 2])
def test_files_of_before_there_were_layers(layers, tmp_path):
    """Slicer up to 4.10: a volume for each segment, no values, and no number of a layer."""
    fields = {"Segment0_ID": "a", "Segment0_Name": "ribs", "Segment1_ID": "b"}
    if layers == 1:
        del fields["Segment1_ID"]
    path = write(tmp_path / "a.seg.nrrd", layers_of(ONE, TWO)[:layers], fields)
    assert found_in(path) == [("ribs", 1, ONE), ("2", 2, TWO)][:layers]


def test_one_layer_whose_values_were_lost(tmp_path):
    array = layers_of(ONE)[0]
    array.T[5, 7, 9] = 2
    corner = Window((5, 7, 9), (6, 8, 10))
    fields = {"Segment0_Name": "ribs", "Segment1_Name": "sphere"}
    path = write(tmp_path / "a.seg.nrrd", array, fields)
    assert found_in(path) == [("ribs", 1, ONE), ("sphere", 2, corner)]
    # values that do not say whose they are stay without a name
    array.T[5, 7, 9] = 9
    path = write(tmp_path / "b.seg.nrrd", array, fields)
    assert found_in(path) == [("1", 1, ONE), ("9", 9, corner)]
    file = read_segmentation(path)
    assert not file.named
    assert file.notes == (
        "nothing says which value is which of the segments (ribs, sphere): objects have no names",
    )


def test_layers_whose_numbers_were_lost(tmp_path):
    """Values without layers: one layer for each segment, in order."""
    fields = {key: value for key, value in TODAY.items() if not key.endswith("Layer")}
    path = write(tmp_path / "a.seg.nrrd", layers_of(ONE, TWO), fields)
    assert found_in(path) == [("ribs", 1, ONE), ("ribs", 1, TWO)]


def test_two_segments_of_one_value_are_refused(tmp_path):
    path = write(tmp_path / "a.seg.nrrd", layers_of(ONE, TWO), TODAY | {"Segment1_Layer": "0"})
    expected = "two segments are value 1 of layer 0, so nothing says whose it is"
    with pytest.raises(InputError, match=f"^{expected}"):
        read_segmentation(path)


def test_values_that_no_segment_claims_are_objects(tmp_path):
    array = layers_of(ONE, TWO)
    array[1].T[0, 0, 0] = 8
    path = write(tmp_path / "a.seg.nrrd", array, TODAY)
    corner = Window((0, 0, 0), (1, 1, 1))
    assert found_in(path) == [("ribs", 1, ONE), ("ribs", 1, TWO), ("8", 8, corner)]


def test_layers_without_any_field_are_objects(tmp_path):
    path = write(tmp_path / "a.nrrd", layers_of(ONE, TWO), {})
    assert found_in(path) == [("1", 1, ONE), ("1", 1, TWO)]


def test_an_empty_segment_is_listed(tmp_path):
    fields = TODAY | {"Segment1_Layer": "0", "Segment1_LabelValue": "5"}
    path = write(tmp_path / "a.seg.nrrd", layers_of(ONE)[0], fields)
    assert found_in(path) == [("ribs", 1, ONE), ("ribs", 5, None)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Segment1_Layer": "2"}, "Segment1 is in layer 2, but the file has 2"),
        ({"Segment1_Layer": "-1"}, "Layer of Segment1 must be a whole number, got '-1'"),
        ({"Segment0_LabelValue": "1.5"}, "LabelValue of Segment0 must be a whole number"),
        ({"Segment0_LabelValue": "0"}, "the LabelValue of Segment0 is 0, which is no object"),
    ],
)
def test_fields_that_make_no_sense(fields, expected, tmp_path):
    path = write(tmp_path / "a.seg.nrrd", layers_of(ONE, TWO), TODAY | fields)
    with pytest.raises(InputError, match=f"^{re.escape(expected)}"):
        read_segmentation(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" left \n kidney\t", "left kidney"),
        ("Leber \udce4\udcf6", "Leber äö"),
        ("f\udcc3\udcbcnf", "fünf"),
        ("a\ud800b", "a?b"),
        ("\x00", ""),
    ],
)
def test_names_in_one_line(text, expected):
    assert plain_name(text) == expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 2, 2), np.nan), "a label map holds whole numbers, got nan"),
        (np.full((2, 2, 2), np.inf), "a label map holds whole numbers, got inf"),
        (np.full((2, 2, 2), 70000, np.int32), "values of a label map are 0 to 65535, got 70000"),
        (np.full((2, 2, 2), -1.0), "values of a label map are 0 to 65535, got -1"),
    ],
)
def test_values_that_are_no_labels(array, expected, tmp_path):
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "CANARY.nii")
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        read_segmentation(tmp_path / "CANARY.nii")


def test_time_points_are_no_layers(tmp_path):
    image = nibabel.Nifti1Image(np.ones((2, 3, 4, 5), np.uint8), np.eye(4))
    nibabel.save(image, tmp_path / "a.nii")
    expected = "the file holds 5 time points, but a segmentation has three dimensions"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}"):
        read_segmentation(tmp_path / "a.nii")


def test_other_files(tmp_path):
    (tmp_path / "CANARY.txt").write_text("a")
    with pytest.raises(InputError, match=r"^neither a volume file nor DICOM: the file of objects"):
        read_segmentation(tmp_path / "CANARY.txt")
    with pytest.raises(InputError, match=r"^a segmentation is one file, got a folder"):
        read_segmentation(tmp_path)


@pytest.fixture
def volume(data):
    return dicom_volumes.build("ct_small_rotated", data)


def flat(name, value, *slices):
    mask = np.zeros((max(slices) + 1 - min(slices), 20, 20), bool)
    for k in slices:
        mask[k - min(slices), k % 5 : 15, 3:18] = True
    start = (min(slices), 30, 40)
    return Segment(name, value, Window(start, (max(slices) + 1, 50, 60)), mask)


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
    assert refused(SegmentationType="FRACTIONAL").startswith("a FRACTIONAL segmentation: only")
    nothing = {"PerFrameFunctionalGroupsSequence": []}
    said = "the DICOM SEG states 2 frames, but says of 0 what they are"
    assert refused(**nothing) == said
    assert refused(**nothing, NumberOfFrames=None).startswith("the DICOM SEG has no frames")
    surface = refused(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.5")
    assert surface == "no DICOM SEG or RTSTRUCT, but Surface Segmentation Storage"
    assert refused(BitsAllocated=8).startswith("a BINARY segmentation has one bit a pixel, and")


def test_a_file_that_ends_early_is_no_object(volume, tmp_path):
    path = tmp_path / "out.dcm"
    write_outputs([flat("a", 1, 2, 3)], volume, path, [], MADE_BY)
    content = path.read_bytes()
    said = r"^the DICOM (file is damaged: it cannot be read to its end|SEG .*: is it whole\?)$"
    for size in range(1000, len(content), 501):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=said):
            read_segmentation(path)
    (tmp_path / "cut.dcm.gz").write_bytes(gzip.compress(content)[:-200])
    with pytest.raises(InputError, match=r"^the archive is damaged: have it copied again$"):
        read_segmentation(tmp_path / "cut.dcm.gz")


def test_a_structure_set_that_ends_early_has_not_fewer_contours(volume, tmp_path):
    path = tmp_path / "out.rtstruct.dcm"
    segments = [flat("a", 1, 2, 3), flat("b", 2, 3)]
    write_outputs(segments, volume, tmp_path / "out", ["dicom_rtstruct"], MADE_BY)
    content, seen = path.read_bytes(), set()
    for size in range(1000, len(content), 7):
        path.write_bytes(content[:size])
        try:
            file = read_segmentation(path, grid=volume)
        except InputError as error:
            seen.add(str(error))
        else:
            # what is missing says nothing of contours
            assert [s.voxels for s in file.segments] == [s.voxels for s in segments]
    assert seen <= {
        "the DICOM file is damaged: it cannot be read to its end",
        "the RTSTRUCT is damaged: its structures cannot be read",
    }


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


def same_as(path, expected):
    found = read_segmentation(path)
    assert [(s.name, s.value, s.window) for s in found.segments] == [
        (s.name, s.value, s.window) for s in expected.segments
    ]
    for one, other in zip(found.segments, expected.segments, strict=True):
        assert np.array_equal(one.mask, other.mask)


def test_a_seg_is_read_in_the_forms_in_which_images_are(volume, tmp_path):
    """Without preamble, without meta information, packed, and with other orders of bytes."""
    path = tmp_path / "out.dcm"
    write_outputs([flat("a", 4, 2, 3), flat("b", 6, 3)], volume, path, [], MADE_BY)
    expected, written = read_segmentation(path), path.read_bytes()
    dataset = pydicom.dcmread(path)
    meta_bytes = 12 + dataset.file_meta.FileMetaInformationGroupLength
    for n, content in enumerate((written[132:], written[132 + meta_bytes :])):
        (tmp_path / f"{n}.dcm").write_bytes(content)
        same_as(tmp_path / f"{n}.dcm", expected)
    for name, content in (("a.dcm.gz", written), ("b.gz", written[132:])):
        (tmp_path / name).write_bytes(gzip.compress(content))
        same_as(tmp_path / name, expected)
        assert is_segmentation(tmp_path / name)
        assert not is_structure_set(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(path, "CANARY.dcm")
    same_as(tmp_path / "one.zip", expected)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(path, "a")
        archive.write(path, "b")
    with pytest.raises(InputError, match=r"^the archive holds 2 files, and a segmentation is one"):
        read_segmentation(tmp_path / "two.zip")
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2"):
        other = copy.deepcopy(dataset)
        if syntax.endswith(".2.2"):
            other["PixelData"].VR = "OW"
            swapped = np.frombuffer(other.PixelData, ">u2").astype("<u2").tobytes()
            other.PixelData = swapped
        other.file_meta.TransferSyntaxUID = syntax
        list(other.iterall())
        pydicom.dcmwrite(
            tmp_path / "order.dcm",
            other,
            implicit_vr=not syntax.endswith(".2.2"),
            little_endian=not syntax.endswith(".2.2"),
            force_encoding=True,
        )
        same_as(tmp_path / "order.dcm", expected)


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
