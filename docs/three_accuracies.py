"""The drawing of `docs/three-accuracies.md`: one ground, and which of it each accuracy looks at.

`python docs/three_accuracies.py` writes `docs/three-accuracies.svg`;
`tests/common/test_three_accuracies.py` says when that is no longer what this file draws.
"""

from __future__ import annotations

import html
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAWING = Path(__file__).parent / "three-accuracies.svg"
WIDE, HIGH = 230, 174
"""Size of the ground in each panel."""
BLOCK = 58
"""Side of the squares of ground that are held back together."""
STEP = 6
"""Distance between the pixels of a sample."""
POINTS = 60
"""Points that are drawn by chance over the whole ground."""
SLOPE = (176, 62, 50)
"""Middle and radius of the slope, on which no sample lies."""
WRONG_ON_SLOPE, WRONG_ELSEWHERE = 0.8, 0.06
"""How often the map is wrong there, and on ground like that of the samples."""


class Sample(NamedTuple):
    """A polygon of samples: a rectangle of the ground."""

    left: int
    top: int
    wide: int
    high: int

    @property
    def block(self) -> tuple[int, int]:
        """Column and row of the square of ground in which its middle lies."""
        return (self.left + self.wide // 2) // BLOCK, (self.top + self.high // 2) // BLOCK

    def pixels(self) -> Iterator[tuple[int, int]]:
        """The middles of its pixels, x before y."""
        for x in range(self.left + STEP // 2, self.left + self.wide, STEP):
            for y in range(self.top + STEP // 2, self.top + self.high, STEP):
                yield x, y


SAMPLES = (
    Sample(8, 8, 36, 24),
    Sample(64, 14, 30, 24),
    Sample(10, 78, 30, 30),
    Sample(12, 134, 36, 24),
    Sample(100, 78, 12, 30),
    Sample(72, 130, 12, 30),
    Sample(126, 132, 36, 24),
    Sample(184, 136, 36, 24),
)
HELD_BACK = frozenset({(0, 0), (0, 2), (3, 2)})
"""Squares of ground that are tested in the second panel."""
PANELS = (
    (
        "1  Random cross-validation",
        "Tested beside what was learned.",
        "Asks: are these samples known again?",
        "Sees nothing of the slope.",
    ),
    (
        "2  Spatially blocked",
        "Whole squares of ground are held back.",
        "Asks: are such places known elsewhere?",
        "Sees nothing of the slope.",
    ),
    (
        "3  Design-based",
        "Points of the whole map, looked up.",
        "Asks: how much of the map is right?",
        "Sees the slope as often as it is large.",
    ),
)
LEARNED, TESTED, WRONG = "#1f3b57", "#c2571a", "#a3123a"


def ground() -> Iterator[str]:
    """A forest, a river, open land, and a slope drawn with hachures."""
    yield f'<rect width="{WIDE}" height="{HIGH}" fill="#f1e8d4"/>'
    yield '<path d="M0,0 H112 C112,36 86,60 52,54 C30,50 12,66 0,60 Z" fill="#b4cfa4"/>'
    yield (
        '<path d="M78,174 C74,130 112,126 106,90 C102,60 132,36 130,0" fill="none" '
        'stroke="#9cc3de" stroke-width="18"/>'
    )
    x, y, radius = SLOPE
    yield f'<circle cx="{x}" cy="{y}" r="{radius}" fill="#e2d5b8"/>'
    for ring, count in ((12, 12), (24, 22), (36, 32), (46, 42)):
        for n in range(count):
            angle = 2 * math.pi * (n + ring / 7) / count
            at = (math.cos(angle), math.sin(angle))
            inner, outer = ring - 4, ring + 4
            yield (
                f'<line x1="{x + inner * at[0]:.1f}" y1="{y + inner * at[1]:.1f}" '
                f'x2="{x + outer * at[0]:.1f}" y2="{y + outer * at[1]:.1f}" '
                f'stroke="#8d7f63" stroke-width="1.2"/>'
            )


def pixel(x: float, y: float, *, is_tested: bool) -> str:
    """A pixel of a sample: open where it is tested, filled where it was learned."""
    fill, line = ("#fff", TESTED) if is_tested else (LEARNED, LEARNED)
    return f'<circle cx="{x}" cy="{y}" r="2.1" fill="{fill}" stroke="{line}" stroke-width="1.3"/>'


def by_chance(chance: random.Random) -> Iterator[str]:
    """A fifth of the pixels of all samples is tested, beside those that were learned."""
    for sample in SAMPLES:
        for x, y in sample.pixels():
            yield pixel(x, y, is_tested=chance.random() < 0.2)  # noqa: PLR2004  # of five folds


def by_block() -> Iterator[str]:
    """The samples of some squares of ground are tested, and learned nowhere."""
    for column, row in sorted(HELD_BACK):
        x, y = column * BLOCK, row * BLOCK
        wide, high = min(BLOCK, WIDE - x), min(BLOCK, HIGH - y)
        yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" fill="#fff" opacity="0.55"/>'
    for x in range(BLOCK, WIDE, BLOCK):
        yield f'<line x1="{x}" y1="0" x2="{x}" y2="{HIGH}" stroke="#555" stroke-dasharray="4 3"/>'
    for y in range(BLOCK, HIGH, BLOCK):
        yield f'<line x1="0" y1="{y}" x2="{WIDE}" y2="{y}" stroke="#555" stroke-dasharray="4 3"/>'
    for sample in SAMPLES:
        for x, y in sample.pixels():
            yield pixel(x, y, is_tested=sample.block in HELD_BACK)


def by_design(chance: random.Random) -> Iterator[str]:
    """Points anywhere on the map: a ring where the map is right, a cross where it is wrong."""
    for _ in range(POINTS):
        x, y = 6 + chance.random() * (WIDE - 12), 6 + chance.random() * (HIGH - 12)
        on_slope = math.hypot(x - SLOPE[0], y - SLOPE[1]) < SLOPE[2]
        yield point(
            x, y, is_right=chance.random() >= (WRONG_ON_SLOPE if on_slope else WRONG_ELSEWHERE)
        )


def point(x: float, y: float, *, is_right: bool) -> str:
    """A point that was looked up."""
    if is_right:
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="#fff" stroke="{LEARNED}" '
            'stroke-width="2"/>'
        )
    arms = f"M{x - 4:.1f},{y - 4:.1f} l8,8 m0,-8 l-8,8"
    return (
        f'<path d="{arms}" fill="none" stroke="#fff" stroke-width="5"/>'
        f'<path d="{arms}" fill="none" stroke="{WRONG}" stroke-width="2.4"/>'
    )


def text(x: float, y: float, words: str, *, bold: bool = False) -> str:
    """A line of text that begins at a point."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}"{weight} fill="#222">{html.escape(words)}</text>'


def drawing() -> str:
    """The whole drawing as an SVG, on white whatever the page around it."""
    chance = random.Random(17)  # noqa: S311  # a drawing
    marks = (list(by_chance(chance)), list(by_block()), list(by_design(chance)))
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 318" role="img" '
        'aria-label="One ground three times: tested pixels beside learned ones, whole squares held '
        'back, and points over the whole map. Only these fall on the slope where no sample lies." '
        'font-family="sans-serif" font-size="12">'
    )
    lines = [head, '<rect width="760" height="318" fill="#ffffff"/>']
    for n, ((title, *words), found) in enumerate(zip(PANELS, marks, strict=True)):
        x = 15 + n * 250
        lines += [text(x, 24, title, bold=True), f'<g transform="translate({x},36)">']
        lines += [*ground(), *found]
        lines += [f'<rect width="{WIDE}" height="{HIGH}" fill="none" stroke="#555"/>', "</g>"]
        lines += [text(x, 230 + 17 * k, line) for k, line in enumerate(words)]
    lines += [pixel(21, 298, is_tested=False), text(30, 302, "a pixel of a sample, learned")]
    lines += [pixel(221, 298, is_tested=True), text(230, 302, "tested")]
    lines += [point(521, 298, is_right=True), text(532, 302, "the map is right")]
    lines += [point(651, 298, is_right=False), text(662, 302, "it is wrong")]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
