"""Outputs: the objects of an automatic job, numbered once, to all of its files in one pass.

```
objects -> rows -> finished outlines, small ones left out, numbered -> table
                                                                    -> label raster, same numbers
                                                                    -> picture, same outlines
```
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_geo.finish import finished_tables
from sam_geo.label_raster import label_writer
from sam_geo.objects import object_rows, regions_of
from sam_geo.picture import Shapes, write_picture
from sam_geo.sink import table_writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sam_common.link import LinkedObject
    from sam_geo.request import AutoRequest
    from sam_geo.source import RasterSource
    from sam_geo.stretch import Stretch


@dataclass(slots=True)
class Written:
    """What came out of a pass."""

    counts: Counter[str] = field(default_factory=Counter)
    """Lines of the table by their status."""
    hidden: int | None = None
    """Objects without a pixel of their own in the label raster: others lie over them; None where
    there is no label raster."""

    def of_labels(self) -> dict[str, int]:
        """The same for a record."""
        return {} if self.hidden is None else {"hidden_in_labels": self.hidden}


def write_objects(
    objects: Iterable[LinkedObject],
    request: AutoRequest,
    source: RasterSource,
    stretch: Stretch,
    *,
    model: str,
) -> Written:
    """Write the table of a request and, where it asks for them, label raster and picture.

    A number in the label raster is an `id` of the table: what `--min-area-m2` leaves out of one is
    in none of them. The label raster has the pixels as the network found them, table and picture
    the outlines after `--simplify` or `--regularize`. Objects are gone through once, a thousand at
    a time; with a label raster their packed pixels wait for their numbers.

    Args:
        objects: In the order of their numbers.
        request: What to write, and how outlines are finished.
        source: The raster.
        stretch: Values to bytes, for the picture.
        model: Name of the checkpoint.

    Raises:
        OutputError: A file cannot be written.
    """
    found = Written(hidden=None if request.labels is None else 0)
    shapes = Shapes(source)
    rows = object_rows(
        objects, source.frame, source.size_hw, with_pixels=request.labels is not None
    )
    with ExitStack() as files:
        write = files.enter_context(
            table_writer(request.output, overwrite=request.replaces, layer=request.layer)
        )
        draw = None
        if request.labels is not None:
            draw = files.enter_context(
                label_writer(request.labels, source, overwrite=request.replaces)
            )
        for table, kept in finished_tables(rows, request.finish, crs=source.crs, model=model):
            write(table)
            found.counts.update(table["status"].tolist())
            for number, row in zip(table["id"].tolist(), kept, strict=True):
                if draw is not None and found.hidden is not None:
                    found.hidden += not draw(number, regions_of(row.pixels or b""))
                if request.overlay is not None:
                    shapes.add(row.geometry)
    if request.overlay is not None:
        write_picture(shapes.draw(stretch), request.overlay)
    return found
