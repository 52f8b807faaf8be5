"""Side files: names of the record and the style of a table, distinct from those of other tables."""

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
    """Choose the path of a side file: the table's stem or, where that is taken, its whole name.

    Args:
        output: The table.
        suffix: Suffix of the side file, such as `.job.json`.
        belongs: Tells whether an existing side file belongs to a table of this name.

    Returns:
        `trees.job.json` for `trees.gpkg`. Where another table such as `trees.shp` lies in the
        folder, or is being made there, `trees.gpkg.job.json`, unless `trees.job.json` exists
        already and belongs to this table.
    """
    table = Path(output)
    short, whole = table.with_suffix(suffix), table.with_name(table.name + suffix)
    if short.is_file() and belongs(short, table.name):
        return short
    return whole if _has_siblings(table) else short


def _has_siblings(table: Path) -> bool:
    """Tell whether another table, finished or not, has the same name with another suffix."""
    try:
        names = [entry.name.casefold() for entry in table.parent.iterdir()]
    except OSError:
        return False
    stem, own = table.stem.casefold(), table.suffix.casefold()
    others = {
        f"{stem}{suffix}{end}" for suffix in FORMATS if suffix != own for end in ("", ".parts")
    }
    return not others.isdisjoint(names)
