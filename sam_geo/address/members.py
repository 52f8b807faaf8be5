"""Members: one raster of an archive, one page of a file of several."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.addresses import is_file_name, public_name

if TYPE_CHECKING:
    from collections.abc import Sequence

ARCHIVES = {
    ".zip": "/vsizip/",
    ".tar": "/vsitar/",
    ".tgz": "/vsitar/",
    ".gz": "/vsigzip/",
    ".7z": "/vsi7z/",
    ".rar": "/vsirar/",
}
"""Suffix of an archive to the prefix with which GDAL reads its members."""
BESIDE = re.compile(
    r"\.(aux\.xml|xml|ovr|msk|tfw|tifw|tiffw|jgw|jpgw|pgw|wld|prj|rpb|hdr|txt|md|pdf|html?|csv|json|"
    r"shp|shx|dbf|cpg|qml|qgz|gpkg)$",
    re.IGNORECASE,
)
"""Names of members that are no rasters: side files, descriptions and vector files."""


def in_archive(name: str) -> str:
    """Give the name by which GDAL opens the one raster of a zip file.

    Args:
        name: A path, or any other name that GDAL opens.

    Returns:
        The raster's name; for a file that is no archive, the name as it is.

    Raises:
        InputError: The zip file holds no raster or several, which the message names as GDAL opens
            them; or it is an archive of another kind.
    """
    prefix = ARCHIVES.get(Path(name).suffix.lower())
    if prefix is None or not is_file_name(name) or Path(name).is_dir():
        return name
    if Path(name).name.lower().endswith(".tar.gz"):
        prefix = "/vsitar/"
    if prefix == "/vsigzip/":
        return f"{prefix}{Path(name).absolute()}"
    if prefix != "/vsizip/":
        raise InputError(
            f"{public_name(name)} is an archive: name one of its rasters, as "
            f"{prefix}{public_name(name)}/NAME.tif"
        )
    rasters = [f"{prefix}{{{Path(name).absolute()}}}/{member}" for member in _rasters(name)]
    if len(rasters) == 1:
        return rasters[0]
    shown = ", ".join(public_name(each) for each in rasters[:10])
    raise InputError(
        f"{public_name(name)} holds {len(rasters) or 'no'} rasters"
        + (f", name one of them: {shown}" if rasters else "")
    )


def _rasters(name: str) -> list[str]:
    """List the members of a zip file that may be rasters."""
    try:
        with zipfile.ZipFile(name) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"cannot read the archive {public_name(name)}: {error}") from error
    hidden = ("__MACOSX/", ".")
    return [
        member
        for member in members
        if not (member.startswith(hidden) or Path(member).name.startswith("."))
        and not BESIDE.search(member)
    ]


def page_of(name: str, page: int, subdatasets: Sequence[str]) -> str:
    """Give the name by which GDAL opens one page of a file.

    Args:
        name: Name of the file.
        page: Number of the page, from 1.
        subdatasets: Names of the pages, as the file lists them; none where it has one page only.

    Raises:
        InputError: There is no such page.
    """
    if page == 1 and not subdatasets:
        return name
    if not 1 <= page <= len(subdatasets):
        pages = f"{len(subdatasets)} pages" if subdatasets else "one page"
        raise InputError(f"no page {page} in {public_name(name)}: it has {pages}")
    return subdatasets[page - 1]


def pages_note(subdatasets: Sequence[str]) -> str | None:
    """Word the note on a file of several pages whose first one was opened; None for one page."""
    if not subdatasets:
        return None
    return f"{len(subdatasets)} pages, of which this is the first: --page N opens another"
