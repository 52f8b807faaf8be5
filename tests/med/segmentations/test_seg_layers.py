"""Layers of a .seg.nrrd, as any version of 3D Slicer writes them."""

from __future__ import annotations

import re

import nrrd
import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.segmentations.read import read_segmentation

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
