"""Inputs: every file that a job reads, so that none of them is written over."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.addresses import is_remote
from sam_geo.address.local_files import local_files
from sam_geo.raster.fingerprint import sources_of
from sam_geo.tables.shapefile import members

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sam_geo.raster.source import RasterSource

WHOLE = (".fgb", ".geojson", ".gpkg", ".json", ".kml", ".parquet", ".xml")
"""Vector files that have nothing beside them."""
MOST_FILES = 10_000
"""A mosaic of mosaics is followed up to so many files."""


def files_of(source: RasterSource, tables: Iterable[Path | None]) -> list[Path]:
    """Files that lie on a disk and that a raster and some tables are read from.

    Args:
        source: The raster, with all files beside it; a VRT with its sources, and theirs.
        tables: Vector files; of a Shapefile all members.
    """
    names: list[str] = []
    if not is_remote(source.name):  # beside it lie no files of this disk
        names += (source.name, *source.files)
        with contextlib.suppress(InputError):  # a service of maps, which has no files
            listed = sources_of(source.name, source.header.driver, source.files)
            names += itertools.islice(listed, MOST_FILES)
    found = dict.fromkeys(path for name in names for path in local_files(name))
    for table in tables:
        if table is not None:
            found[table] = None
            if table.suffix.lower() not in WHOLE:
                found.update(dict.fromkeys(members(table)))
    return list(found)
