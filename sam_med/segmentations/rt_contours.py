"""Contours of a DICOM RTSTRUCT as voxels of a grid: those whose centres lie inside.

```
CLOSED_PLANAR      one contour          what it goes around, the channel of a keyhole included
                   the same one again   counts once
                   one inside another   a hole, and one in the hole an island
                   overlapping          what is in either, and said so
CLOSEDPLANAR_XOR   all of a slice       exclusive or, whatever they repeat or overlap
other types        points and lines     go around nothing: said so
```
The standard (PS3.3, C.8.8.6.3) knows the keyhole and CLOSEDPLANAR_XOR only, and says nothing about
several CLOSED_PLANAR contours on one slice. That a contour inside another one is a hole is the
custom of planning systems, and the reading of 3D Slicer, dcmrtstruct2nii and platipy; the latter
two take the exclusive or of all, so that a contour which is there twice has no voxels, and
plastimatch joins all, so that a hole is filled.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_common.frame import Frame
from sam_med.dicom.encoding import DAMAGE
from sam_med.objects.segments import Segment
from sam_med.segmentations.object_file import check_numbers
from sam_med.segmentations.objects import (
    SegmentationFile,
    by_value,
    crop,
    described_values,
    grid_of,
    plain_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume

CLOSED = "CLOSED_PLANAR"
XOR = frozenset({"CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"})
"""The word of the standard, and how it is also written."""
OFF_SLICE = 0.1
"""Part of the slice distance by which a contour may lie off its slice."""
SAME_OUTLINE = 0.05
"""Pixels by which the ends of two outlines around the same pixels may differ, to be the same."""
MOST_VOXELS = 2**31
"""A grid is made no larger than this for contours that lie beside it."""
NDIM = 3


@dataclass(slots=True)
class _Structure:
    """What the file says of one structure."""

    name: str = ""
    description: str = ""
    joined: list[FloatArray] = field(default_factory=list)
    """Contours of type CLOSED_PLANAR: (N, 3) points in LPS mm."""
    exclusive: list[FloatArray] = field(default_factory=list)
    """Those of type CLOSEDPLANAR_XOR."""
    others: Counter[str] = field(default_factory=Counter)
    """How many there are of other types."""

    def add(self, contour: Dataset) -> None:
        """Take in a contour by its type."""
        kind = str(contour.ContourGeometricType)
        if kind != CLOSED and kind not in XOR:
            self.others[kind] += 1
            return
        points = np.asarray(contour.ContourData, dtype=np.float64).reshape(-1, NDIM)
        stated = int(contour.get("NumberOfContourPoints", None) or 0)
        if not len(points) or len(points) < stated or not np.isfinite(points).all():
            raise ValueError("a contour without points, or of fewer than it states")
        (self.exclusive if kind in XOR else self.joined).append(points)


@dataclass(frozen=True, slots=True, eq=False)
class _Area:
    """The pixels that a contour goes around."""

    rows: slice
    columns: slice
    mask: npt.NDArray[np.bool_]
    """(rows, columns)."""
    ends: FloatArray
    """Smallest and largest row and column of its points."""

    @property
    def key(self) -> tuple[object, ...]:
        """The same for the same pixels."""
        return self.rows.start, self.columns.start, self.mask.shape, self.mask.tobytes()


def read_structures(
    dataset: Dataset, grid: Volume | None, *, is_part: bool = False
) -> SegmentationFile:
    """The structures of an opened RTSTRUCT on the voxels of a grid.

    Contours that go around no voxel, overlap in part, reach beyond the image or leave slices out
    are counted in `notes`.

    Args:
        dataset: The file.
        grid: The volume that the contours were drawn on.
        is_part: Whether the grid may be a part of it; it is then made as large as they need.

    Raises:
        InputError: There is no grid, two structures have one number, or the file is damaged.
        GeometryError: A contour lies beside the slices of the grid.
    """
    if grid is None:
        raise InputError(
            "an RTSTRUCT has contours, but no voxels: compare it with a file that has "
            "(a label map, a .seg.nrrd or a DICOM SEG)"
        )
    try:
        structures = _structures_of(dataset)
    except DAMAGE as error:
        raise InputError("the RTSTRUCT is damaged: its structures cannot be read") from error
    if is_part:
        grid = _around(grid, structures.values())
    values = described_values({n: one.description for n, one in structures.items()})
    segments: list[Segment] = []
    told: list[str] = []
    for number, one in structures.items():
        name = one.name or str(values[number])
        filled = _Filled(name, grid)
        for exclusive, contours in ((False, one.joined), (True, one.exclusive)):
            filled.add(contours, exclusive=exclusive)
        segments.append(Segment(name, values[number], *crop(filled.mask)))
        told += [*_of_other_types(name, one), *filled.notes()]
    place = grid_of(grid.shape, grid.frame, grid.origins_lps)
    return SegmentationFile(place, by_value(segments), named=True, exact=True, notes=tuple(told))


def _structures_of(dataset: Dataset) -> dict[int, _Structure]:
    """By number: all that are listed, and those that contours alone name."""
    listed = [(int(item.ROINumber), item) for item in dataset.StructureSetROISequence]
    check_numbers([number for number, _ in listed], "structures")
    structures = {
        number: _Structure(
            plain_name(str(item.get("ROIName", "") or "")), str(item.get("ROIDescription", ""))
        )
        for number, item in listed
    }
    # it has to be there (PS3.3, C.8.8.6): without it the file was cut off
    for item in dataset.ROIContourSequence:
        one = structures.setdefault(int(item.ReferencedROINumber), _Structure())
        for contour in item.get("ContourSequence", None) or ():
            one.add(contour)
    return structures


def _around(grid: Volume, structures: Iterable[_Structure]) -> Volume:
    """The grid continued to the outermost contours, where its slices are even."""
    points = [each for one in structures for each in (*one.joined, *one.exclusive)]
    if not points or grid.origins_lps is not None:
        return grid
    index = grid.to_index(np.concatenate(points))
    start = np.minimum(np.rint(index.min(axis=0)), 0)
    stop = np.maximum(np.rint(index.max(axis=0)) + 1, grid.shape)
    if np.prod(stop - start) > MOST_VOXELS:
        # damage, or another patient: said of the first contour
        return grid
    matrix = grid.frame.array.copy()
    matrix[:3, 3] = grid.frame.to_world(start)
    k, j, i = (int(n) for n in stop - start)
    return grid_of((k, j, i), Frame.from_array(matrix))


def _of_other_types(name: str, one: _Structure) -> Iterator[str]:
    if not one.others:
        if not one.joined and not one.exclusive:
            yield f"structure {name} has no contours: no voxels"
        return
    kinds = ", ".join(f"{count} {kind or 'untyped'}" for kind, count in one.others.items())
    if one.joined or one.exclusive:
        yield f"structure {name} has, beside closed contours, {kinds}: they go around no voxels"
    else:
        yield f"structure {name} has no closed contours, but {kinds}: no voxels"


class _Filled:
    """The voxels of one structure, and what there is to say of its contours.

    Args:
        name: Of the structure.
        grid: Its voxels.
    """

    def __init__(self, name: str, grid: Volume) -> None:
        self.mask: npt.NDArray[np.bool_] = np.zeros(grid.shape, dtype=np.bool_)
        self._name, self._grid = name, grid
        self._slices: set[int] = set()
        self._told: Counter[str] = Counter()

    def add(self, contours: Sequence[FloatArray], *, exclusive: bool) -> None:
        """Fill contours of one type; they are turned over in what is filled already."""
        areas: dict[int, list[_Area]] = {}
        for points in contours:
            index = self._grid.to_index(points)
            k = self._slice_of(index)
            areas.setdefault(k, []).append(self._area(index[:, 1:]))
        self._slices |= set(areas)
        for k, found in areas.items():
            for one in found if exclusive else self._nested(found):
                self.mask[k, one.rows, one.columns] ^= one.mask

    def notes(self) -> list[str]:
        """One sentence for each kind of contour that is not what it seems."""
        low, high = min(self._slices, default=0), max(self._slices, default=-1)
        if missing := high - low + 1 - len(self._slices):
            self._told["slice(s) between its first and last have no contour: left empty"] = missing
        return [f"structure {self._name}: {n} {what}" for what, n in self._told.items()]

    def _slice_of(self, index: FloatArray) -> int:
        k = round(float(index[:, 0].mean()))
        off = float(np.abs(index[:, 0] - k).max())
        if not off <= OFF_SLICE or not 0 <= k < self._grid.shape[0]:
            raise GeometryError(
                f"a contour of {self._name} lies at slice {float(index[:, 0].mean()):.2f} of 0 to "
                f"{self._grid.shape[0] - 1}: give the volume that it was drawn on"
            )
        return k

    def _area(self, points_rc: FloatArray) -> _Area:
        size = np.array(self._grid.shape[1:])
        ends = np.array([points_rc.min(axis=0), points_rc.max(axis=0)])
        if (ends[0] < -0.5 - SAME_OUTLINE).any() or (ends[1] > size - 0.5 + SAME_OUTLINE).any():
            self._told["contour(s) reach beyond the image: cut off there"] += 1
        start = np.clip(np.ceil(ends[0]), 0, size).astype(int)
        stop = np.clip(np.floor(ends[1]) + 1, start, size).astype(int)
        height, width = (stop - start).tolist()
        mask = inside(points_rc - start, (height, width))
        if not mask.any():
            self._told["contour(s) go around no centre of a voxel: left out"] += 1
        rows, columns = (slice(a, b) for a, b in zip(start.tolist(), stop.tolist(), strict=True))
        return _Area(rows, columns, mask, ends)

    def _nested(self, areas: Sequence[_Area]) -> list[_Area]:
        """The filled parts of a slice where one contour inside another one is a hole."""
        known: dict[tuple[object, ...], list[_Area]] = {}
        for one in areas:
            same = known.setdefault(one.key, [])
            if not any(np.abs(one.ends - other.ends).max() <= SAME_OUTLINE for other in same):
                same.append(one)
        distinct = [one for same in known.values() for one in same]
        # the larger ones first, so that what is around a contour is there before it
        distinct.sort(key=lambda one: (-int(one.mask.sum()), -float(np.ptp(one.ends, 0).prod())))
        whole = np.zeros(self._grid.shape[1:], dtype=np.bool_)
        around = np.zeros(self._grid.shape[1:], dtype=np.uint16)
        for one in distinct:
            place = one.rows, one.columns
            depths = around[place][one.mask]
            if not len(depths):
                continue
            if depths.min() != depths.max():
                self._told["contour(s) overlap others in part: what is in either is taken"] += 1
            whole[place][one.mask] = depths.min() % 2 == 0
            around[place][one.mask] += 1
        everything = slice(None)
        return [_Area(everything, everything, whole, np.zeros((2, 2)))]


def inside(points_rc: FloatArray, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The pixels whose centres lie inside a closed outline, by the even-odd rule.

    A centre on the outline counts as above and left of it.

    Args:
        points_rc: (N, 2) rows and columns of the corners; the last one joins the first.
        size_hw: Of the image.

    >>> inside(np.array([[-0.5, 0.5], [-0.5, 2.5], [1.5, 2.5], [1.5, 0.5]]), (2, 4)).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]])
    """
    height, width = size_hw
    flips = np.zeros((height, width + 1), dtype=np.int64)
    for (row, column), (to_row, to_column) in zip(
        points_rc, np.roll(points_rc, -1, axis=0), strict=True
    ):
        low, high = sorted((row, to_row))
        # rows whose centres the side crosses; a corner belongs to the side below it
        rows = np.arange(max(0, int(np.ceil(low))), min(height, int(np.ceil(high))))
        if len(rows):
            crossed = column + (rows - row) / (to_row - row) * (to_column - column)
            np.add.at(flips, (rows, np.clip(np.ceil(crossed), 0, width).astype(np.int64)), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)
