from __future__ import annotations

import pytest

from sam_common.errors import CapabilityError, PromptError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.live.edits import Edits, whole_number


@pytest.fixture
def edits(live):
    return Edits(live.volume, live.slices, FakeSegmenter())


def test_a_point_in_mm_and_in_voxels(edits):
    add = {"op": "add_point", "object": "o", "label": 1}
    for point, space in (([12, 7, 3], "pixel"), ([22, 27, 36], "world")):
        ready = edits.normalised({**add, "point": point, "space": space})
        assert ready == {**add, "point": [12.0, 7.0, 3.0]}


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ([1, 2], "a point of a volume is [i, j, k], got 2 numbers"),
        ([50, 7, 3], "the point lies outside the volume of (50, 40, 12) voxels (i, j, k)"),
        ([-0.6, 7, 3], "the point lies outside the volume of (50, 40, 12) voxels (i, j, k)"),
    ],
)
def test_points_of_no_voxel(edits, point, expected):
    with pytest.raises(PromptError) as caught:
        edits.normalised({"op": "add_point", "point": point})
    assert str(caught.value) == expected


def test_a_3d_box_is_inclusive_voxels_inside_the_volume(edits):
    put = {"op": "set_box", "object": "o"}
    turned = edits.normalised({**put, "box": [30, 8, 9, 10, 28, 2]})
    assert turned["box"] == [10, 8, 2, 30, 28, 9]
    cut = edits.normalised({**put, "box": [-5, 8, 2, 30, 28, 99]})
    assert cut["box"] == [0, 8, 2, 30, 28, 11]
    # edges in mm run around the voxels: half a voxel less and more
    edges = [10 + 9.5, 20 + 7.5, 30 + 2 * 1.5, 10 + 30.5, 20 + 28.5, 30 + 2 * 9.5]
    world = edits.normalised({**put, "box": edges, "space": "world"})
    assert world["box"] == [10, 8, 2, 30, 28, 9]


def test_a_box_on_a_slice_is_cut_to_it(edits):
    put = {"op": "set_box", "object": "o", "axis": 0, "index": 5}
    assert edits.normalised({**put, "box": [30.4, 8.5, 10, -2]})["box"] == [10, 0, 30, 9]
    corners = [20, 28, 40, 40, 48, 40]
    world = edits.normalised({**put, "box": corners, "space": "world"})
    assert world["box"] == [10, 8, 30, 28]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (
            {"box": [1, 2, 3, 4]},
            (
                "a box of a volume is [i0, j0, k0, i1, j1, k1], got 4 numbers: give axis and index "
                "with a box on a slice"
            ),
        ),
        (
            {"box": [60, 8, 2, 70, 28, 9]},
            "the box ijk (60, 8, 2, 70, 28, 9) lies outside the volume of (50, 40, 12) voxels",
        ),
        (
            {"box": [1, 2, 3], "axis": 0, "index": 5},
            "a box on a slice is [x0, y0, x1, y1], got 3 numbers",
        ),
        (
            {"box": [1, 2, 3, 4], "axis": 0, "index": 5, "space": "world"},
            "a box on a slice is two corners in mm, [x, y, z, x, y, z], got 4 numbers",
        ),
        (
            {"box": [20, 28, 42, 40, 48, 42], "axis": 0, "index": 5, "space": "world"},
            "the box lies on slice 6, not 5",
        ),
        ({"box": [1, 2, 3, 4], "axis": 0, "index": 12}, "axis 0 has the slices 0 to 11, got 12"),
        (
            {"box": [51, 2, 60, 4], "axis": 0, "index": 5},
            "the box lies outside the slice of 40 x 50 voxels",
        ),
    ],
)
def test_boxes_of_no_voxel(edits, edit, expected):
    with pytest.raises(PromptError) as caught:
        edits.normalised({"op": "set_box", **edit})
    assert str(caught.value) == expected


def test_a_painted_mask_lies_on_a_slice(edits):
    put = {"op": "set_mask", "object": "o"}
    mask = {"axis": 2, "index": 49, "window": ((0, 0), (12, 40)), "counts": [0, 480]}
    assert edits.normalised({**put, "mask": mask}) == {**put, "mask": mask}
    for change, expected in (
        ({"axis": None}, "a painted mask of a volume names its slice: axis and index"),
        ({"index": 50}, "axis 2 has the slices 0 to 49, got 50"),
        ({"window": ((0, 0), (12, 41))}, "the mask reaches to (12, 41), the slice has (12, 40)"),
    ):
        with pytest.raises(PromptError) as caught:
            edits.normalised({**put, "mask": {**mask, **change}})
        assert str(caught.value) == expected


def test_a_network_is_asked_for_what_it_takes_only(live):
    boxes_only = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    edits = Edits(live.volume, live.slices, FakeSegmenter(capabilities=boxes_only))
    edits.normalised({"op": "set_box", "box": [1, 2, 3, 4, 5, 6]})
    for op in ("add_point", "move_point"):
        with pytest.raises(CapabilityError):
            edits.normalised({"op": op, "point": [1, 2, 3]})
    # taking a point away asks nothing of the network
    assert edits.normalised({"op": "remove_point", "id": 1}) == {"op": "remove_point", "id": 1}


@pytest.mark.parametrize(("value", "voxel"), [(0.49, 0), (0.5, 1), (1.5, 2), (-0.5, 0), (-0.6, -1)])
def test_a_half_counts_up(value, voxel):
    assert whole_number(value) == voxel
