"""Segmentation files of other programs: an object for each that they list."""

from __future__ import annotations

import re

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
from sam_med.provenance import Provenance
from sam_med.seg_files import plain_name, read_segmentation
from sam_med.segments import Segment
from sam_med.sink import write_outputs

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
    assert not read_segmentation(path).named


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
    assert refused(PerFrameFunctionalGroupsSequence=[]).startswith("the DICOM SEG has no frames")


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
