"""Reading back: a table on the disk is compared with what was given, before it takes its name.

A driver may keep the error of a full disk to itself and leave a file that is cut short, so only
what can be read again counts as written. Both sides are summed up row by row; memory is bounded by
a batch, and the file is read once more.
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
"""A cell without a value."""
Geometry: TypeAlias = Literal["exact", "bounds", "presence"]
"""What of a shape comes back bit by bit: all its vertices; its bounds, where a format orders the
rings anew; or only whether there is one, where a format rounds."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What of a table a format keeps exactly."""

    geometry: Geometry = "exact"
    """Of the shapes."""
    whole: int = 2**63
    """Up to where whole numbers are read as such."""
    floats: bool = True
    """Whether numbers that are not whole come back bit by bit."""
    blanks: bool = True
    """Whether an empty text differs from none, and blanks at the end of a text stay."""


@dataclass(slots=True, eq=False)
class Content:
    """What a table says: its number of rows and a sum of each column."""

    fidelity: Fidelity
    """What is to be compared."""
    rows: int = 0
    """How many there are."""
    shapes: int = 0
    """How many of them have a shape that is not empty."""
    _sums: dict[int | str, Any] = field(default_factory=lambda: defaultdict(hashlib.sha256))
    _names: dict[int | str, str] = field(default_factory=dict)
    _skipped: set[int | str] = field(default_factory=set)

    def add(self, batch: geopandas.GeoDataFrame) -> None:
        """Take rows that are given to a writer."""
        columns = [name for name in batch.columns if name != batch.geometry.name]
        self._take(((name, _arrow(batch[name])) for name in columns), batch.geometry.to_numpy())

    def add_arrow(self, batch: pa.RecordBatch | pa.Table, geometry: str) -> None:
        """Take rows that were read; the column of the geometry holds WKB."""
        columns = [name for name in batch.schema.names if name != geometry]
        wkb = np.array([None, *batch.column(geometry).to_pylist()], dtype=object)[1:]
        shapes = shapely.from_wkb(wkb)
        self._take(((name, batch.column(name)) for name in columns), shapes)

    def check(self, other: Content, target: Path) -> None:
        """Raise `OutputError` where what was read differs from this content, which was given."""
        if other.rows != self.rows:
            raise OutputError(
                f"cannot write {target}: of {self.rows} rows {other.rows} were read back"
            )
        for key, total in self._sums.items():
            if key in self._skipped | other._skipped:
                continue
            # a table without rows has no batch that could be read
            if other._sums[key].digest() != total.digest():
                raise OutputError(
                    f"cannot write {target}: other values of {self._names[key]} were read back"
                )

    def _take(self, columns: Iterable[tuple[str, Any]], shapes: npt.NDArray[np.object_]) -> None:
        self.rows += len(shapes)
        self.shapes += int((~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)).sum())
        # by place, not by name: a format may have to shorten names
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
        """A column as text, None where formats write its type each in its own way."""
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
        if value is None:
            return ABSENT
        return value if self.fidelity.blanks else value.rstrip() or ABSENT


def _arrow(values: Any) -> Any:
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError):
        return None


def _bits(shapes: npt.NDArray[np.object_], geometry: Geometry) -> dict[str, bytes]:
    """What is compared of shapes, as streams that do not depend on the size of batches."""
    if geometry == "presence":
        return {"missing": bytes(shapely.is_missing(shapes))}
    if geometry == "bounds":
        return {"bounds": bytes(np.nan_to_num(shapely.bounds(shapes)))}
    # a polygon and a multi-polygon of it alone are the same
    counts = shapely.get_num_coordinates(shapes).astype(np.int64)
    return {"counts": bytes(counts), "vertices": bytes(shapely.get_coordinates(shapes))}
