"""Partitioned tables: a folder of GeoParquet files, one for each partition, and their index.

```
trees.parquet/
  part-00000000.parquet    rows of partition 0; its metadata `geo` has the extent of these rows
  part-00000002.parquet    a partition without rows has no file
  _metadata                extents and statistics of all row groups: which files a box needs
```
The files, read by name, have the rows of one table in their order.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from sam_common.errors import OutputError
from sam_common.support.files import (
    check_output,
    flush,
    telling_full_disks,
    writing,
    written_file,
)
from sam_common.support.held_outputs import move_together
from sam_geo.tables.read_back import Content, Fidelity
from sam_geo.tables.write import ERRORS, add_parquet
from sam_geo.tables.writers import BATCH, geo_table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    import geopandas

    WritePartition = Callable[[int, geopandas.GeoDataFrame], None]

INDEX = "_metadata"
"""Name of the index, as Arrow and Dask look for it; readers of a folder pass over it."""
SUFFIX = ".parquet"
"""Suffix of the folder and of the files in it."""


def check_partitioned_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a partitioned table could not be written.

    Args:
        path: The folder to be written, which ends in `.parquet`.
        overwrite: Whether an older table may be replaced: a file, or a folder with nothing in it
            but the files of a partitioned table.
    """
    target = Path(path)
    if target.suffix.lower() != SUFFIX:
        raise OutputError(
            f"only a {SUFFIX} can be partitioned, got {target}: leave --partition out"
        )
    if not target.is_dir():
        check_output(target, overwrite=overwrite)
        return
    if not overwrite:
        raise OutputError(f"output exists: {target} (give --overwrite to replace it)")
    for entry in sorted(written_file(target).iterdir()):
        if entry.name != INDEX and not _is_part(entry):
            raise OutputError(
                f"{target} is no partitioned table ({entry.name} lies in it): move it away, or "
                f"choose another output"
            )
    check_output(target / INDEX, overwrite=True)


@contextmanager
def partitioned_writer(
    path: str | os.PathLike[str], *, overwrite: bool = False
) -> Iterator[WritePartition]:
    """Write a table as a folder of GeoParquet 1.1 files, one for each partition.

    Each file has the extent of its rows in its metadata `geo`, and row groups of at most 1,000
    rows with a column `bbox`; the same rows of all files are in `_metadata`. The folder appears
    when the block ends without an error and all files were read back and are equal to what was
    given; otherwise an older table stays as it was. One partition is in memory at a time.

    Args:
        path: The folder to be made, which ends in `.parquet`.
        overwrite: Whether an older table may be replaced, see `check_partitioned_output`.

    Yields:
        A function that takes the number of a partition and its next rows. Numbers ascend; all rows
        have the same columns and reference system.

    Raises:
        DiskError: The disk is full or read-only.
        OutputError: The folder exists or cannot be written.
    """
    check_partitioned_output(path, overwrite=overwrite)
    target = written_file(path)
    given = Content(Fidelity())
    with writing(target):
        beside = tempfile.TemporaryDirectory(dir=target.parent, prefix=".partitions-")
    with beside as name:
        part = Path(name) / "new"
        part.mkdir()
        sink = _Partitions(part)

        def write(number: int, batch: geopandas.GeoDataFrame) -> None:
            """Take the next rows of a partition."""
            with writing(target, *ERRORS):
                given.add(batch)
                sink.write(number, batch)

        yield write
        with telling_full_disks(target), writing(target, *ERRORS):
            sink.finish()
            for file in part.iterdir():
                flush(file)
            given.check(_content(part), target)
            stale = [target] if target.exists() else []
            move_together({part: target}, stale, Path(name) / "old")


class _Partitions:
    """Writes the file of each partition once all its rows are there, and the index at the end.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._waiting: list[pa.Table] = []
        self._schema: pa.Schema | None = None
        self._written: list[pq.FileMetaData] = []
        self._extents: list[_Extent] = []

    def write(self, number: int, batch: geopandas.GeoDataFrame) -> None:
        """Take the next rows of a partition; the file of the one before is written."""
        if number < self._number:
            raise ValueError(f"partition {number} comes after partition {self._number}")
        if number > self._number:
            self._close()
            self._number = number
        self._waiting.append(geo_table(batch))

    def finish(self) -> None:
        """Write what waits, and the index."""
        self._close()
        if self._schema is not None:
            schema = _schema_of(self._schema, self._extents)
            pq.write_metadata(schema, self._folder / INDEX, metadata_collector=self._written)

    def _close(self) -> None:
        """Write the file of the partition whose rows are complete."""
        waiting, self._waiting = self._waiting, []
        # a table without rows has one file, which states its columns
        if not any(len(rows) for rows in waiting) and (not waiting or self._schema is not None):
            return
        if self._schema is None:
            self._schema = waiting[0].schema
        extents = [_Extent.of(rows) for rows in waiting]
        self._extents.append(_Extent.joined(extents))
        schema = _schema_of(self._schema, extents)
        name = f"part-{self._number:08d}{SUFFIX}"
        found: list[pq.FileMetaData] = []
        pq.write_table(
            pa.concat_tables([rows.cast(schema) for rows in waiting]),
            self._folder / name,
            row_group_size=BATCH,
            metadata_collector=found,
        )
        found[0].set_file_path(name)
        self._written += found


@dataclass(frozen=True, slots=True)
class _Extent:
    """What the metadata `geo` says of the geometries of some rows."""

    types: frozenset[str]
    bbox: tuple[float, float, float, float] | None
    """Least x and y, greatest x and y; None where no row has a geometry."""

    @classmethod
    def of(cls, rows: pa.Table) -> _Extent:
        """The extent in the metadata of a table."""
        geo = json.loads(rows.schema.metadata[b"geo"])
        column = geo["columns"][geo["primary_column"]]
        bbox = column.get("bbox")
        return cls(frozenset(column["geometry_types"]), None if bbox is None else tuple(bbox))

    @classmethod
    def joined(cls, extents: Sequence[_Extent]) -> _Extent:
        """The extent of several tables together."""
        types = frozenset[str]().union(*(extent.types for extent in extents))
        boxes = [extent.bbox for extent in extents if extent.bbox is not None]
        if not boxes:
            return cls(types, None)
        xmin, ymin, xmax, ymax = zip(*boxes, strict=True)
        return cls(types, (min(xmin), min(ymin), max(xmax), max(ymax)))


def _schema_of(schema: pa.Schema, extents: Sequence[_Extent]) -> pa.Schema:
    """A schema whose metadata `geo` has the types and the extent of several tables together."""
    whole = _Extent.joined(extents)
    geo = json.loads(schema.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    column["geometry_types"] = sorted(whole.types)
    column.pop("bbox", None)
    if whole.bbox is not None:
        column["bbox"] = list(whole.bbox)
    return schema.with_metadata({**schema.metadata, b"geo": json.dumps(geo).encode()})


def _files(folder: Path) -> list[Path]:
    """The files of a partitioned table, in the order of their rows."""
    return sorted(entry for entry in folder.iterdir() if _is_part(entry))


def _is_part(path: Path) -> bool:
    """Whether a file has the name of one of a partitioned table."""
    return re.fullmatch(rf"part-\d{{8,}}{re.escape(SUFFIX)}", path.name) is not None


def _content(folder: Path) -> Content:
    """Read the files of a partitioned table back."""
    found = Content(Fidelity())
    for path in _files(folder):
        add_parquet(found, path)
    return found
