"""Formats: how the suffix of a table is written, and what of it comes back exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import check_no_address
from sam_geo.tables.read_back import Fidelity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STAMP = "2000-01-01T00:00:00.000Z"
"""GeoPackage keeps a date of change; with the true one no two runs would give the same bytes."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one suffix is written."""

    driver: str
    """GDAL's name of it; empty for what GDAL does not write here."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Layer creation options."""
    georeferenced: Mapping[str, str] = field(default_factory=dict)
    """More of them, where there is a reference system."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """Options of the driver when it reads."""
    fidelity: Fidelity = field(default_factory=Fidelity)
    """What of a table comes back exactly."""


FORMATS: Mapping[str, Format] = {
    ".gpkg": Format("GPKG"),
    # the spatial index sorts rows along a curve; without it they stay in the order of the prompts
    ".fgb": Format("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
    ".geojson": Format(
        "GeoJSON",
        # a text that looks like a list stays a text, one that looks like a date too
        {"AUTODETECT_JSON_STRINGS": "NO"},
        {"RFC7946": "YES"},
        {"DATE_AS_STRING": "YES"},
        # beyond these it has all digits, but GDAL may read them as floats, as browsers do
        Fidelity(geometry="presence", whole=2**53),
    ),
    ".parquet": Format(""),
    ".shp": Format(
        "ESRI Shapefile",
        {"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": STAMP[:10]},
        fidelity=Fidelity("bounds", floats=False, blanks=False),
    ),
}


def format_of(path: Path) -> Format:
    """The format of a path, by its suffix; raises `OutputError` where there is none."""
    check_no_address(path)
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError as error:
        raise OutputError(
            f"cannot write {path.suffix or 'a file without suffix'}: {path} "
            f"(give one of {', '.join(FORMATS)})"
        ) from error
