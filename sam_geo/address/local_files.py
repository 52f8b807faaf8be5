"""Local files: the files on the local disk that a name which GDAL opens leads to."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path


def real_file(name: str) -> Path | None:
    """Find the local file that GDAL reads from for a name; None where there is none.

    Args:
        name: A path, or a chain of GDAL's virtual files such as `/vsizip/{a.zip}/b.tif`.

    >>> real_file("/vsizip//nowhere/a.zip/b.tif") is None
    True
    """
    if os.path.isfile(name):  # noqa: PTH113 - as in exists
        return Path(name)
    inner = re.sub(r"^(/vsi(zip|tar|gzip|7z|rar|sparse)/|/vsicached\?file=)+", "", name)
    inner = inner.strip("{}").replace("}", "")
    path = Path(inner)
    for candidate in (path, *path.parents):
        if os.path.isfile(candidate):  # noqa: PTH113 - as in exists
            return candidate
    return None


def local_files(name: str, folder: Path = Path()) -> list[Path]:
    """Find all local files that occur in a name which GDAL opens.

    Args:
        name: For example `/vsizip/a.zip/b.tif`, `GTIFF_DIR:1:a.tif` or `vrt://a.tif?bands=1`.
        folder: Folder that relative names start from.

    >>> [path.name for path in local_files(f"/vsizip/{__file__}/a.tif")]
    ['local_files.py']
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
    """Tell whether a file exists; a path that the system refuses is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
