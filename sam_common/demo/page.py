"""Page: one page of all parts of the demo that lie in a folder, built from their records.

It has no script and loads nothing but the pictures beside it, so it opens from a disk without a
network. Whatever a record says is text: the template (`page.html`) escapes by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.demo.record import PARTS, read_parts
from sam_common.errors import InputError
from sam_common.pages.template import page_template
from sam_common.support.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_common.demo.record import Origin, Part

PAGE_NAME = "index.html"
WIDE = 1.5
"""Times that a picture is wider than high from which two do not go beside each other."""
NOTICE = "For research and mapping, not a medical device."
SIDES = {
    "sam-geo demo": ("trees", "landcover"),
    "sam-med demo": ("abdomen", "kidney"),
}
"""The command that makes each part."""


def write_page(folder: Path) -> Path:
    """Write `index.html` of all parts of the demo that lie in a folder.

    Raises:
        InputError: There is no part, or a record or a file that it names is damaged or missing.
        OutputError: The page cannot be written.
    """
    parts = read_parts(folder)
    if not parts:
        raise InputError(f"{folder} holds no part of the demo ({', '.join(PARTS)}): run one first")
    path = folder / PAGE_NAME
    write_bytes(path, page_html(parts).encode(errors="xmlcharrefreplace"))
    return path


def page_html(parts: Sequence[Part]) -> str:
    """The HTML of the page of some parts, in the order of `PARTS`."""
    shown = sorted(parts, key=lambda part: PARTS.index(part.name))
    there = {part.name for part in parts}
    missing = [side for side, names in SIDES.items() if there.isdisjoint(names)]
    template = page_template("sam_common.demo", "page.html", {"seconds": seconds_text})
    return template.render(
        parts=shown, missing=missing, origins=_origins(shown), notice=NOTICE, wide=WIDE
    )


def _origins(parts: Sequence[Part]) -> list[tuple[str, list[str], Origin]]:
    """Each source of data once: names of what comes from it, and what is said of it."""
    found: dict[tuple[str, str], list[Origin]] = {}
    for part in parts:
        for origin in part.origins:
            same = found.setdefault((origin.licence, origin.citation), [])
            if origin not in same:
                same.append(origin)
    return [
        (licence, [origin.name for origin in same], same[0]) for (licence, _), same in found.items()
    ]


def seconds_text(seconds: float) -> str:
    """A time in seconds, with a digit after the point where it is short.

    >>> [seconds_text(seconds) for seconds in (0.04, 3.14159, 42.4)]
    ['0.0 s', '3.1 s', '42 s']
    """
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
