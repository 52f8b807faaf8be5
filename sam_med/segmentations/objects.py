"""Objects of segmentation files: their class, and helpers shared by the readers of all formats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.geometry.time_points import REPEATED
from sam_med.geometry.volume import Volume
from sam_med.objects.labels import MAX_VALUE
from sam_med.objects.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sam_common.frame import FloatArray, Frame
    from sam_med.geometry.diagnostics import RefusedError

LISTED = 10
"""Most values that a message lists."""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationFile:
    """The objects of a segmentation file, and their grid."""

    grid: Volume
    """The grid as a volume without intensities, see `grid_of`."""
    segments: tuple[Segment, ...]
    """The objects ascending by value. Two may share a name or a value. Those of named files may be
    empty."""
    named: bool
    """Whether the file names its objects; False for label maps, which have values only."""
    sparse: bool = False
    """Whether the file may leave out parts of the grid without objects, as a DICOM SEG does."""
    exact: bool = False
    """Whether each slice states its own position, so that uneven distances count."""
    notes: tuple[str, ...] = ()
    """One sentence for each thing in the file that could not be read as an object, or not whole."""
    numbers: tuple[int, ...] = ()
    """The segment number of each object in a DICOM SEG; empty for other files."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (k, j, i)."""
        return self.grid.shape

    @property
    def frame(self) -> Frame:
        """Affine of index (k, j, i) to LPS mm."""
        return self.grid.frame

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (k, j, i) in mm."""
        return self.grid.spacing_mm


def no_label_map(error: RefusedError) -> InputError | RefusedError:
    """The error for time points, which a segmentation cannot have; any other error as it is."""
    for diagnostic in error.diagnostics:
        if diagnostic.code == REPEATED:
            return InputError(
                f"{diagnostic.message}, but a segmentation has three dimensions (write the one "
                "that is meant to a file of its own)"
            )
    return error


def label_map(volume: Volume) -> SegmentationFile:
    """The objects of a label map: one object without a name for each value of the volume.

    Raises:
        InputError: A value is no label.
    """
    segments = [
        Segment(str(value), value, window, mask)
        for value, window, mask in valued_parts(volume.array)
    ]
    grid = grid_of(volume.shape, volume.frame, volume.origins_lps)
    return SegmentationFile(grid, tuple(segments), named=False)


def grid_of(
    shape: tuple[int, int, int], frame: Frame, origins_lps: FloatArray | None = None
) -> Volume:
    """A grid as a volume of zeros that takes no memory.

    Args:
        shape: Number of voxels along (k, j, i).
        frame: Affine of index (k, j, i) to LPS mm.
        origins_lps: (slices, 3) positions of unevenly spaced slices in LPS mm.
    """
    return Volume(np.broadcast_to(np.uint8(0), shape), frame, origins_lps=origins_lps)


def valued_parts(array: npt.NDArray[Any]) -> Iterator[tuple[int, Window, npt.NDArray[np.bool_]]]:
    """Value, smallest window and mask of each value but 0, ascending by value.

    The array is passed once for the values and once for all windows; each mask is made from its
    own window.

    Args:
        array: (k, j, i) labels of any type.

    Raises:
        InputError: A value is no label.
    """
    values = label_values(array)
    if not values:
        return
    whole = array if array.dtype.kind in "iu" else array.astype(np.uint16)
    found = ndimage.find_objects(whole, max_label=values[-1])
    for value in values:
        place = found[value - 1]
        window = Window(tuple(part.start for part in place), tuple(part.stop for part in place))
        yield value, window, np.asarray(whole[place] == value)


def label_values(array: npt.NDArray[Any]) -> list[int]:
    """The values of a label map but 0, ascending.

    Raises:
        InputError: A value is no whole number from 0 to 65535.
    """
    given = np.unique(array)
    odd = given[~(given == np.round(given))]
    if len(odd) or not np.isfinite(given).all():
        worst = odd[0] if len(odd) else given[~np.isfinite(given)][0]
        raise InputError(f"a label map holds whole numbers, got {worst:g}")
    values = [int(v) for v in given if v != 0]
    if values and (values[0] < 0 or values[-1] > MAX_VALUE):
        raise InputError(f"values of a label map are 0 to {MAX_VALUE}, got {listed(values)}")
    return values


def listed(values: Sequence[int]) -> str:
    """The first ten values, separated by commas, for a message."""
    shown = ", ".join(str(v) for v in values[:LISTED])
    return f"{shown}, ..." if len(values) > LISTED else shown


def by_value(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Segments ascending by value; segments of one value stay in their order."""
    return tuple(sorted(segments, key=lambda segment: segment.value))


def described_values(descriptions: Mapping[int, str]) -> dict[int, int]:
    """The label values of segments, by the number of the segment.

    A value is what this package writes to descriptions ("Label value 5"), else the number of the
    segment. Where these are not different values from 1 to 65535, values are the numbers, or the
    segments counted from 1.

    Args:
        descriptions: Description of each segment by its number.
    """
    values = {}
    for number, text in descriptions.items():
        said = re.match(r"Label value (\d{1,5})(?!\d)", text)
        values[number] = int(said[1]) if said else number
    if len(set(values.values())) == len(values) and all(map(_is_value, values.values())):
        return values
    if all(map(_is_value, values)):
        return dict(zip(values, values, strict=True))
    return {number: n for n, number in enumerate(values, start=1)}


def _is_value(number: int) -> bool:
    """Whether a label map can hold a value."""
    return 1 <= number <= MAX_VALUE


def plain_name(text: str) -> str:
    """A name from a file in one line, without spaces around it or control characters.

    Bytes that are not UTF-8, which libraries return as lone surrogates, are read as Latin-1.
    """
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:
        text = text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:
        text = text.encode("ascii", "replace").decode("ascii")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
