"""Compare two segmentation files of one grid, object by object."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_common.frame import Frame
from sam_common.metrics import Agreement, agreement
from sam_common.window import Window
from sam_med.seg_files import MAX_SLICES, read_segmentation

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_med.seg_files import SegmentationFile
    from sam_med.segments import Segment

GRID_TOLERANCE = 0.01
"""Part of the smallest spacing by which the corners of two grids may differ; NIfTI rounds them."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One object of two files."""

    name: str
    """As the first file that names it has it; for label maps, the value."""
    value: int | None
    """In the first file; None where it does not list the object."""
    agreement: Agreement
    """Of the first file, the reference, with the second."""

    def as_dict(self) -> dict[str, Any]:
        """As one flat row, JSON-able."""
        return {"name": self.name, "value": self.value, **dataclasses.asdict(self.agreement)}


def compare_files(
    reference: str | os.PathLike[str],
    other: str | os.PathLike[str],
    *,
    tolerance_mm: float = 2.0,
    labels: Sequence[int | str] = (),
) -> list[Comparison]:
    """Compare two segmentations: NIfTI, NRRD, MetaImage, .seg.nrrd, DICOM SEG, in any pair.

    Objects are matched by name where both files have names, else by value. One that only one file
    lists is compared with nothing, so no object is left out.

    Args:
        reference: The file that is taken to be right.
        other: The file to be judged.
        tolerance_mm: For the surface Dice.
        labels: Values or names to compare; all where none is given.

    Raises:
        InputError: A file cannot be read, or no object has such a label.
        GeometryError: The grids differ; the message says by how much.
    """
    one, two = read_segmentation(reference), read_segmentation(other)
    one, two = _on_one_grid(one, two)
    pairs = _chosen(_pairs(one, two), labels)
    steps = one.frame.array[:3, :3]
    rows = []
    for name, first, second in pairs:
        window = _union(first, second)
        a, b = _in_window(first, window), _in_window(second, window)
        found = agreement(a, b, steps, tolerance_mm=tolerance_mm)
        rows.append(Comparison(name, None if first is None else first.value, found))
    return rows


def _on_one_grid(
    one: SegmentationFile, two: SegmentationFile
) -> tuple[SegmentationFile, SegmentationFile]:
    """Both files with the same slices: a DICOM SEG leaves out those that show nothing."""
    if one.shape[1:] != two.shape[1:]:
        raise _other_size(one, two)
    shape, frame = _grid(one, two)
    if any(not file.sparse and file.shape != shape for file in (one, two)):
        raise _other_size(one, two)
    return onto_grid(one, shape, frame), onto_grid(two, shape, frame)


def _grid(one: SegmentationFile, two: SegmentationFile) -> tuple[tuple[int, int, int], Frame]:
    """That of a file that has all slices; else of all slices of both."""
    for file in (one, two):
        if not file.sparse:
            return file.shape, file.frame
    fine, coarse = sorted((one, two), key=lambda file: (file.shape[0] == 1, file.spacing_mm))
    ends = fine.frame.to_index(coarse.frame.to_world([[0, 0, 0], [coarse.shape[0] - 1, 0, 0]]))
    start = min(0, round(float(ends[:, 0].min())))
    stop = max(fine.shape[0], round(float(ends[:, 0].max())) + 1)
    matrix = fine.frame.array.copy()
    matrix[:3, 3] = fine.frame.to_world([start, 0, 0])
    return (min(stop - start, MAX_SLICES), *fine.shape[1:]), Frame.from_array(matrix)


def onto_grid(
    file: SegmentationFile, shape: tuple[int, int, int], frame: Frame
) -> SegmentationFile:
    """The same objects on the slices of a grid, each of which must be where a slice is.

    Args:
        file: What was read; slices that it leaves out are empty.
        shape: (k, j, i) of the grid.
        frame: Its place.

    Raises:
        GeometryError: A slice lies elsewhere; the message says by how much.
    """
    own = np.zeros((file.shape[0], 4, 3))
    own[..., 0] = np.arange(file.shape[0])[:, None]
    own[:, :, 1:] = list(itertools.product((0, shape[1] - 1), (0, shape[2] - 1)))
    world = file.frame.to_world(own)
    slices = np.rint(frame.to_index(world[:, 0])[:, 0])
    meant = own.copy()
    meant[..., 0] = slices[:, None]
    off = float(np.linalg.norm(frame.to_world(meant) - world, axis=-1).max())
    spacing = float(np.linalg.norm(frame.array[:3, :3], axis=0).min())
    outside = not 0 <= slices.min() <= slices.max() < shape[0]
    if outside or not off <= GRID_TOLERANCE * spacing:
        where = "its slices lie beyond the others" if outside else f"voxels are {off:.3f} mm apart"
        raise GeometryError(
            f"the grids differ: of the same size, but {where} (compare results of the same volume)"
        )
    index = slices.astype(np.int64)
    moved = tuple(_moved(segment, index) for segment in file.segments)
    return dataclasses.replace(file, shape=shape, frame=frame, segments=moved)


def _moved(segment: Segment, slices: npt.NDArray[np.int64]) -> Segment:
    """A segment whose n-th slice is now slice `slices[n]`."""
    window = segment.window
    index = slices[window.start[0] : window.stop[0]]
    low, high = int(index.min()), int(index.max())
    mask = np.zeros((high - low + 1, *window.shape[1:]), dtype=np.bool_)
    mask[index - low] = segment.mask
    moved = Window((low, *window.start[1:]), (high + 1, *window.stop[1:]))
    return dataclasses.replace(segment, window=moved, mask=mask)


def _other_size(one: SegmentationFile, two: SegmentationFile) -> GeometryError:
    return GeometryError(
        f"the grids differ: {_size(one)} and {_size(two)} voxels (compare results of the same "
        "volume)"
    )


def _size(file: SegmentationFile) -> str:
    return " x ".join(str(n) for n in file.shape[::-1])


def _pairs(
    one: SegmentationFile, two: SegmentationFile
) -> list[tuple[str, Segment | None, Segment | None]]:
    by_name = one.named and two.named

    def key(segment: Segment) -> str | int:
        return segment.name if by_name else segment.value

    first = {key(segment): segment for segment in one.segments}
    second = {key(segment): segment for segment in two.segments}
    pairs = []
    for found in dict.fromkeys([*first, *second]):
        a, b = first.get(found), second.get(found)
        names = [s.name for s, f in ((a, one), (b, two)) if s is not None and f.named]
        pairs.append((names[0] if names else str(found), a, b))
    return pairs


def _chosen(
    pairs: list[tuple[str, Segment | None, Segment | None]], labels: Sequence[int | str]
) -> list[tuple[str, Segment | None, Segment | None]]:
    if not labels:
        return pairs
    found = []
    for label in labels:
        matching = [
            (name, a, b)
            for name, a, b in pairs
            if str(label) in {name, *(str(s.value) for s in (a, b) if s is not None)}
        ]
        if not matching:
            known = ", ".join(name for name, _, _ in pairs) or "none"
            raise InputError(f"no object {label} in either file (there are: {known})")
        found += matching
    return found


def _union(first: Segment | None, second: Segment | None) -> Window:
    windows = [segment.window for segment in (first, second) if segment is not None]
    return windows[0].union(windows[-1])


def _in_window(segment: Segment | None, window: Window) -> npt.NDArray[np.bool_]:
    mask = np.zeros(window.shape, dtype=np.bool_)
    if segment is not None:
        start = tuple(-n for n in window.start)
        mask[segment.window.shift(start).slices] = segment.mask
    return mask
