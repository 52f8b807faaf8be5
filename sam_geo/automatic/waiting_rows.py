"""Waiting rows: rows of objects in a temporary file, until their neighbours are known, too.

```
blocks of rows, in their order  ->  file: rows, outlines      memory: boxes, 40 bytes an object
a block and what lies near it   <-  its rows, and of the blocks whose boxes are near those outlines
                                    alone that are
```
"""

from __future__ import annotations

import pickle
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import shapely

from sam_common.support.files import writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_geo.results.rows import Row

    Shapes: TypeAlias = npt.NDArray[np.object_]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]

IN_MEMORY = 64 * 2**20
"""Bytes of rows that are kept in memory; more go to the temporary file."""


class Neighbourhood(NamedTuple):
    """The rows of a block, and what lies near them."""

    rows: Sequence[Row]
    others: Shapes
    """Outlines of objects of other blocks."""


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Where a block is in the file, and where its objects are."""

    boxes: FloatArray
    """(N, 4) left, bottom, right and top of each outline."""
    bounds: IntArray
    """(N + 1,) where each outline starts in the file, and where the last one ends."""
    end: int
    """Where the rows that follow end."""
    box: FloatArray = field(init=False)
    """(4,) around all of them."""

    def __post_init__(self) -> None:
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        nothing = np.array([np.inf, np.inf, -np.inf, -np.inf])
        box = nothing if not len(low) else np.concatenate([low.min(axis=0), high.max(axis=0)])
        object.__setattr__(self, "box", box)


class WaitingRows(AbstractContextManager["WaitingRows"]):
    """Rows with outlines, block after block, in a file that is removed at the end of the `with`.

    Args:
        folder: Where the temporary file lies; the system's folder for such files where None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115
        self._blocks: list[_Block] = []

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, rows: Sequence[Row]) -> None:
        """Add the rows of the next block; each has an outline.

        Raises:
            DiskError: The disk of the temporary file is full.
        """
        outlines = np.array([row.geometry for row in rows], dtype=object)
        packed = shapely.to_wkb(outlines).tolist()
        start = self._blocks[-1].end if self._blocks else 0
        bounds = start + np.cumsum([0, *map(len, packed)])
        rest = pickle.dumps([replace(row, geometry=None) for row in rows])
        boxes = shapely.bounds(outlines).reshape(-1, 4)
        with writing(self._folder / "waiting rows"):
            self._file.write(b"".join([*packed, rest]))
        self._blocks.append(_Block(boxes, bounds, int(bounds[-1]) + len(rest)))

    def with_neighbours(self, number: int, distance: float) -> Neighbourhood:
        """The rows of a block, and the outlines of others within a distance of one of theirs.

        Args:
            number: Number of the block, from 0; none can be added afterwards.
            distance: In units of the outlines' reference system.
        """
        own = self._blocks[number]
        everyone = np.arange(len(own.boxes))
        outlines = self._outlines(own, everyone)
        data = self._read(int(own.bounds[-1]), own.end)
        rows = pickle.loads(data)  # noqa: S301  # bytes of our own, from a file without a name
        rows = [replace(row, geometry=one) for row, one in zip(rows, outlines, strict=True)]
        around = np.asarray(shapely.box(*_wider(own.boxes, distance).T))
        boxes, shapes = shapely.STRtree(around), shapely.STRtree(outlines)
        near = []
        for other in self._blocks:
            if other is own or not _meet(own.box, other.box, distance):
                continue
            which = np.unique(boxes.query(shapely.box(*other.boxes.T))[0])
            found = self._outlines(other, which)
            near.append(found[np.unique(shapes.query(found, "dwithin", distance)[0])])
        return Neighbourhood(rows, np.concatenate([np.empty(0, dtype=object), *near]))

    def _outlines(self, block: _Block, which: IntArray) -> Shapes:
        """The outlines of a block at (K,) positions."""
        pieces = zip(block.bounds[which].tolist(), block.bounds[which + 1].tolist(), strict=True)
        data = np.array([self._read(start, stop) for start, stop in pieces], dtype=object)
        found: Shapes = shapely.from_wkb(data)
        return found

    def _read(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return bytes(self._file.read(stop - start))


def _wider(boxes: FloatArray, by: float) -> FloatArray:
    """(N, 4) boxes that are wider to all sides."""
    return np.asarray(boxes + np.array([-by, -by, by, by]))


def _meet(one: FloatArray, other: FloatArray, distance: float) -> bool:
    """Whether two boxes lie within a distance of each other along both axes."""
    return bool((one[:2] - distance <= other[2:]).all() and (other[:2] - distance <= one[2:]).all())
