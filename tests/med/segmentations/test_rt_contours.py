"""Contours of other programs as voxels: what several on one slice mean."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pydicom.dataset import Dataset
from segment_phantoms import MADE_BY, flat

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_med.dicom.encoding import quiet_pydicom
from sam_med.geometry.volume import Volume
from sam_med.segmentations.read import read_segmentation
from sam_med.segmentations.rt_contours import read_structures
from sam_med.write.results import write_outputs

GRID = Volume(np.zeros((3, 12, 14), np.int16), Frame.from_array(np.eye(4)[:, [2, 1, 0, 3]]))
"""Voxels of 1 mm: index (k, j, i) lies at (i, j, k) mm."""


def square(low, high, *, column=None, k=0):
    """The corners around the pixels from `low` to before `high`, also along the columns."""
    left, right = (low, high) if column is None else (column, column + high - low)
    ends = [(left, low), (right, low), (right, high), (left, high)]
    return [(x - 0.5, y - 0.5, float(k)) for x, y in ends]


def structure_set(*structures):
    """A file of (number, name, [(type, points), ...])."""
    file = Dataset()
    file.StructureSetROISequence, file.ROIContourSequence = [], []
    for number, name, contours in structures:
        listed, drawn = Dataset(), Dataset()
        listed.ROINumber = drawn.ReferencedROINumber = number
        listed.ROIName = name
        file.StructureSetROISequence.append(listed)
        drawn.ContourSequence = []
        for kind, points in contours:
            item = Dataset()
            with quiet_pydicom():
                item.ContourGeometricType = kind
            item.NumberOfContourPoints = len(points)
            item.ContourData = [f"{v:.4f}" for point in points for v in point]
            drawn.ContourSequence.append(item)
        file.ROIContourSequence.append(drawn)
    return file


def read(contours, grid=GRID):
    """The mask of the first slice of one structure, and what is told."""
    file = read_structures(structure_set((1, "a", contours)), grid)
    (segment,) = file.segments
    return segment.full(grid.shape)[0], list(file.notes)


def boxes(*parts):
    mask = np.zeros(GRID.shape[1:], bool)
    for sign, low, high in parts:
        mask[low:high, low:high] = sign
    return mask


CLOSED, XOR = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"
ISLAND = [square(1, 10), square(3, 8), square(5, 6)]
RING_AND_ISLAND = boxes((1, 1, 10), (0, 3, 8), (1, 5, 6))


@pytest.mark.parametrize("kind", [CLOSED, XOR, "CLOSED_PLANAR_XOR"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_contour_inside_another_is_a_hole_and_in_it_an_island(kind, order):
    mask, notes = read([(kind, ISLAND[n]) for n in order])
    assert np.array_equal(mask, RING_AND_ISLAND)
    assert not notes


@pytest.mark.parametrize(
    "again",
    [
        ISLAND[0],
        ISLAND[0][::-1],
        ISLAND[0][2:] + ISLAND[0][:2],
        # rounded, closed, and with a point more on a side
        [(x + 0.01, y - 0.01, z) for x, y, z in ISLAND[0]],
        [*ISLAND[0], ISLAND[0][0]],
        [ISLAND[0][0], (4.0, 0.5, 0.0), *ISLAND[0][1:]],
    ],
)
def test_the_same_contour_twice_counts_once(again):
    for contours in ([ISLAND[0], again], [again, ISLAND[0], again, again]):
        mask, notes = read([(CLOSED, points) for points in contours])
        assert np.array_equal(mask, boxes((1, 1, 10)))
        assert not notes
    # a hole, too
    mask, _ = read([(CLOSED, points) for points in (square(0, 11), ISLAND[0], again)])
    assert np.array_equal(mask, boxes((1, 0, 11), (0, 1, 10)))


def test_exclusive_contours_cancel_where_they_are_the_same():
    mask, _ = read([(XOR, ISLAND[0])] * 3)
    assert np.array_equal(mask, boxes((1, 1, 10)))
    mask, _ = read([(XOR, ISLAND[0])] * 2)
    assert not mask.any()


def test_contours_that_overlap_in_part():
    one, two = boxes((1, 1, 6)), boxes((1, 4, 9))
    mask, notes = read([(CLOSED, square(1, 6)), (CLOSED, square(4, 9))])
    assert np.array_equal(mask, one | two)
    assert notes == ["structure a: 1 contour(s) overlap others in part: what is in either is taken"]
    mask, notes = read([(XOR, square(1, 6)), (XOR, square(4, 9))])
    assert np.array_equal(mask, one ^ two)
    assert not notes


def test_a_ring_that_is_thinner_than_a_voxel_is_no_contour_twice():
    ring = [(CLOSED, square(1, 10)), (CLOSED, [(x * 0.99 + 0.05, y, z) for x, y, z in ISLAND[0]])]
    assert read(ring)[0].any()
    thin = [
        (CLOSED, ISLAND[0]),
        (CLOSED, [(4.5 + (x - 4.5) * 0.95, y, z) for x, y, z in ISLAND[0]]),
    ]
    assert not read(thin)[0].any()


def test_contours_side_by_side_are_pieces():
    mask, notes = read([(CLOSED, square(1, 5)), (CLOSED, square(5, 9, column=1))])
    expected = np.zeros_like(mask)
    expected[1:9, 1:5] = True
    assert np.array_equal(mask, expected)
    assert not notes


def test_what_goes_around_nothing_is_said():
    line = [(1.0, 1.0, 0.0), (3.0, 4.0, 0.0), (6.0, 4.0, 0.0)]
    mask, notes = read(
        [
            (CLOSED, square(1, 4)),
            ("OPEN_PLANAR", line),
            ("POINT", line[:1]),
            ("POINT", line[1:2]),
            (CLOSED, line[:2]),
            (CLOSED, [(x / 10 + 6.2, y / 10 + 6.2, z) for x, y, z in line]),
        ]
    )
    assert np.array_equal(mask, boxes((1, 1, 4)))
    assert notes == [
        "structure a has, beside closed contours, 1 OPEN_PLANAR, 2 POINT: they go around no voxels",
        "structure a: 2 contour(s) go around no centre of a voxel: left out",
    ]
    _, notes = read([("POINT", line[:1])])
    assert notes == ["structure a has no closed contours, but 1 POINT: no voxels"]
    _, notes = read([])
    assert notes == ["structure a has no contours: no voxels"]


def test_what_lies_beyond_the_image_or_is_left_out_is_said():
    mask, notes = read([(CLOSED, square(-3, 4)), (CLOSED, square(1, 4, k=2))])
    assert np.array_equal(mask, boxes((1, 0, 4)))
    assert notes == [
        "structure a: 1 contour(s) reach beyond the image: cut off there",
        "structure a: 1 slice(s) between its first and last have no contour: left empty",
    ]
    # the edge of the image is not beyond it
    whole = [(x, y, 0.0) for x, y in [(-0.5, -0.5), (13.5, -0.5), (13.5, 11.5), (-0.5, 11.5)]]
    mask, notes = read([(CLOSED, whole)])
    assert mask.all()
    assert not notes


def test_every_structure_has_its_own_number():
    twice = structure_set((3, "a", [(CLOSED, square(1, 4))]), (3, "b", [(CLOSED, square(5, 9))]))
    expected = "2 structures have the number 3, so nothing says which of them is meant"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}"):
        read_structures(twice, GRID)
    # one that only contours name is an object too
    lost = structure_set((3, "a", [(CLOSED, square(1, 4))]), (4, "b", [(CLOSED, square(5, 9))]))
    del lost.StructureSetROISequence[1]
    found = read_structures(lost, GRID).segments
    assert [(s.name, s.value, s.voxels) for s in found] == [("a", 3, 9), ("4", 4, 16)]


@pytest.mark.parametrize(("number", "values"), [(0, (1, 2)), (70000, (1, 2)), (5, (5, 7))])
def test_values_are_those_of_label_maps(number, values):
    file = structure_set((number, "a", []), (7, "b", []))
    found = read_structures(file, GRID).segments
    assert tuple(segment.value for segment in found) == values


@pytest.mark.parametrize("damage", ["cut", "nothing", "nan"])
def test_damaged_contours_are_refused(damage):
    file = structure_set((1, "a", [(CLOSED, square(1, 9))]))
    (contour,) = file.ROIContourSequence[0].ContourSequence
    if damage == "nan":
        with quiet_pydicom():
            contour.ContourData = [*list(contour.ContourData)[:-1], "nan"]
    else:
        # as where the length of the element has no room for more
        contour.ContourData = list(contour.ContourData)[:9] if damage == "cut" else None
    with pytest.raises(InputError, match=r"^the RTSTRUCT is damaged: its structures cannot be re"):
        read_structures(file, GRID)


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
