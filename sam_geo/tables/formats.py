"""Formats of tables by suffix: GDAL's driver and options, and what the format keeps exactly."""

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
"""Date of change in a GeoPackage; with the true one no two runs would give the same bytes."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the tables of one suffix are written and read back."""

    driver: str
    """GDAL's short name of the format; empty for GeoParquet, which pyarrow writes."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Layer creation options of the driver."""
    georeferenced: Mapping[str, str] = field(default_factory=dict)
    """Further layer creation options for tables with a reference system."""
    reading: Mapping[str, str] = field(default_factory=dict)
    """Open options of the driver when the table is read back."""
    fidelity: Fidelity = field(default_factory=Fidelity)
    """What of a table the format keeps exactly."""


FORMATS: Mapping[str, Format] = {
    ".gpkg": Format("GPKG"),
    # the spatial index sorts rows along a curve; without it they stay in the order of the prompts
    ".fgb": Format("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
    ".geojson": Format(
        "GeoJSON",
        # text that looks like a list or like a date stays text
        {"AUTODETECT_JSON_STRINGS": "NO"},
        {"RFC7946": "YES"},
        {"DATE_AS_STRING": "YES"},
        # larger integers are written with all digits, but GDAL may read them as floats
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
    """Look up the format of a path by its suffix; raise `OutputError` where there is none."""
    check_no_address(path)
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError as error:
        raise OutputError(
            f"cannot write {path.suffix or 'a file without suffix'}: {path} "
            f"(give one of {', '.join(FORMATS)})"
        ) from error
