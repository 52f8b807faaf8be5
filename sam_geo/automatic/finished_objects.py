"""Finished objects: the objects of a scene as numbered tables, made here or by an executor.

```
scene -> blocks of windows -> put together, mended, outlined, measured, filtered -> numbered here
         sam_geo/automatic/scene_block        sam_geo/results/object_rows, finish
```
Here and elsewhere the objects of one block after the other make tables, so that no file depends on
where they were made. To be simplified, outlines have to know those around them: then the rows of
all blocks wait in a file, and each block is finished with what lies near it, here or elsewhere.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sam_common.executors.executor import Item
from sam_common.tiled_job.work import WORK_ERRORS
from sam_geo.automatic.scene_block import scene_block
from sam_geo.automatic.waiting_rows import WaitingRows
from sam_geo.results.finish import finished_tables, simplified
from sam_geo.results.object_rows import object_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import geopandas
    import pyproj

    from sam_common.executors.executor import Executor
    from sam_common.frame import Frame
    from sam_common.stitching.link import LinkedObject
    from sam_geo.automatic.scene import Scene
    from sam_geo.automatic.scene_block import SceneBlock
    from sam_geo.automatic.waiting_rows import Neighbourhood
    from sam_geo.results.finish import Finish
    from sam_geo.results.rows import Row

BLOCK = 64
"""Windows of a block: some seconds of work in a few megabytes, where Dask warns of ten."""
KIND = "objects"
"""What names of tasks begin with."""

Table: TypeAlias = "tuple[geopandas.GeoDataFrame, list[Row]]"
"""A table, and the row behind each line of it."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Finishing:
    """How objects become lines of a table."""

    frame: Frame
    """Raster indices to world coordinates."""
    size_hw: tuple[int, int]
    """Rows and columns of the raster."""
    finish: Finish
    """How outlines are finished."""
    crs: pyproj.CRS | None
    """Reference system of the raster."""
    model: str
    """Name of the checkpoint, a column of the table."""
    with_pixels: bool = False
    """Whether rows keep the regions of their objects, packed."""
    with_outlines: bool = False
    """Whether rows keep their outlines in the raster's reference system."""

    def rows(self, objects: Iterable[LinkedObject]) -> Iterator[Row]:
        """One row for each object, with its outline along pixel edges."""
        return object_rows(objects, self.frame, self.size_hw, with_pixels=self.with_pixels)

    def tables(self, rows: Iterable[Row]) -> Iterator[Table]:
        """Tables that are numbered from 1, with the rows behind them."""
        return finished_tables(rows, self.finish, crs=self.crs, model=self.model)

    @property
    def passes(self) -> int:
        """How often all windows are gone through: once more where outlines are simplified."""
        return 2 if self.finish.simplify else 1

    def __call__(self, block: SceneBlock) -> list[Table]:
        """The tables of a block, in this or another process."""
        return self._sent(self.tables(self.rows(block.objects())))

    def outlined(self, block: SceneBlock) -> list[Row]:
        """The rows of a block with the outlines as they were found, in this or another process."""
        return list(self.rows(block.objects()))

    def fitted(self, block: Neighbourhood) -> list[Table]:
        """The tables of a block with outlines that fit those around them, here or elsewhere."""
        return self._sent(self.tables(simplified(block.rows, self.finish, block.others)))

    def _sent(self, tables: Iterable[Table]) -> list[Table]:
        """Tables as another process gives them back."""
        if self.with_outlines:
            return list(tables)
        # the tables have the outlines too
        return [(table, [replace(row, geometry=None) for row in rows]) for table, rows in tables]


def finished_objects(
    scene: Scene,
    finishing: Finishing,
    executor: Executor | None,
    *,
    advance: Callable[[int], None],
    block: int = BLOCK,
    folder: Path | None = None,
) -> Iterator[Table]:
    """The objects of a scene as tables, and the row behind each line of them.

    Args:
        scene: The objects.
        finishing: How they become lines of a table.
        executor: Makes the objects of each block in another process; this one does where None.
        advance: Called with the number of windows that are done since the last call, of
            `finishing.passes` times all of them.
        block: Windows of a block.
        folder: Where rows wait for their neighbours; the system's folder for temporary files where
            None.

    Yields:
        Tables of at most a thousand objects, at least one, which may be empty; `id` goes on from
        the table before. See `sam_geo.results.finish.finished_tables`.

    Raises:
        SuiteError: A block failed elsewhere, or the executor is lost.
        DiskError: The disk of the folder is full.
    """
    if finishing.finish.simplify:
        blocks = _fitted(scene, finishing, executor, advance, block, folder)
    else:
        blocks = _plain(scene, finishing, executor, advance, block)
    written = 0
    for tables in blocks:
        before = written
        for table, rows in tables:
            if len(table):
                table["id"] += before
                written += len(table)
                yield table, rows
    if not written:
        yield from finishing.tables([])


def _plain(
    scene: Scene,
    finishing: Finishing,
    executor: Executor | None,
    advance: Callable[[int], None],
    block: int,
) -> Iterator[Iterable[Table]]:
    """The tables of each block, whose outlines need no others."""
    if executor is None:
        return map(finishing.tables, _rows_here(scene, finishing, block, advance))
    found = _elsewhere(executor, finishing, _scene_blocks(scene, block))
    return _told(found, advance, len(scene.plan), -(-len(scene.plan) // block))


def _fitted(
    scene: Scene,
    finishing: Finishing,
    executor: Executor | None,
    advance: Callable[[int], None],
    block: int,
    folder: Path | None,
) -> Iterator[Iterable[Table]]:
    """The tables of each block, whose outlines fit those around them."""
    windows = len(scene.plan)
    if executor is None:
        rows: Iterator[Iterable[Row]] = _rows_here(scene, finishing, block, advance)
    else:
        rows = _elsewhere(executor, finishing.outlined, _scene_blocks(scene, block))
        rows = _told(rows, advance, windows, -(-windows // block))
    reach = finishing.finish.reach
    with WaitingRows(folder) as waiting:
        for some in rows:
            waiting.add(list(some))
        blocks = (waiting.with_neighbours(n, reach) for n in range(len(waiting)))
        if executor is None:
            found: Iterator[Iterable[Table]] = map(finishing.fitted, blocks)
        else:
            found = _elsewhere(executor, finishing.fitted, blocks)
        yield from _told(found, advance, windows, len(waiting))


def _rows_here(
    scene: Scene, finishing: Finishing, block: int, advance: Callable[[int], None]
) -> Iterator[Iterable[Row]]:
    """The rows of each block that has any, made in this process in one pass over the windows."""
    rows = finishing.rows(scene.objects(advance))
    for _, some in itertools.groupby(rows, lambda row: row.window // block):
        yield some


def _scene_blocks(scene: Scene, block: int) -> Iterator[SceneBlock]:
    """The blocks of a scene, each made when it is asked for."""
    windows = len(scene.plan)
    for first in range(0, windows, block):
        yield scene_block(scene, first, min(first + block, windows))


def _elsewhere(
    executor: Executor, task: Callable[[Any], Result], questions: Iterable[Any]
) -> Iterator[Result]:
    """The answers to questions in their order, found in other processes in any order."""
    items = itertools.starmap(Item, enumerate(questions))
    waiting: dict[int, Result] = {}
    expected = 0
    for outcome in executor.run(task, items, kind=KIND, retried=WORK_ERRORS, speculative=True):
        if outcome.error is not None:
            raise outcome.error
        waiting[outcome.number] = outcome.result
        while expected in waiting:
            yield waiting.pop(expected)
            expected += 1


def _told(
    found: Iterable[Result], advance: Callable[[int], None], windows: int, count: int
) -> Iterator[Result]:
    """Results, one after the other, and how many of all windows `count` of them are."""
    done = 0
    for n, result in enumerate(found, 1):
        yield result
        advance(windows * n // count - done)
        done = windows * n // count
    advance(windows - done)
