"""Reading back: a written table is read again and compared, before the file gets its final name.

A driver may swallow the error of a full disk and leave a file that is cut short, so a table counts
as written only when it was read again. Hashes of the columns are updated batch by batch, of the
rows that are written and of those that are read, and then compared.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import shapely

from sam_common.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import geopandas
    import numpy.typing as npt

ABSENT = "\0"
"""Text that is hashed for an empty cell."""
Geometry: TypeAlias = Literal["exact", "bounds", "presence"]
"""What of a geometry a format keeps bit by bit: all vertices; the bounds, where it reorders rings;
or only whether there is a geometry, where it rounds coordinates."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What of a table a format keeps exactly, so that it can be compared."""

    geometry: Geometry = "exact"
    """What it keeps of geometries."""
    whole: int = 2**63
    """Largest absolute value of integers that it keeps."""
    floats: bool = True
    """Whether it keeps floats bit by bit."""
    blanks: bool = True
    """Whether it tells empty text from no text, and keeps spaces at the end of a text."""


@dataclass(slots=True, eq=False)
class Content:
    """The content of a table for comparison: its number of rows and a hash of each column."""

    fidelity: Fidelity
    """What of the table is hashed."""
    rows: int = 0
    """Number of rows that were added."""
    shapes: int = 0
    """Number of rows whose geometry is not empty."""
    _sums: dict[int | str, Any] = field(default_factory=lambda: defaultdict(hashlib.sha256))
    _names: dict[int | str, str] = field(default_factory=dict)
    _skipped: set[int | str] = field(default_factory=set)

    def add(self, batch: geopandas.GeoDataFrame) -> None:
        """Add rows that are given to a writer."""
        columns = [name for name in batch.columns if name != batch.geometry.name]
        self._take(((name, _arrow(batch[name])) for name in columns), batch.geometry.to_numpy())

    def add_arrow(self, batch: pa.RecordBatch | pa.Table, geometry: str) -> None:
        """Add rows that were read; the column `geometry` holds WKB."""
        columns = [name for name in batch.schema.names if name != geometry]
        wkb = np.array([None, *batch.column(geometry).to_pylist()], dtype=object)[1:]
        shapes = shapely.from_wkb(wkb)
        self._take(((name, batch.column(name)) for name in columns), shapes)

    def check(self, other: Content, target: Path) -> None:
        """Raise `OutputError` where the content that was read differs from this written one.

        Args:
            other: The content that was read.
            target: The file as the message names it.
        """
        if other.rows != self.rows:
            raise OutputError(
                f"cannot write {target}: of {self.rows} rows {other.rows} were read back"
            )
        for key, total in self._sums.items():
            if key in self._skipped | other._skipped:
                continue
            # a table without rows is read in no batch: its columns have the hash of nothing
            if other._sums[key].digest() != total.digest():
                raise OutputError(
                    f"cannot write {target}: other values of {self._names[key]} were read back"
                )

    def _take(self, columns: Iterable[tuple[str, Any]], shapes: npt.NDArray[np.object_]) -> None:
        """Add columns and geometries of a batch to the hashes."""
        self.rows += len(shapes)
        self.shapes += int((~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)).sum())
        # by position, not by name, because a Shapefile shortens names
        for at, (name, values) in enumerate(columns):
            self._names[at] = name
            if (text := self._text(values)) is None:
                self._skipped.add(at)
            else:
                self._sums[at].update("".join(f"{len(t)}:{t}" for t in text).encode())
        for key, bits in _bits(shapes, self.fidelity.geometry).items():
            self._names[key] = "the geometry"
            self._sums[key].update(bits)

    def _text(self, values: Any) -> list[str] | None:
        """Turn a column into text to hash; None for types that formats do not keep exactly."""
        kind = pa.null() if values is None else values.type
        text: list[str] | None = None
        if values is not None and pa.types.is_null(kind):
            text = [ABSENT] * len(values)
        elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            numbers = [None if v is None else int(v) for v in values.to_pylist()]
            if all(v is None or abs(v) <= self.fidelity.whole for v in numbers):
                text = [ABSENT if v is None else str(v) for v in numbers]
        elif pa.types.is_floating(kind) and self.fidelity.floats:
            text = [ABSENT if v is None or np.isnan(v) else repr(v) for v in values.to_pylist()]
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            text = [self._plain(v) for v in values.to_pylist()]
        return text

    def _plain(self, value: str | None) -> str:
        """Reduce a text to what the format keeps of it."""
        if value is None:
            return ABSENT
        return value if self.fidelity.blanks else value.rstrip() or ABSENT


def _arrow(values: Any) -> Any:
    """Convert a column of pandas to Arrow; None where Arrow has no type for it."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError):
        return None


def _bits(shapes: npt.NDArray[np.object_], geometry: Geometry) -> dict[str, bytes]:
    """Turn geometries into bytes to hash, which add up independently of the size of batches."""
    if geometry == "presence":
        return {"missing": bytes(shapely.is_missing(shapes))}
    if geometry == "bounds":
        return {"bounds": bytes(np.nan_to_num(shapely.bounds(shapes)))}
    # a Polygon and a MultiPolygon of it have the same vertices
    counts = shapely.get_num_coordinates(shapes).astype(np.int64)
    return {"counts": bytes(counts), "vertices": bytes(shapely.get_coordinates(shapes))}
