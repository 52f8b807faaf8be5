"""Addresses of rasters: the files of this disk in names that GDAL opens."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path


def real_file(name: str) -> Path | None:
    """The local file that a name of GDAL reads from; None where there is none.

    >>> real_file("/vsizip//nowhere/a.zip/b.tif") is None
    True
    """
    if os.path.isfile(name):  # noqa: PTH113 - as in exists
        return Path(name)
    inner = re.sub(r"^(/vsi(zip|tar|gzip|7z|rar|sparse|cached\?file=)/?)+", "", name)
    inner = inner.strip("{}").replace("}", "")
    path = Path(inner)
    for candidate in (path, *path.parents):
        if os.path.isfile(candidate):  # noqa: PTH113 - as in exists
            return candidate
    return None


def local_files(name: str, folder: Path = Path()) -> list[Path]:
    """Files on this disk in a name that GDAL opens, whatever stands around them in it.

    Args:
        name: Such as `/vsizip/a.zip/b.tif`, `GTIFF_DIR:1:a.tif`, `vrt://a.tif?bands=1`.
        folder: Where relative names begin.

    >>> [path.name for path in local_files(f"/vsizip/{__file__}/a.tif")]
    ['address.py']
    """
    plain = re.sub(r"^(\w+\+)*\w+://|^(/vsi\w+/)+", "", name)
    found: dict[Path, None] = {}
    texts = [name, plain, plain.partition("?")[0]]
    for marks in (r'[,:"{}]', r'[!,:"{}]'):  # a file may have a ! in its name
        texts += re.split(marks, plain)
    for text in texts:
        path = folder / text
        inside = (each for each in (path, *path.parents) if text and _is_file(each))
        found.update(dict.fromkeys(itertools.islice(inside, 1)))
    return list(found)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
