"""Shapefile: the several files of one table are checked, written and replaced together."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import (
    check_output,
    flush,
    telling_full_disks,
    writing,
    written_file,
)
from sam_common.support.held_outputs import move_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITTEN = (".shp", ".shx", ".dbf", ".prj", ".cpg")
"""Suffixes of the files that a job writes."""
MEMBERS = frozenset({
    *WRITTEN, ".ain", ".aih", ".atx", ".cst", ".fbn", ".fbx", ".idm", ".ind", ".ixs", ".mxs",
    ".qix", ".qpj", ".sbn", ".sbx", ".shp.xml",
})  # fmt: skip
"""Suffixes, in small letters, of files that belong to a table and are removed with it."""
SHORT_NAMES = {
    "perimeter_m": "perim_m",
    "touches_edge": "at_edge",
    "seam_merged": "seam_mergd",
    "probability": "probab",
}
"""Columns of results to their names in a .dbf, which have 10 characters at most."""
TEXT_BYTES = 254
"""Most bytes of a text in a .dbf, where a longer one would be cut."""
DIGITS = 18
"""Most digits of an integer in a .dbf: GDAL reads a longer one as a float."""


def members(path: Path) -> list[Path]:
    """List the existing files of the table at `path`, whatever the case of their letters."""
    stem = path.stem.casefold()
    try:
        entries = sorted(path.parent.iterdir())
    except OSError:
        return []
    return [
        entry
        for entry in entries
        if entry.name.casefold().startswith(f"{stem}.")
        and entry.name.casefold()[len(stem) :] in MEMBERS
    ]


def check_shapefile_output(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a file of the table exists and may not be replaced."""
    for name in (path, *(path.with_suffix(suffix) for suffix in WRITTEN), *members(path)):
        check_output(name, overwrite=overwrite)


def check_text(name: str, text: str) -> None:
    """Raise `OutputError` where a text is too long for a .dbf; `name` names it in the message."""
    if (size := len(text.encode())) > TEXT_BYTES:
        raise OutputError(
            f"a Shapefile cuts texts at {TEXT_BYTES} bytes, but {name} {text[:20]!r}... has "
            f"{size}: write a .gpkg"
        )


@contextmanager
def shapefile_output(target: Path, *, verify: Callable[[Path], None]) -> Iterator[Path]:
    """Give a temporary .shp to write, whose files replace those of the target after `verify`.

    Where the target is a link, the files go to where it leads. Where one cannot be moved, the
    older files stay as they were.

    Args:
        target: The .shp file.
        verify: Raises an error where the written table is not the given one.

    Yields:
        The .shp to write, in a folder beside the target.
    """
    target = written_file(target)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".shapefile-") as folder:
        part = Path(folder) / "new" / "table.shp"
        part.parent.mkdir()
        yield part
        with writing(target):
            for path in part.parent.iterdir():
                flush(path)
        with telling_full_disks(target):
            verify(part)
        suffix = str.upper if target.suffix.isupper() else str.lower
        # the .shp is moved last: until then readers do not see the new table
        new = {
            path: target if path == part else target.with_suffix(suffix(path.suffix))
            for path in sorted(part.parent.iterdir(), key=lambda path: path == part)
        }
        with writing(target):
            move_together(new, members(target), Path(folder) / "old")


def columns_as_text(stage: Path, layer: str, target: Path) -> set[str]:
    """Find integer columns that a .dbf holds as text only, because they have too many digits.

    Args:
        stage: A GeoPackage with the rows of the table.
        layer: Its layer.
        target: The .shp file as messages name it.

    Returns:
        Names of the columns.

    Raises:
        OutputError: A text is longer than a .dbf can hold.
    """
    wide = set()
    with closing(sqlite3.connect(stage)) as connection:
        table = _quoted(layer)
        for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
            column = _quoted(name)
            if kind.upper().startswith("TEXT"):
                size = f"length(CAST({column} AS BLOB))"
                query = f"SELECT {column} FROM {table} WHERE {size} > ? LIMIT 1"  # noqa: S608
                for (text,) in connection.execute(query, (TEXT_BYTES,)):
                    check_text(f"{name} of {target.name}", text)
            elif kind.upper().endswith("INT") or kind.upper() == "INTEGER":
                query = f"SELECT count(*) FROM {table} WHERE abs({column} / 10) >= ?"  # noqa: S608
                (count,) = connection.execute(query, (10 ** (DIGITS - 1),)).fetchone()
                if count:
                    wide.add(name)
    return wide


def _quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'
