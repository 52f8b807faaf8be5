"""Compare: two segmentation files of one volume, object by object."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from sam_common.errors import InputError
from sam_common.metrics.agreement import Agreement, agreement
from sam_med.segmentations.align import common_grid, onto_grid, uneven
from sam_med.segmentations.read import is_structure_set, read_segmentation

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_med.objects.segments import Segment
    from sam_med.segmentations.objects import SegmentationFile

_Pair: TypeAlias = "tuple[str, Segment | None, Segment | None]"
"""Name of an object, and the object in the first and in the second file."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The agreement of two files on one object."""

    name: str
    """Name in the first of the two files that names the object; for label maps, the value."""
    value: int | None
    """Value in the first file; None where that file does not list the object."""
    other_value: int | None
    """Value in the second file; None where that file does not list the object."""
    agreement: Agreement
    """Agreement of the mask in the second file with the mask in the first, the reference."""

    def as_dict(self) -> dict[str, Any]:
        """The comparison as one flat row, JSON-able."""
        head = {"name": self.name, "value": self.value, "other_value": self.other_value}
        return {**head, **dataclasses.asdict(self.agreement)}


def compare_files(
    reference: str | os.PathLike[str],
    other: str | os.PathLike[str],
    *,
    tolerance_mm: float | None = None,
    labels: Sequence[int | str] = (),
    tell: Callable[[str], object] = lambda _note: None,
) -> list[Comparison]:
    """Compare two segmentations: NIfTI, NRRD, MetaImage, .seg.nrrd, DICOM SEG, RTSTRUCT.

    The two may have different formats. An RTSTRUCT has contours and no voxels; they become voxels
    on the grid of the other file. Objects are paired by name where both files have names, else by
    value; several objects of one name or value are paired so that they overlap most. An object
    that only one file lists is compared with an empty mask.

    Args:
        reference: The file that is taken to be right.
        other: The file to be judged.
        tolerance_mm: Tolerance of the surface Dice in mm; None for 2 mm, but at most four voxels
            of the grid (`sam_common.metrics.agreement.usual_tolerance_mm`). Each row states the
            tolerance that was used.
        labels: Names or values of the objects to compare; a text is a value where no object has
            that name. None given: all objects.
        tell: Called with a sentence for each thing in a file that could not be read as an object.

    Returns:
        One comparison for each object of either file.

    Raises:
        InputError: A file cannot be read, or no object has such a label.
        GeometryError: The grids differ; the message says by how much.
    """
    one, two = _read_both(reference, other)
    for note in (*one.notes, *two.notes):
        tell(note)
    pairs = _chosen(_pairs(one, two), labels)
    steps = one.frame.array[:3, :3]
    rows = []
    for name, first, second in pairs:
        window = _union(first, second)
        a, b = _in_window(first, window), _in_window(second, window)
        found = agreement(a, b, steps, tolerance_mm=tolerance_mm)
        value, other_value = (None if s is None else s.value for s in (first, second))
        rows.append(Comparison(name, value, other_value, found))
    return rows


def _read_both(
    reference: str | os.PathLike[str], other: str | os.PathLike[str]
) -> tuple[SegmentationFile, SegmentationFile]:
    """Read both files on one grid; contours become voxels on the grid of the other file."""
    files: list[SegmentationFile | None] = [None, None]
    paths = (reference, other)
    without = [is_structure_set(path) for path in paths]
    if all(without):
        without[0] = False
    for n, path in enumerate(paths):
        if not without[n]:
            files[n] = read_segmentation(path)
    given = [file for file in files if file is not None]
    one, two = (
        read_segmentation(path, grid=given[0].grid, is_part=given[0].sparse)
        if file is None
        else file
        for path, file in zip(paths, files, strict=True)
    )
    grid = common_grid(one, two)
    if grid.origins_lps is not None:
        raise uneven(grid)
    return onto_grid(one, grid), onto_grid(two, grid)


def _pairs(one: SegmentationFile, two: SegmentationFile) -> list[_Pair]:
    """Every object of either file once, in a pair with the object that it is compared with.

    Objects of one name, or of one value where a file has no names, are paired so that they overlap
    most.
    """
    by_name = one.named and two.named
    groups: dict[str | int, tuple[list[Segment], list[Segment]]] = {}
    for side, file in enumerate((one, two)):
        for segment in file.segments:
            key = segment.name if by_name else segment.value
            groups.setdefault(key, ([], []))[side].append(segment)
    pairs = []
    for found in groups.values():
        for a, b in _matched(*found):
            names = [s.name for s, f in ((a, one), (b, two)) if s is not None and f.named]
            known = a or b
            if known is not None:
                pairs.append((names[0] if names else known.name, a, b))
    return pairs


def _matched(
    first: Sequence[Segment], second: Sequence[Segment]
) -> list[tuple[Segment | None, Segment | None]]:
    """Pair objects of one name or value; the rest of the longer list has no partner."""
    if len(first) > 1 or len(second) > 1:
        shared = np.array([[_dice(a, b) for b in second] for a in first])
        rows, columns = linear_sum_assignment(shared.reshape(len(first), len(second)), True)
        partner = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    else:
        partner = {0: 0} if first and second else {}
    left = [b for n, b in enumerate(second) if n not in partner.values()]
    return [
        *((a, second[partner[n]] if n in partner else None) for n, a in enumerate(first)),
        *((None, b) for b in left),
    ]


def _dice(one: Segment, other: Segment) -> float:
    """Dice of the masks of two objects, 0 to 1."""
    if (shared := one.window.intersect(other.window)) is None:
        return 0.0
    both = int(np.count_nonzero(one.part(shared) & other.part(shared)))
    return 2 * both / max(1, one.voxels + other.voxels)


def _chosen(pairs: list[_Pair], labels: Sequence[int | str]) -> list[_Pair]:
    """The pairs with a name among the labels, or with a value where no object has that name.

    Raises:
        InputError: No pair has such a label.
    """
    found: dict[int, None] = {}
    for label in labels:
        value = _value_of(label)
        listed = [(n, s) for n, pair in enumerate(pairs) for s in pair[1:] if s is not None]
        named = [n for n, segment in listed if segment.name == str(label)]
        matching = named or [n for n, segment in listed if segment.value == value]
        if not matching:
            known = ", ".join(name for name, _, _ in pairs) or "none"
            raise InputError(f"no object {label} in either file (there are: {known})")
        found |= dict.fromkeys(matching)
    return [pairs[n] for n in found] if labels else pairs


def _value_of(label: int | str) -> int | None:
    """The value that a label stands for; None for a text that is no number."""
    text = str(label)
    return int(text) if text.isascii() and text.isdigit() else None


def _union(first: Segment | None, second: Segment | None) -> Window:
    """The smallest window around the objects of a pair."""
    windows = [segment.window for segment in (first, second) if segment is not None]
    return windows[0].union(windows[-1])


def _in_window(segment: Segment | None, window: Window) -> npt.NDArray[np.bool_]:
    """The mask of an object in a window around it; empty for no object."""
    mask = np.zeros(window.shape, dtype=np.bool_)
    if segment is not None:
        mask[segment.window.within(window).slices] = segment.mask
    return mask
