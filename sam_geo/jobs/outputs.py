"""Outputs: the objects of an automatic job, numbered once and written to all files in one pass.

```
objects -> rows -> finished outlines, small ones left out, numbered -> table, or its partitions
                                                                    -> label raster, same numbers
                                                                    -> picture, same outlines
                                                                    -> gallery of the page
```
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.tiled_job.progress import silent
from sam_geo.automatic.finished_objects import Finishing, finished_objects
from sam_geo.jobs.opened import one_step
from sam_geo.object_report.gallery import Gallery
from sam_geo.results.label_raster import label_writer
from sam_geo.results.object_rows import regions_of
from sam_geo.results.partitions import partition_of_windows
from sam_geo.results.picture import Shapes, write_picture
from sam_geo.tables.partitioned import partitioned_writer
from sam_geo.tables.write import table_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import geopandas

    from sam_common.pages.plate import Canvas
    from sam_common.tiled_job.progress import Progress
    from sam_geo.automatic.scene import Scene
    from sam_geo.jobs.opened import OpenedJob
    from sam_geo.jobs.request import AutoRequest
    from sam_geo.results.rows import Row


@dataclass(slots=True)
class Written:
    """How many objects were written."""

    counts: Counter[str] = field(default_factory=Counter)
    """Number of rows of the table by their status."""
    hidden: int | None = None
    """Objects of which the label raster shows no pixel, as earlier objects lie over them; None
    where there is no label raster."""
    shapes: Shapes | None = None
    """What the picture and the page show; None where neither is asked for."""
    picture: Canvas | None = None
    """These, drawn over the raster."""
    gallery: Gallery | None = None
    """What the page says; None where it is not asked for."""

    def add(self, table: geopandas.GeoDataFrame, rows: Sequence[Row]) -> None:
        """Take a part of the table, and the rows that it was made of."""
        self.counts.update(table["status"].tolist())
        outlines = [row.geometry for row in rows]
        if self.shapes is not None:
            for outline in outlines:
                self.shapes.add(outline)
        if self.gallery is not None:
            self.gallery.add(table, outlines)


def write_objects(
    scene: Scene, request: AutoRequest, opened: OpenedJob, *, progress: Progress = silent
) -> Written:
    """Write the table of a request and, where they are asked for, label raster and picture.

    A number in the label raster is an `id` of the table: an object that `--min-area-m2` leaves out
    is in no file. The label raster has the pixels as the network found them, table and picture
    the outlines after `--simplify` or `--regularize`. The objects are made once, by blocks of
    windows; with a label raster their packed pixels wait until they have their numbers.

    Args:
        scene: Gives the objects in the order of their numbers.
        request: The files to write, and how outlines are finished.
        opened: The raster, its stretch and the segmenter.
        progress: Shows how far the pass is, then the last steps of label raster and picture.

    Raises:
        OutputError: A file cannot be written.
    """
    source = opened.source
    found = Written(
        hidden=None if request.labels is None else 0,
        shapes=Shapes(source, opened.stretch) if request.overlay or request.report else None,
        gallery=Gallery() if request.report else None,
    )
    with _table(request, scene) as write, ExitStack() as labels:
        draw = None
        if request.labels is not None:
            draw = labels.enter_context(
                label_writer(request.labels, source, overwrite=request.replaces)
            )
        finishing = _finishing(request, opened)
        with progress("objects", finishing.passes * scene.passes) as advance:
            for table, rows in finished_objects(
                scene,
                finishing,
                request.executor,
                advance=advance,
                folder=request.output.absolute().parent,
            ):
                write(table, rows)
                found.add(table, rows)
                if draw is not None:
                    numbered = zip(table["id"].tolist(), rows, strict=True)
                    seen = [draw(n, regions_of(row.pixels or b"")) for n, row in numbered]
                    found.hidden = (found.hidden or 0) + seen.count(False)
        if draw is not None:
            with one_step(progress, "labels"):
                labels.close()
    if found.shapes is not None:
        with one_step(progress, "picture"):
            found.picture = found.shapes.picture()
            if request.overlay is not None:
                write_picture(found.picture, request.overlay)
    return found


@contextmanager
def _table(
    request: AutoRequest, scene: Scene
) -> Iterator[Callable[[geopandas.GeoDataFrame, Sequence[Row]], None]]:
    """The table of a request, one file or partitions; takes lines with the rows behind them."""
    if request.partition is None:
        with table_writer(
            request.output, overwrite=request.replaces, layer=request.layer
        ) as write_all:
            yield lambda table, _rows: write_all(table)
        return
    partition = partition_of_windows(scene.plan.windows, request.partition)
    with partitioned_writer(request.output, overwrite=request.replaces) as write_one:

        def write(table: geopandas.GeoDataFrame, rows: Sequence[Row]) -> None:
            if not rows:
                write_one(0, table)
            first = 0
            for number, some in itertools.groupby(partition[row.window] for row in rows):
                stop = first + sum(1 for _ in some)
                write_one(number, table.iloc[first:stop])
                first = stop

        yield write


def _finishing(request: AutoRequest, opened: OpenedJob) -> Finishing:
    """How the objects of a request become lines of a table."""
    source = opened.source
    return Finishing(
        source.frame,
        source.size_hw,
        request.finish,
        source.crs,
        opened.segmenter.name,
        with_pixels=request.labels is not None,
        with_outlines=request.overlay is not None or request.report is not None,
    )
