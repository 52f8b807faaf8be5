"""Terminology: what a segment is in SNOMED CT, by its name, as the suite itself decides it.

`terminology.json` is made from the suite's own table by `python -m
sam_med.write.slicer_terminology`.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("terminology.json")


def entry_of(name: str) -> str:
    """The terminology entry of a name, as Slicer keeps it in a segment's tag.

    Case, spaces, hyphens and numbers do not matter; a name that is not in the table is a tissue, as
    in Slicer.
    """
    table = _table()
    # the number of an object, as in "lesion 2", says nothing about what it is
    words = [w for w in re.split(r"[^a-z0-9]+", name.lower()) if w]
    for kept in (words, [w for w in words if not w.isdigit()]):
        number = table["names"].get("_".join(kept))
        if number is not None:
            return table["entries"][number]
    return table["entries"][0]


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return json.loads(TABLE.read_text(encoding="utf-8"))
