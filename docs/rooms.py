"""The rooms of the three packages and the arrows between them, as a page and drawings.

`python docs/rooms.py` writes `docs/architecture.md` between its marks, and one drawing for each
package; `tests/common/test_rooms.py` says when they are no longer what the code is.

An arrow from one room to another says that a file of the first imports one of the second, for
annotations too. What follows from other arrows is left out of the drawings.
"""

from __future__ import annotations

import ast
import html
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCS = Path(__file__).parent
PACKAGES = ("sam_common", "sam_geo", "sam_med")
HOSTS = ("sam_geo.qgis_plugin", "sam_med.slicer_module")
"""Folders of their own that QGIS and 3D Slicer copy; they import nothing of the packages."""
BEGIN, END = "<!-- rooms -->", "<!-- /rooms -->"
LOOSE = {
    "sam_common": "Loose files that every room may use: errors, prompts, frames and windows.",
    "sam_med": "Loose files: privacy of messages, and DICOM series made for tests.",
}
BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 130, 34, 18, 46, 12


Slot: TypeAlias = "tuple[str, str | None]"
"""A room, or the place in a row where an arrow from a room to another passes by."""


@dataclass(frozen=True, slots=True)
class House:
    """Rooms by name, what is in them, and which other rooms each of them imports from."""

    files: Mapping[str, list[str]]
    """Room to the names of its files, sorted; a package itself is the room of its loose files."""
    arrows: Mapping[str, set[str]]

    def rooms(self, package: str) -> list[str]:
        """The rooms of a package that import each other, those that need most first."""
        inside = [room for room in self.files if room.partition(".")[0] == package]
        return sorted(inside, key=lambda room: (-self.height(room), room))

    def height(self, room: str) -> int:
        """The longest way from a room down to one of its package that needs no other."""
        package = room.partition(".")[0]
        below = [r for r in self.arrows.get(room, ()) if r.partition(".")[0] == package]
        return 1 + max(map(self.height, below)) if below else 0

    def reduced(self, room: str) -> list[str]:
        """Rooms of the same package that a room needs by itself, not only through another one."""
        package = room.partition(".")[0]
        direct = {r for r in self.arrows.get(room, ()) if r.partition(".")[0] == package}
        return sorted(direct - {far for near in direct for far in self._below(near)})

    def _below(self, room: str) -> set[str]:
        near = self.arrows.get(room, set())
        return near | {far for one in near for far in self._below(one)}


def build() -> House:
    """The house as the code is."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    packages = {module for module in graph.modules if graph.find_children(module)}
    files: dict[str, list[str]] = {}
    arrows: dict[str, set[str]] = {}

    def room_of(module: str) -> str:
        return module if module in packages else module.rpartition(".")[0]

    for module in sorted(graph.modules):
        if module.startswith(HOSTS) or (module in packages and module in PACKAGES):
            continue
        room = room_of(module)
        if module not in packages:
            files.setdefault(room, []).append(module.rpartition(".")[2])
        for used in graph.find_modules_directly_imported_by(module):
            if used not in PACKAGES and room_of(used) != room:
                arrows.setdefault(room, set()).add(room_of(used))
    return House(files, arrows)


def cycles(house: House) -> list[str]:
    """Rooms that are reached from themselves, each as the way that leads there."""
    found: list[str] = []
    done: set[str] = set()

    def walk(room: str, way: tuple[str, ...]) -> None:
        if room in way:
            found.append(" -> ".join((*way[way.index(room) :], room)))
        elif room not in done:
            for used in sorted(house.arrows.get(room, ())):
                walk(used, (*way, room))
            done.add(room)

    for room in house.files:
        walk(room, ())
    return found


def table(house: House, package: str) -> Iterator[str]:
    """The rooms of a package as lines of a Markdown table."""
    yield "| room | what is in it | files | imports from |"
    yield "|---|---|---|---|"
    for room in house.rooms(package):
        used = sorted(house.arrows.get(room, ()), key=lambda r: (r.partition(".")[0] != package, r))
        names = ", ".join(f"`{_short(r, package)}`" for r in used) or "nothing"
        yield (
            f"| `{room.replace('.', '/')}/` | {_purpose(room)} | "
            f"{', '.join(house.files[room])} | {names} |"
        )


def drawing(house: House, package: str) -> str:
    """The rooms of a package as an SVG, what needs others above what it needs.

    A long arrow has a slot of its own in each row that it passes, so that it crosses no room.
    """
    rows: dict[int, list[Slot]] = {}
    way: dict[tuple[str, str], list[Slot]] = {}
    for room in house.rooms(package):
        rows.setdefault(house.height(room), []).append((room, None))
        for used in house.reduced(room):
            passed = range(house.height(used) + 1, house.height(room))
            for level in passed:
                rows.setdefault(level, []).append((room, used))
            way[room, used] = [(used, None), *[(room, used)] * len(passed), (room, None)]
    place = _places(house, rows)
    width = max(x for x, _ in place.values()) + BOX_W / 2 + MARGIN
    height = max(y for _, y in place.values()) + BOX_H / 2 + MARGIN
    lines = [
        _arrow([place[level, slot] for level, slot in enumerate(slots, house.height(used))])
        for (_, used), slots in way.items()
    ]
    boxes = [
        _box(*at, _short(slot[0], package)) for (_, slot), at in place.items() if slot[1] is None
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" font-family="sans-serif" font-size="12">'
    )
    marker = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#667"/></marker></defs>'
    )
    ground = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    return "\n".join([head, marker, ground, *lines, *boxes, "</svg>", ""])


def _places(
    house: House, rows: Mapping[int, list[Slot]]
) -> dict[tuple[int, Slot], tuple[float, float]]:
    """The middle of each slot by its row; a row is ordered by what its slots point at."""
    place: dict[tuple[int, Slot], tuple[float, float]] = {}
    wide = max(sum(_slot_width(slot) for slot in row) for row in rows.values())
    for level in sorted(rows):

        def below(slot: Slot, level: int = level) -> float:
            room, passing = slot
            at = [
                place[level - 1, (room, end)]
                if (level - 1, (room, end)) in place
                else place[house.height(end), (end, None)]
                for end in ([passing] if passing else house.reduced(room))
            ]
            return sum(x for x, _ in at) / len(at) if at else wide / 2

        row = sorted(rows[level], key=lambda slot: (below(slot), slot[0]))
        x = MARGIN + (wide - sum(map(_slot_width, row))) / 2
        for slot in row:
            y = MARGIN + BOX_H / 2 + (max(rows) - level) * (BOX_H + GAP_Y)
            place[level, slot] = (x + _slot_width(slot) / 2, y)
            x += _slot_width(slot)
    return place


def _slot_width(slot: Slot) -> float:
    return BOX_W + GAP_X if slot[1] is None else 2 * GAP_X


def page(house: House, text: str) -> str:
    """The page with what stands between its marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [BEGIN]
    for package in PACKAGES:
        parts += [
            "",
            f"### {package}",
            "",
            f"![Rooms of {package} and what they import from](rooms-{package}.svg)",
            "",
            *table(house, package),
        ]
    return before + "\n".join([*parts, "", END]) + after


def written(house: House) -> dict[Path, str]:
    """Every file that is made of the code, and what it should hold."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    drawings = {DOCS / f"rooms-{name}.svg": drawing(house, name) for name in PACKAGES}
    return {DOCS / "architecture.md": page(house, text), **drawings}


def _short(room: str, package: str) -> str:
    if room == package:
        return f"{package} itself"
    return room.removeprefix(f"{package}.").replace(".", "/")


def _purpose(room: str) -> str:
    if room in LOOSE:
        return LOOSE[room]
    spec = find_spec(room)
    source = Path(str(spec.origin if spec else None)).read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(source)) or ""
    return said.partition("\n\n")[0].replace("\n", " ")


def _box(x: float, y: float, name: str) -> str:
    corner = f'x="{x - BOX_W / 2:g}" y="{y - BOX_H / 2:g}"'
    return (
        f'<rect {corner} width="{BOX_W}" height="{BOX_H}" rx="5" fill="#eef3fa" stroke="#456"/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle">{html.escape(name)}</text>'
    )


def _arrow(upwards: list[tuple[float, float]]) -> str:
    """A line through slots, given from its tip upwards."""
    x, y = upwards[-1]
    path = f"M{x:g},{y + BOX_H / 2:g}"
    for (x0, y0), (x1, y1) in zip(upwards[:0:-1], upwards[-2::-1], strict=True):
        start, end = y0 + BOX_H / 2, y1 - BOX_H / 2
        bend = (start + end) / 2
        path += f" L{x0:g},{start:g} C{x0:g},{bend:g} {x1:g},{bend:g} {x1:g},{end:g}"
    return f'<path d="{path}" fill="none" stroke="#667" stroke-width="1.2" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    HOUSE = build()
    for path, content in written(HOUSE).items():
        path.write_text(content, encoding="utf-8")
    for way in cycles(HOUSE):
        print("cycle:", way)
