"""Parts of vector files: files beside them, members of a zip file, sources of a VRT."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

import defusedxml
import defusedxml.ElementTree
import pyogrio
from pyogrio.errors import DataSourceError

from sam_common.errors import PromptError
from sam_common.support.files import check_input

IN_ZIPS = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml", ".kmz", ".gpx", ".gml", ".tab")
"""Suffixes of vector files that are looked for in a zip file."""
PARTS = {
    ".shp": {".shx": "where each shape begins", ".dbf": "classes and labels"},
    ".tab": {".map": "the shapes", ".dat": "classes and labels"},
    ".mif": {".mid": "classes and labels"},
}
"""Suffixes of files to those of the parts that they need, with what each part holds."""


def gdal_name(path: Path, member: str | None) -> str:
    """Give the name by which GDAL opens a file; pyogrio takes `zip:` and `!` in it for an archive.

    Args:
        path: The file.
        member: The part of a zip file that is read, see `in_zip`.

    Raises:
        PromptError: The path has a `!`.
    """
    if "!" in str(path):
        raise PromptError(f"GDAL takes what follows a ! for a part of a zip: {path} (rename it)")
    plain = str(path) if path.is_absolute() else f"./{path}"
    return plain if member is None else f"/vsizip/{plain}/{member}".removesuffix("/.")


def in_zip(path: Path) -> str | None:
    """Find the vector file, or the folder of Shapefiles, that is read of a zip file.

    Returns:
        The name of the member or folder; None where the path is no zip file.

    Raises:
        PromptError: The zip file cannot be read, or does not hold one vector file with its parts.
    """
    if path.suffix.lower() != ".zip":
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            members = [PurePosixPath(name) for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise PromptError(f"not a zip file: {path} ({error})") from error
    found = [member for member in members if member.suffix.lower() in IN_ZIPS]
    found = [member for member in found if "__MACOSX" not in member.parts]
    names = {str(member).lower() for member in members}
    for member in found:
        wanted = PARTS.get(member.suffix.lower(), {})
        parts = {str(member.with_suffix(suffix)).lower() for suffix in wanted}
        if not parts <= names:
            raise PromptError(
                f"{member} in {path} is incomplete: {', '.join(sorted(parts - names))} is missing"
            )
    if len(found) == 1:
        return str(found[0])
    # GDAL reads Shapefiles of one folder as its layers
    if {member.suffix.lower() for member in found} == {".shp"}:
        folders = {member.parent for member in found}
        if len(folders) == 1:
            return str(folders.pop())
    what = ", ".join(map(str, found[:10])) or "none"
    raise PromptError(f"one vector file is wanted in {path}, got {what}: unpack it first")


def check_sources(path: Path) -> None:
    """Raise `PromptError` where a source layer of a VRT cannot be read: GDAL would leave it out.

    Each source is opened once. Files that are no VRT are not looked at.
    """
    if path.suffix.lower() != ".vrt":
        return
    try:
        root = defusedxml.ElementTree.parse(path).getroot()
    except (defusedxml.ElementTree.ParseError, defusedxml.DefusedXmlException, OSError):
        return  # GDAL raises its own error when it reads the VRT
    for node in () if root is None else root.iter("OGRVRTLayer"):
        source = node.find("SrcDataSource")
        if source is None or not (name := (source.text or "").strip()):
            continue
        place = str(path.parent / name) if source.get("relativeToVRT") == "1" else name
        wanted = (node.findtext("SrcLayer") or node.get("name") or "").casefold()
        try:
            layers = {str(layer).casefold() for layer, _ in pyogrio.list_layers(place)}
        except (DataSourceError, OSError, ValueError) as error:
            raise PromptError(f"{path} is read from {name}, which cannot be opened") from error
        if node.find("SrcSQL") is None and wanted not in layers:
            raise PromptError(f"{path} is read from a layer {wanted!r} that {name} does not have")


def check_parts(path: Path) -> None:
    """Raise `PromptError` where a part of a file is missing, or a .shp is cut off."""
    if not path.is_file():
        return
    if path.suffix.lower() == ".shp":
        with path.open("rb") as file:
            header = file.read(28)
        # GDAL reads shapes beyond the end of the file as rows without a geometry
        if (length := 2 * int.from_bytes(header[24:28], "big")) > path.stat().st_size:
            raise PromptError(
                f"{path} is cut off: it says that it has {length} bytes, and {path.stat().st_size} "
                f"are there"
            )
    for suffix, holds in PARTS.get(path.suffix.lower(), {}).items():
        if (there := part_of(path, suffix)) is not None:
            check_input(there)  # GDAL would read the file without an unreadable part
        else:
            way = (
                f"ogr2ogr --config SHAPE_RESTORE_SHX YES {path.stem}.gpkg {path.name} makes it anew"
                if suffix == ".shx"
                else "copy it too"
            )
            lost = path.with_suffix(suffix).name
            raise PromptError(f"{path} is incomplete: {lost} is missing, with {holds} ({way})")


def part_of(path: Path, suffix: str) -> Path | None:
    """Find a part of a file, with its suffix in small or capital letters; None where it lacks."""
    spellings = [path.with_suffix(each) for each in (suffix, suffix.upper())]
    return next((each for each in spellings if each.exists()), None)
