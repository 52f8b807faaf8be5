"""GeoPackage: a file of several layers, of which a job replaces its own and leaves the others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import written_file

if TYPE_CHECKING:
    from pathlib import Path

SIDES = ("-wal", "-journal")
"""What SQLite keeps beside a file while something is being changed in it."""
RESERVED = ("gpkg", "rtree_", "sqlite_", "ogr_empty_table")
"""What names begin with, in any case, that SQLite, the standard or GDAL keep to themselves."""


def check_layer(path: Path, layer: str) -> None:
    """Raise `OutputError` where a layer cannot be put into, or replaced in, a file.

    What lies beside a file and holds changes which are not yet in it would be taken for changes of
    the new file.
    """
    _check_name(path, layer)
    real = written_file(path)
    for side in SIDES:
        beside = real.with_name(real.name + side)
        if beside.exists() and beside.stat().st_size:
            raise OutputError(
                f"{path} is open in another program, or was when that broke off ({beside.name} "
                f"lies there): close it there, or open and close it once"
            )
    there = contents(path)
    # of a file that is kept, tables that it does not list are in the way too
    for name, kind in ((tables(path) | there) if there else {}).items():
        if name.casefold() != layer.casefold():
            continue
        if kind not in {"features", "attributes"} or name != layer:
            raise OutputError(
                f"{path} has {name!r}, {kind}, which a layer {layer!r} cannot stand beside: give "
                f"another name with --layer"
            )


def _check_name(path: Path, layer: str) -> None:
    if not layer.strip() or "\0" in layer:
        raise OutputError(
            f"{layer!r} is no name for a layer of {path}: give one of letters with --layer"
        )
    for reserved in RESERVED:
        if layer.casefold().startswith(reserved):
            raise OutputError(
                f"names of layers cannot begin with {reserved}, which is reserved in a "
                f"GeoPackage, got {layer!r} for {path}: give another name with --layer"
            )


def has_others(path: Path, layer: str) -> bool:
    """Whether a file holds anything beside a layer, which must stay."""
    return any(name != layer for name in contents(path))


def contents(path: Path) -> dict[str, str]:
    """The tables of a GeoPackage that mean something, with their kinds; empty where it is none."""
    return _rows(path, "SELECT table_name, data_type FROM gpkg_contents")


def tables(path: Path) -> dict[str, str]:
    """All tables, views and indices of a file, with their kinds; empty where there is none."""
    return _rows(path, "SELECT name, type FROM sqlite_master WHERE type != 'trigger'")


def _rows(path: Path, query: str) -> dict[str, str]:
    if not path.is_file():
        return {}
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return {str(name): str(kind) for name, kind in connection.execute(query)}
    except sqlite3.DatabaseError as error:
        if any(words in str(error) for words in ("not a database", "no such table")):
            return {}
        raise OutputError(f"cannot see which layers lie in {path}: {error}") from error


def check_index(path: Path, layer: str, shapes: int) -> None:
    """Raise `OutputError` where the spatial index of a layer does not know all its shapes."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?"
        for (column,) in connection.execute(query, (layer,)).fetchall():
            index = f"rtree_{layer}_{column}".replace('"', '""')
            (known,) = connection.execute(f'SELECT count(*) FROM "{index}"').fetchone()  # noqa: S608
            if known != shapes:
                raise OutputError(f"the spatial index of {layer} knows {known} of {shapes} shapes")
