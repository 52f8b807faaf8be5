"""Waiting rows: rows of objects in a temporary file, until their neighbours are known, too.

```
blocks of rows, in their order  ->  file: rows, outlines      memory: boxes, 40 bytes an object
a block and what lies near it   <-  its rows, and of the blocks whose boxes are near those outlines
                                    alone that are
```
"""

from __future__ import annotations

import pickle
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import shapely

from sam_geo.outlines.spooled_items import SpooledItems

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sam_geo.results.rows import Row

    Shapes: TypeAlias = npt.NDArray[np.object_]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]


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
    first: int
    """Number of the item that is its first outline; the one after its last is all that the rows
    say beside these."""
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
        self._items = SpooledItems("waiting rows", folder)
        self._blocks: list[_Block] = []

    def __exit__(self, *_: object) -> None:
        self._items.close()

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, rows: Sequence[Row]) -> None:
        """Add the rows of the next block; each has an outline.

        Raises:
            DiskError: The disk of the temporary file is full.
        """
        outlines = np.array([row.geometry for row in rows], dtype=object)
        rest = pickle.dumps([replace(row, geometry=None) for row in rows])
        self._blocks.append(_Block(shapely.bounds(outlines).reshape(-1, 4), len(self._items)))
        self._items.add([*shapely.to_wkb(outlines).tolist(), rest])

    def with_neighbours(self, number: int, distance: float) -> Neighbourhood:
        """The rows of a block, and the outlines of others within a distance of one of theirs.

        Args:
            number: Number of the block, from 0; none can be added afterwards.
            distance: In units of the outlines' reference system.
        """
        own = self._blocks[number]
        everyone = np.arange(len(own.boxes))
        outlines = self._outlines(own, everyone)
        (data,) = self._items.read(np.array([own.first + len(everyone)]))
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
        data = np.array(self._items.read(block.first + which), dtype=object)
        found: Shapes = shapely.from_wkb(data)
        return found


def _wider(boxes: FloatArray, by: float) -> FloatArray:
    """(N, 4) boxes that are wider to all sides."""
    return np.asarray(boxes + np.array([-by, -by, by, by]))


def _meet(one: FloatArray, other: FloatArray, distance: float) -> bool:
    """Whether two boxes lie within a distance of each other along both axes."""
    return bool((one[:2] - distance <= other[2:]).all() and (other[:2] - distance <= one[2:]).all())
