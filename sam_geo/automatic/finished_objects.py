"""Finished objects: the objects of a scene as numbered tables, made here or by an executor.

```
scene -> blocks of windows -> put together, mended, outlined, measured, filtered -> numbered here
         sam_geo/automatic/scene_block        sam_geo/results/object_rows, finish
```
Here and elsewhere the objects of one block after the other make tables, so that no file depends on
where they were made.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sam_common.executors.executor import Item
from sam_common.tiled_job.work import WORK_ERRORS
from sam_geo.automatic.scene_block import scene_block
from sam_geo.results.finish import finished_tables
from sam_geo.results.object_rows import object_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import geopandas
    import pyproj

    from sam_common.executors.executor import Executor
    from sam_common.frame import Frame
    from sam_common.stitching.link import LinkedObject
    from sam_geo.automatic.scene import Scene
    from sam_geo.automatic.scene_block import SceneBlock
    from sam_geo.results.finish import Finish
    from sam_geo.results.rows import Row

BLOCK = 64
"""Windows of a block: some seconds of work in a few megabytes, where Dask warns of ten."""
KIND = "objects"
"""What names of tasks begin with."""

Tables: TypeAlias = "Iterator[tuple[geopandas.GeoDataFrame, list[Row]]]"


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

    def tables(self, rows: Iterable[Row]) -> Tables:
        """Tables that are numbered from 1, with the rows behind them."""
        return finished_tables(rows, self.finish, crs=self.crs, model=self.model)

    def __call__(self, block: SceneBlock) -> list[tuple[geopandas.GeoDataFrame, list[Row]]]:
        """The tables of a block, in this or another process."""
        found = self.tables(self.rows(block.objects()))
        if self.with_outlines:
            return list(found)
        # the tables have the outlines too
        return [(table, [replace(row, geometry=None) for row in rows]) for table, rows in found]


def finished_objects(
    scene: Scene,
    finishing: Finishing,
    executor: Executor | None,
    *,
    advance: Callable[[int], None],
    block: int = BLOCK,
) -> Tables:
    """The objects of a scene as tables, and the row behind each line of them.

    Args:
        scene: The objects.
        finishing: How they become lines of a table.
        executor: Makes the objects of each block in another process; this one does where None, and
            for `--simplify`, which has to know all neighbours.
        advance: Called with the number of windows that are done since the last call.
        block: Windows of a block.

    Yields:
        Tables of at most a thousand objects, at least one, which may be empty; `id` goes on from
        the table before. See `sam_geo.results.finish.finished_tables`.

    Raises:
        SuiteError: A block failed elsewhere, or the executor is lost.
    """
    if finishing.finish.simplify:
        yield from finishing.tables(finishing.rows(scene.objects(advance)))
        return
    if executor is None:
        blocks = _made_here(scene, finishing, block, advance)
    else:
        blocks = _made_elsewhere(scene, finishing, block, advance, executor)
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


def _made_here(
    scene: Scene, finishing: Finishing, block: int, advance: Callable[[int], None]
) -> Iterator[Tables]:
    """The tables of each block, made in this process in one pass over the windows."""
    rows = finishing.rows(scene.objects(advance))
    for _, some in itertools.groupby(rows, lambda row: row.window // block):
        yield finishing.tables(some)


def _made_elsewhere(
    scene: Scene,
    finishing: Finishing,
    block: int,
    advance: Callable[[int], None],
    executor: Executor,
) -> Iterator[Tables]:
    """The tables of each block in their order, made in other processes in any order."""
    firsts = range(0, len(scene.plan), block)
    stops = [*firsts[1:], len(scene.plan)]
    items = (
        Item(k, scene_block(scene, first, stop))
        for k, (first, stop) in enumerate(zip(firsts, stops, strict=True))
    )
    waiting: dict[int, list[tuple[geopandas.GeoDataFrame, list[Row]]]] = {}
    expected = 0
    for outcome in executor.run(finishing, items, kind=KIND, retried=WORK_ERRORS, speculative=True):
        if outcome.error is not None:
            raise outcome.error
        waiting[outcome.number] = outcome.result
        while expected in waiting:
            yield iter(waiting.pop(expected))
            advance(stops[expected] - firsts[expected])
            expected += 1
