"""GeoPackage: checks of a file in which a job replaces one layer and leaves the others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import written_file

if TYPE_CHECKING:
    from pathlib import Path

SIDES = ("-wal", "-journal")
"""Endings of files that SQLite keeps beside a file that is being changed."""
RESERVED = ("gpkg", "rtree_", "sqlite_", "ogr_empty_table")
"""Beginnings, in any case of letters, of table names that the GeoPackage standard, SQLite or GDAL
reserve for themselves."""


def check_layer(path: Path, layer: str) -> None:
    """Raise `OutputError` where a layer cannot be added to, or replaced in, a file.

    A journal beside the file holds changes that are not yet in it, and would be applied to the
    new file: so the file must not be open in another program.
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
    # the layer's name must not be that of an unlisted table, view or index either
    for name, kind in ((tables(path) | there) if there else {}).items():
        if name.casefold() != layer.casefold():
            continue
        if kind not in {"features", "attributes"} or name != layer:
            raise OutputError(
                f"{path} has {name!r}, {kind}, which a layer {layer!r} cannot stand beside: give "
                f"another name with --layer"
            )


def _check_name(path: Path, layer: str) -> None:
    """Raise `OutputError` where a layer has an empty or a reserved name."""
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
    """Tell whether a file lists other layers or tables than `layer`, which must be kept."""
    return any(name != layer for name in contents(path))


def contents(path: Path) -> dict[str, str]:
    """List layers and tables of a GeoPackage with their data types; {} where it is none."""
    return _rows(path, "SELECT table_name, data_type FROM gpkg_contents")


def tables(path: Path) -> dict[str, str]:
    """List all tables, views and indices of an SQLite file with their kinds; {} without a file."""
    return _rows(path, "SELECT name, type FROM sqlite_master WHERE type != 'trigger'")


def _rows(path: Path, query: str) -> dict[str, str]:
    """Run a query for pairs of text on a file, which is opened for reading only."""
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
    """Raise `OutputError` where the spatial index of a layer does not have `shapes` entries."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?"
        for (column,) in connection.execute(query, (layer,)).fetchall():
            index = f"rtree_{layer}_{column}".replace('"', '""')
            (known,) = connection.execute(f'SELECT count(*) FROM "{index}"').fetchone()  # noqa: S608
            if known != shapes:
                raise OutputError(f"the spatial index of {layer} knows {known} of {shapes} shapes")
