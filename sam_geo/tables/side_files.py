"""Side files: the record and the style beside a table, never those of another table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sam_geo.tables.formats import FORMATS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable


def side_path(
    output: str | os.PathLike[str], suffix: str, belongs: Callable[[Path, str], bool]
) -> Path:
    """Where a side file of a table goes: its own stem, or its whole name where that is taken.

    Args:
        output: The table.
        suffix: Of the side file.
        belongs: Whether a file that is there belongs to a table of this name.

    Returns:
        `trees.job.json` for `trees.gpkg`. Where another table `trees.shp` lies in the folder, or is
        being made there, `trees.gpkg.job.json`, unless the former is this table's own already.
    """
    table = Path(output)
    short, whole = table.with_suffix(suffix), table.with_name(table.name + suffix)
    if short.is_file() and belongs(short, table.name):
        return short
    return whole if _has_siblings(table) else short


def _has_siblings(table: Path) -> bool:
    """Whether another table, finished or not, has the same name but for its suffix."""
    try:
        names = [entry.name.casefold() for entry in table.parent.iterdir()]
    except OSError:
        return False
    stem, own = table.stem.casefold(), table.suffix.casefold()
    others = {
        f"{stem}{suffix}{end}" for suffix in FORMATS if suffix != own for end in ("", ".parts")
    }
    return not others.isdisjoint(names)
