"""RT contours: contours of a DICOM RTSTRUCT as voxels of a grid, those with their centres inside.

```
CLOSED_PLANAR      one contour          all voxels inside, also where it is a keyhole
                   a repeated contour   counts once
                   one inside another   a hole, and one in the hole an island
                   overlapping          the union, with a note
CLOSEDPLANAR_XOR   all of a slice       exclusive or, also of repeated or overlapping contours
other types        points and lines     no voxels, with a note
```
The standard (PS3.3, C.8.8.6.3) defines the keyhole and CLOSEDPLANAR_XOR only, and does not say what
several CLOSED_PLANAR contours on one slice mean. Planning systems write a hole as a contour inside
another one, and 3D Slicer, dcmrtstruct2nii and platipy read it so. The latter two take the
exclusive or of all contours, so that a repeated contour has no voxels; plastimatch takes the union,
which fills holes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_common.frame import Frame
from sam_med.dicom.encoding import DAMAGE
from sam_med.objects.segments import Segment, crop
from sam_med.segmentations.object_file import check_numbers
from sam_med.segmentations.objects import (
    SegmentationFile,
    by_value,
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
"""The type in the standard, and a common misspelling."""
OFF_SLICE = 0.1
"""Part of the slice distance by which a contour may lie off the plane of its slice."""
SAME_OUTLINE = 0.05
"""Contours around equal pixels are repeated ones where their bounds differ by less, in pixels."""
MOST_VOXELS = 2**31
"""Most voxels of a grid that is enlarged for contours beside it."""
NDIM = 3


@dataclass(slots=True)
class _Structure:
    """Name, description and contours of one structure."""

    name: str = ""
    description: str = ""
    joined: list[FloatArray] = field(default_factory=list)
    """Contours of type CLOSED_PLANAR: (N, 3) points in LPS mm."""
    exclusive: list[FloatArray] = field(default_factory=list)
    """Contours of type CLOSEDPLANAR_XOR: (N, 3) points in LPS mm."""
    others: Counter[str] = field(default_factory=Counter)
    """Number of contours of each other type."""

    def add(self, contour: Dataset) -> None:
        """Add a contour of the file, by its type.

        Raises:
            ValueError: The contour has no points, or fewer than it states.
        """
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
    """The pixels inside a contour, in the part of the slice around it."""

    rows: slice
    columns: slice
    mask: npt.NDArray[np.bool_]
    """(rows, columns) array of the part."""
    ends: FloatArray
    """(2, 2) smallest and largest row and column of the points of the contour."""

    @property
    def key(self) -> tuple[object, ...]:
        """A key that is equal for equal pixels."""
        return self.rows.start, self.columns.start, self.mask.shape, self.mask.tobytes()


def read_structures(
    dataset: Dataset, grid: Volume | None, *, is_part: bool = False
) -> SegmentationFile:
    """The structures of an opened RTSTRUCT on the voxels of a grid.

    The `notes` of the result count contours that contain no voxel centre, overlap in part, reach
    beyond the image, or leave slices out.

    Args:
        dataset: The opened file.
        grid: The volume that the contours were drawn on.
        is_part: Whether the grid may be smaller than the images that the contours were drawn on;
            it is then enlarged to hold all contours.

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
    """Structures by number: all listed ones, and those that only contours refer to."""
    listed = [(int(item.ROINumber), item) for item in dataset.StructureSetROISequence]
    check_numbers([number for number, _ in listed], "structures")
    structures = {
        number: _Structure(
            plain_name(str(item.get("ROIName", "") or "")), str(item.get("ROIDescription", ""))
        )
        for number, item in listed
    }
    # the standard requires this sequence (PS3.3, C.8.8.6): a file without it was cut off
    for item in dataset.ROIContourSequence:
        one = structures.setdefault(int(item.ReferencedROINumber), _Structure())
        for contour in item.get("ContourSequence", None) or ():
            one.add(contour)
    return structures


def _around(grid: Volume, structures: Iterable[_Structure]) -> Volume:
    """The grid enlarged to the outermost contours, where its slices are even."""
    points = [each for one in structures for each in (*one.joined, *one.exclusive)]
    if not points or grid.origins_lps is not None:
        return grid
    index = grid.to_index(np.concatenate(points))
    start = np.minimum(np.rint(index.min(axis=0)), 0)
    stop = np.maximum(np.rint(index.max(axis=0)) + 1, grid.shape)
    if np.prod(stop - start) > MOST_VOXELS:
        # damage, or another patient: the first contour will be refused
        return grid
    matrix = grid.frame.array.copy()
    matrix[:3, 3] = grid.frame.to_world(start)
    k, j, i = (int(n) for n in stop - start)
    return grid_of((k, j, i), Frame.from_array(matrix))


def _of_other_types(name: str, one: _Structure) -> Iterator[str]:
    """A sentence on contours of a structure that are not closed, or on a structure without any."""
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
    """The mask of one structure while its contours are filled, with notes on them.

    Args:
        name: Name of the structure.
        grid: The grid of the mask.
    """

    def __init__(self, name: str, grid: Volume) -> None:
        self.mask: npt.NDArray[np.bool_] = np.zeros(grid.shape, dtype=np.bool_)
        self._name, self._grid = name, grid
        self._slices: set[int] = set()
        self._told: Counter[str] = Counter()

    def add(self, contours: Sequence[FloatArray], *, exclusive: bool) -> None:
        """Fill contours of one type, as an exclusive or with the mask so far.

        Args:
            contours: (N, 3) points of each contour in LPS mm.
            exclusive: Whether contours of one slice are combined by exclusive or; else nested ones
                are holes.
        """
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
        """A sentence for each kind of irregular contour, with their number."""
        low, high = min(self._slices, default=0), max(self._slices, default=-1)
        if missing := high - low + 1 - len(self._slices):
            self._told["slice(s) between its first and last have no contour: left empty"] = missing
        return [f"structure {self._name}: {n} {what}" for what, n in self._told.items()]

    def _slice_of(self, index: FloatArray) -> int:
        """The slice of a contour of (N, 3) points in voxel indices.

        Raises:
            GeometryError: The contour lies on no slice of the grid.
        """
        k = round(float(index[:, 0].mean()))
        off = float(np.abs(index[:, 0] - k).max())
        if not off <= OFF_SLICE or not 0 <= k < self._grid.shape[0]:
            raise GeometryError(
                f"a contour of {self._name} lies at slice {float(index[:, 0].mean()):.2f} of 0 to "
                f"{self._grid.shape[0] - 1}: give the volume that it was drawn on"
            )
        return k

    def _area(self, points_rc: FloatArray) -> _Area:
        """The pixels inside a contour of (N, 2) rows and columns."""
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
        """The filled slice where a contour inside another one is a hole, as a single area."""
        known: dict[tuple[object, ...], list[_Area]] = {}
        for one in areas:
            same = known.setdefault(one.key, [])
            if not any(np.abs(one.ends - other.ends).max() <= SAME_OUTLINE for other in same):
                same.append(one)
        distinct = [one for same in known.values() for one in same]
        # larger contours first, so that a contour comes after those around it
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
        points_rc: (N, 2) rows and columns of the corners; the last one is joined to the first.
        size_hw: (rows, columns) of the image.

    Returns:
        Array of `size_hw`, True for pixels inside.

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
        # rows whose centres this side crosses; a corner counts for the side below it only
        rows = np.arange(max(0, int(np.ceil(low))), min(height, int(np.ceil(high))))
        if len(rows):
            crossed = column + (rows - row) / (to_row - row) * (to_column - column)
            np.add.at(flips, (rows, np.clip(np.ceil(crossed), 0, width).astype(np.int64)), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)
