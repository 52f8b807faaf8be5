"""Fingerprint: the identity of a raster's pixels, by which stale embeddings and parts are noticed.

```
m.vrt -> a.tif, a.tif.ovr, inner.vrt -> b.tif, https://host/c.tif      every file that is read
         size, date, sha256                    size, ETag, date        facts of each
```
A raster whose files are not known, such as a map service, has no identity: nothing that is
computed from it is kept for later.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring, tostring

from sam_common.errors import InputError
from sam_common.support.addresses import is_file_name, is_remote, public_name
from sam_geo.address.http_head import http_url
from sam_geo.address.local_files import local_files, real_file
from sam_geo.address.object_head import object_url, remote_facts
from sam_geo.raster.access import ACCESS_ERRORS, RasterFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

WHOLE_BYTES = 64 * 2**20
"""Bytes that are hashed in all files together. A file larger than its share is identified by its
size, its date and a hash of its two ends, because hashing 40 GB takes minutes."""
END_BYTES = 2**20
"""Bytes at either end of a large file that are hashed."""
SERVICES = frozenset(
    ("DAAS", "EEDA", "EEDAI", "GTI", "MEM", "NGW", "OGCAPI", "PLMOSAIC", "POSTGISRASTER", "STACIT",
     "STACTA", "TILEDB", "WCS", "WMS", "WMTS", "ZARR")
)  # fmt: skip
"""Drivers whose pixels come from more than the files that GDAL lists."""
BESIDE = (".ovr", ".msk", ".msk.ovr", ".aux.xml")
"""Endings of side files that GDAL reads with a source, and that a VRT does not list."""
SOURCE_TAGS = frozenset(("SourceFilename", "SourceDataset"))
"""Elements of a VRT that name a raster; processing steps name theirs in arguments."""
MOST_REMOTE = 256
"""Files on servers that are asked for their ETag and date; a raster of more has no identity."""
AT_A_TIME = 8
"""Requests to servers at the same time."""
HEAD_BYTES = 64
"""Bytes at the beginning of a file that show whether it is XML."""


def file_facts(path: Path, *, share: int | None = None) -> dict[str, Any]:
    """Look up size, date and hash of a local file.

    Args:
        path: The file.
        share: Most bytes of the file to hash; 64 MiB where None.

    Returns:
        `bytes`, `mtime_ns` and `sha256` of the whole file; in place of the latter, for a file that
        is larger than the share, `sha256_ends` of its first and last MiB or less. Without a hash
        where the file may not be read.
    """
    whole = WHOLE_BYTES if share is None else share
    status = path.stat()
    known = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    try:
        with path.open("rb") as stream:
            if status.st_size <= whole:
                return known | {"sha256": hashlib.sha256(stream.read()).hexdigest()}
            end = min(END_BYTES, max(1, whole // 2))
            digest = hashlib.sha256(stream.read(end))
            stream.seek(-end, 2)
            digest.update(stream.read(end))
    except PermissionError:
        return known
    return known | {"sha256_ends": digest.hexdigest()}


def identify(name: str, driver: str, files: Sequence[str]) -> dict[str, Any]:
    """Look up facts that identify the pixels of a raster.

    At most 64 MiB of local files are read, and one byte of each file on a server.

    Args:
        name: Name that GDAL opened.
        driver: GDAL's short name of the format.
        files: Files of the dataset, as GDAL lists them.

    Returns:
        `path` without secrets, and for a raster of one local file what `file_facts` gives; of one
        file on a server `bytes`, `etag` and `last_modified`; of several files `files` (their
        number), `bytes` of all, and one hash over the facts of each. Where the files are not
        known, `unknown` with the reason, and `opened`, which differs each time.
    """
    shown = {"path": public_name(name)}
    try:
        names = list(dict.fromkeys(sources_of(name, driver, files)))
        facts = _facts(names)
    except InputError as error:
        return shown | {"unknown": str(error), "opened": uuid.uuid4().hex}
    selector = _selector(name, files)
    if len(facts) == 1:
        return shown | facts[0] | selector
    is_whole = all("sha256_ends" not in known for known in facts)
    # copies have the same hashes and other dates; a hash of two ends needs the date beside it
    told = [_without_date(known) if is_whole else known for known in facts]
    text = json.dumps([told, selector], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {
        **shown,
        "files": len(facts),
        "bytes": sum(known.get("bytes") or 0 for known in facts),
        "sha256" if is_whole else "sha256_ends": digest,
    }


def signature(identity: dict[str, Any]) -> dict[str, Any]:
    """Reduce an identity to what a copy of the raster shares: no path, and no date of a hash.

    Args:
        identity: As `identify` gives it.

    Returns:
        Facts that are equal for two rasters with the same pixels, in the order of their names.
    """
    if "unknown" in identity:
        return identity
    unwanted = {"path", "mtime_ns"} if "sha256" in identity else {"path"}
    return {name: identity[name] for name in sorted(identity) if name not in unwanted}


def _without_date(known: dict[str, Any]) -> dict[str, Any]:
    """Leave the date out of the facts of a file."""
    return {name: value for name, value in known.items() if name != "mtime_ns"}


def _selector(name: str, files: Sequence[str]) -> dict[str, Any]:
    """Name the part of a file that is read: a page, a variable, bands of `vrt://`; {} for all."""
    if is_file_name(name) or http_url(name) is not None or object_url(name) is not None:
        return {}
    shown = public_name(name)
    for file in filter(None, map(real_file, files)):
        shown = shown.replace(str(file), file.name)
    return {"name": shown}


def sources_of(name: str, driver: str, files: Sequence[str]) -> Iterator[str]:
    """List every file and address that is read for a raster, through VRTs in VRTs, each once.

    Args:
        name: Name that GDAL opened.
        driver: GDAL's short name of the format.
        files: Files of the dataset, as GDAL lists them.

    Yields:
        Names that GDAL opens.

    Raises:
        InputError: The raster, or one in it, is a service or lists no files.
    """
    seen: set[str] = set()
    waiting = [(name, driver, tuple(files))]
    while waiting:
        parent, kind, listed = waiting.pop()
        if kind.upper() in SERVICES or not listed:
            raise InputError(f"{public_name(parent)} does not say what it is made of")
        for each in (*listed, *_named_in(parent)):
            if each in seen:
                continue
            seen.add(each)
            yield each
            if each != parent and _may_be_mosaic(each):
                waiting += _opened(each)


def _named_in(mosaic: str) -> Iterator[str]:
    """List local files that the text of a VRT names; GDAL lists no masks or processing inputs."""
    file = real_file(mosaic)
    if file is None or not _may_be_mosaic(mosaic):
        return
    try:
        texts = [file.read_bytes()]
    except OSError:
        return
    while texts:
        try:
            root = fromstring(texts.pop())
        except (ParseError, DefusedXmlException, ValueError):
            continue
        for element in root.iter():
            text = (element.text or "").strip()
            is_file = element.tag in SOURCE_TAGS or "filename" in element.get("name", "").lower()
            if text.startswith("<"):  # the text of a VRT in place of a name
                texts.append(text.encode())
            elif text and is_file:
                yield from map(str, local_files(text, file.parent))


def _may_be_mosaic(name: str) -> bool:
    """Tell whether a file may be a VRT or a tile index, by its suffix or because it is XML."""
    plain = public_name(name).lower()
    if plain.endswith((".vrt", ".gti.gpkg", ".gti.fgb", ".gti.parquet")):
        return True
    file = real_file(name)
    if file is None or plain.endswith(".aux.xml"):
        return False
    try:
        with file.open("rb") as stream:
            return stream.read(HEAD_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    except OSError:
        return False


def _opened(name: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Open a raster for its name, its driver and its files; an empty list where it is none."""
    file = RasterFile(name)
    try:
        return [file.use(lambda dataset: (name, dataset.driver, tuple(dataset.files)))]
    except (InputError, *ACCESS_ERRORS):
        return []  # no raster, or a missing file: its own facts identify it
    finally:
        file.close()


def _facts(names: Sequence[str]) -> list[dict[str, Any]]:
    """Look up the facts of local files with their side files, then of files on servers."""
    remote = [name for name in names if is_remote(name)]
    if len(remote) > MOST_REMOTE:
        raise InputError(f"{len(remote)} files lie on servers, more than are asked for their date")
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="identity") as pool:
        answers = dict(zip(remote, pool.map(remote_facts, remote), strict=True))
    files = _with_side_files([name for name in names if name not in answers])
    share = WHOLE_BYTES // max(1, len(files))
    facts = [_local_facts(file, share) for file in files]
    return [known for known in facts if known] + [answers[name] for name in remote]


def _with_side_files(names: Sequence[str]) -> list[Path]:
    """List local files and the side files that GDAL reads with them, each once."""
    found: dict[Path, None] = {}
    for name in names:
        file = real_file(name) or Path(name)
        if name.startswith("/vsi") and not file.is_file():
            raise InputError(f"{public_name(name)} is not a file")
        found[file] = None
        for ending in BESIDE:
            beside = file.with_name(file.name + ending)
            if beside.is_file():
                found[beside] = None
    return list(found)


def _local_facts(file: Path, share: int) -> dict[str, Any]:
    """Look up the facts of a local file, which may be missing or a side file of metadata."""
    if not file.is_file():
        return {"missing": file.name}
    if file.name.endswith(".aux.xml"):
        return _aux_facts(file)
    return file_facts(file, share=share)


def _aux_facts(file: Path) -> dict[str, Any]:
    """Hash an .aux.xml file without the statistics that viewers write into it."""
    try:
        root = fromstring(file.read_bytes())
    except (ParseError, DefusedXmlException, OSError, ValueError):
        return file_facts(file)
    _prune(root)
    return {"sha256": hashlib.sha256(tostring(root)).hexdigest()} if len(root) else {}


def _prune(element: Element) -> None:
    """Remove statistics from an element, and children that are empty without them."""
    element.tail = None
    for child in list(element):
        _prune(child)
        is_statistics = child.get("key", "").startswith("STATISTICS_")
        is_empty = not (len(child) or (child.text or "").strip())
        holds_nothing = child.tag in {"Metadata", "PAMRasterBand"} and is_empty
        if child.tag == "Histograms" or is_statistics or holds_nothing:
            element.remove(child)
