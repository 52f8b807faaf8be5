"""Slicer terminology: the table of codes by name that the module for 3D Slicer carries.

This package is not installed in the Python of 3D Slicer, so the module has a JSON file of all names
with their terminology entries. A test compares the file with `sam_med.objects.snomed_table`; after
a change of that table it is made anew:

python -m sam_med.write.slicer_terminology
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_med.objects.snomed import SIDES, find_code
from sam_med.objects.snomed_table import PAIRED, PLURALS, STRUCTURES, SYNONYMS
from sam_med.write.seg_nrrd import terminology

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = (
    Path(__file__).parents[1] / "slicer_module/SegmentAnything/SegmentAnythingLib/terminology.json"
)


def table() -> dict[str, Any]:
    """The content of the file.

    Returns:
        `entries`: terminology entries, the one for unknown names first. `names`: each name with
        the number of its entry.
    """
    entries = {terminology(None): 0}
    names = {}
    for name in sorted(set(_names())):
        if (code := find_code(name)) is not None:
            names[name] = entries.setdefault(terminology(code), len(entries))
    return {"entries": list(entries), "names": names}


def _names() -> Iterator[str]:
    """Names that people and programs write, in small letters with words joined by underscores."""
    irregular = {one: many for many, one in PLURALS.items()}
    for name in (*STRUCTURES, *SYNONYMS):
        *first, last = name.split("_")
        for ending in dict.fromkeys((last, irregular.get(last, f"{last}s"), f"{last}es")):
            words = [*first, ending]
            yield "_".join(words)
            if SYNONYMS.get(name, name) in PAIRED:
                for side, at in itertools.product(SIDES, range(len(words) + 1)):
                    yield "_".join([*words[:at], side, *words[at:]])
    for letter, count in (("c", 7), ("t", 12), ("l", 5)):
        for n in range(1, count + 1):
            for level in (f"{letter}{n}", f"{letter}_{n}"):
                yield from (f"vertebra_{level}", f"vertebrae_{level}", f"{level}_vertebra")


def text() -> str:
    """The text of the JSON file."""
    return json.dumps(table(), indent=0, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
