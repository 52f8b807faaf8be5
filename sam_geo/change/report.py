"""Report: a page that shows two maps, their change, and how much of it may be none.

The page is one file without scripts or links: pictures are a part of it, and it follows the light
or dark setting of the reader.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import check_output
from sam_geo.change.pictures import UNCHANGED, change_rgba, class_rgba, data_uri, scale_bar
from sam_geo.class_maps.class_colours import class_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.change.pictures import Pictures, Rgba, ScaleBar
    from sam_geo.class_maps.class_colours import Colour
    from sam_geo.comparison.common_grid import CommonGrid
    from sam_geo.comparison.from_to import FromTo
    from sam_geo.comparison.polygons import PolygonCounts

SUFFIXES = (".html", ".htm")
M2_PER_HA = 1e4
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --page: #fff; --shade: #f3f5f7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --page: #0d1117; --shade: #161b22; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem;
  padding: 0 1rem; color: var(--ink); background: var(--page); }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { max-width: 60rem; margin: .25rem 0 .75rem; }
.maps { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr));
  margin: 1.5rem 0 .75rem; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; image-rendering: pixelated;
  background: var(--shade); border: 1px solid var(--line); box-sizing: border-box; }
figcaption { color: var(--soft); font-size: .85rem; margin-bottom: .3rem;
  overflow-wrap: anywhere; }
.bar { border: 1px solid var(--ink); border-top: 0; height: .35rem; margin-top: .4rem; }
.bar + span { color: var(--soft); font-size: .8rem; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0; }
.chip { display: inline-block; width: .85em; height: .85em; border-radius: 2px;
  margin-right: .45em; border: 1px solid var(--line); vertical-align: -.05em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0 0 .75rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; vertical-align: top; }
th.name, td.name { text-align: left; }
thead th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); }
tfoot td, tfoot th { border-top: 1px solid var(--line); }
td.same { color: var(--soft); background: var(--shade); }
td small { display: block; color: var(--soft); }
footer, ul.notes { color: var(--soft); font-size: .85rem; }
"""


def check_report_output(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a report could not be written to `path`."""
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"a report is written as .html, got {path.name}")
    check_output(path, overwrite=overwrite)


def report_html(
    grid: CommonGrid,
    found: FromTo,
    pictures: Pictures,
    *,
    misregistration: float,
    polygons: PolygonCounts,
) -> str:
    """The page of a result.

    Args:
        grid: Both maps.
        found: The areas from class to class.
        pictures: Both maps and their change, with the classes of `found`.
        misregistration: Pixels along each axis by which the maps may lie beside each other.
        polygons: Number of polygons of the result.
    """
    colours, scale = class_colours(found.names), scale_bar(grid, pictures)
    unit = _Unit(has_area=grid.before.source.crs is not None)
    before, after = (html.escape(Path(one.source.path).name) for one in (grid.before, grid.after))
    told = "".join(f"<li>{html.escape(note)}</li>" for note in found.notes)
    if told:
        told = f'<h2>Notes</h2> <ul class="notes">{told}</ul>'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Change from {before} to {after}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Change from {before} to {after}</h1>
{_summary(found, unit, misregistration)}
<div class="maps">
{_figure(f"Before: {before}", class_rgba(pictures.before, colours), scale)}
{_figure(f"After: {after}", class_rgba(pictures.after, colours), scale)}
{_figure("Change, in the colour of what it became", change_rgba(pictures, colours), scale)}
</div>
{_legend(found, colours)}
<h2>Changes, the largest first</h2>
{_changes(found, colours, unit)}
<p>{_polygons(polygons, unit)}</p>
<h2>From (rows) to (columns), {unit.name}</h2>
<p>Below an area of change: the share of it that could be misregistration.</p>
{_matrix(found, colours, unit)}
<h2>What misregistration means here</h2>
{_misregistration(grid, misregistration)}
{told}
<footer>{_footer(grid, pictures)}</footer>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Unit:
    """Areas as text: in hectares, or in pixels where the maps have no reference system."""

    has_area: bool

    @property
    def name(self) -> str:
        return "ha" if self.has_area else "pixels"

    def text(self, area: float) -> str:
        """An area with four digits that count, or a number of pixels."""
        if not self.has_area:
            return f"{area:,.0f}"
        hectares = area / M2_PER_HA
        if not hectares:
            return "0"
        digits = max(0, 3 - math.floor(math.log10(abs(hectares))))
        return f"{hectares:,.{min(digits, 6)}f}"


def _per_cent(part: float, whole: float) -> str:
    """A share in per cent; what is less than a tenth of one, or more than 99.9, says so."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:  # noqa: PLR2004
        return "&lt; 0.1 %"
    return f"{share:.1f} %"


def _summary(found: FromTo, unit: _Unit, misregistration: float) -> str:
    total, changed = found.compared, found.changed
    moved = (
        f" Of this, up to {unit.text(found.explained_total)} {unit.name} "
        f"({_per_cent(found.explained_total, changed)}) is what misregistration of up to "
        f"{misregistration:g} pixels would show where nothing changed."
    )
    return (
        f"<p>Where both maps have a class, {unit.text(total)} {unit.name}, "
        f"<strong>{unit.text(changed)} {unit.name} changed</strong> "
        f"({_per_cent(changed, total)}).{moved if changed else ''}</p>"
    )


def _figure(caption: str, picture: Rgba, scale: ScaleBar) -> str:
    """A picture with its caption and a scale bar, as HTML."""
    height, width = picture.shape[:2]
    return (
        f'<figure><figcaption>{caption}</figcaption><img src="{data_uri(picture)}" '
        f'width="{width}" height="{height}" alt="{caption}">'
        f'<div class="bar" style="width:{100 * scale.share:.2f}%"></div>'
        f"<span>{scale.label}</span></figure>"
    )


def _legend(found: FromTo, colours: Sequence[Colour]) -> str:
    entries = "".join(
        f"<li>{_chip(colour)}{html.escape(name)}</li>"
        for name, colour in zip(found.names, colours, strict=True)
    )
    grey = _chip(UNCHANGED[:3], UNCHANGED[3] / 255)
    return f'<ul class="legend">{entries}<li>{grey}unchanged (right)</li></ul>'


def _changes(found: FromTo, colours: Sequence[Colour], unit: _Unit) -> str:
    if not found.pairs:
        return "<p>Nothing changed.</p>"
    colour_of = dict(zip(found.names, colours, strict=True))
    rows = "\n".join(
        f'<tr><td class="name">{_named(pair.before, colour_of)}</td>'
        f'<td class="name">{_named(pair.after, colour_of)}</td>'
        f"<td>{unit.text(pair.area)}</td><td>{pair.pixels:,}</td>"
        f"<td>{unit.text(pair.explained)}</td><td>{_per_cent(pair.explained, pair.area)}</td></tr>"
        for pair in found.pairs
    )
    return (
        f'<div class="wide"><table><thead><tr><th class="name">from</th><th class="name">to</th>'
        f"<th>{unit.name}</th><th>pixels</th><th>could be misregistration, {unit.name}</th>"
        f"<th>share of it</th></tr></thead><tbody>\n{rows}\n</tbody></table></div>"
    )


def _matrix(found: FromTo, colours: Sequence[Colour], unit: _Unit) -> str:
    colour_of = dict(zip(found.names, colours, strict=True))
    head = "".join(f"<th>{_named(name, colour_of)}</th>" for name in found.names)
    rows = []
    for i, name in enumerate(found.names):
        cells = "".join(_cell(found, i, j, unit) for j in range(len(found.names)))
        total = unit.text(math.fsum(found.areas[i]))
        rows.append(
            f'<tr><th class="name">{_named(name, colour_of)}</th>{cells}<td>{total}</td></tr>'
        )
    after = [math.fsum(column) for column in found.areas.T]
    gained = [new - math.fsum(row) for new, row in zip(after, found.areas, strict=True)]
    last = "".join(f"<td>{unit.text(area)}</td>" for area in [*after, math.fsum(after)])
    change = "".join(f"<td>{'+' if area > 0 else ''}{unit.text(area)}</td>" for area in gained)
    body = "\n".join(rows)
    return (
        f'<div class="wide"><table><thead><tr><th></th>{head}<th>before</th></tr></thead>'
        f'<tbody>\n{body}\n</tbody><tfoot><tr><th class="name">after</th>{last}</tr>'
        f'<tr><th class="name">net</th>{change}<td></td></tr></tfoot></table></div>'
    )


def _cell(found: FromTo, i: int, j: int, unit: _Unit) -> str:
    """A cell of the table from class i to class j."""
    area = float(found.areas[i, j])
    if i == j:
        return f'<td class="same">{unit.text(area)}</td>'
    if not area:
        return "<td></td>"
    share = _per_cent(float(found.explained[i, j]), area)
    return f"<td>{unit.text(area)}<small>{share}</small></td>"


def _polygons(polygons: PolygonCounts, unit: _Unit) -> str:
    text = f"The result has {polygons.written:,} polygons of change."
    if polygons.left_out:
        text += (
            f" {polygons.left_out:,} smaller ones, {unit.text(polygons.left_out_area)} "
            f"{unit.name}, are left out of it; the tables have them."
        )
    return text


def _misregistration(grid: CommonGrid, px: float) -> str:
    down, right = grid.offset.mean
    if any((*grid.offset.mean, *grid.offset.spread)):
        spread = grid.offset.spread
        more = f" (mean deviation {spread[0]:.2f} and {spread[1]:.2f})" if any(spread) else ""
        apart = (
            f"The centres of the pixels that are compared lie {down:+.2f} rows and {right:+.2f} "
            f"columns apart in the mean{more}, which is a part of the move."
        )
    else:
        apart = "Both maps have the same grid."
    return (
        f"<p>Two maps of one unchanged place differ along the borders of their classes where one "
        f"of them lies a little beside the other. Each map was moved against itself by up to "
        f"{px:g} pixels along rows, columns and diagonals. {apart} Changes that look like such a "
        f"move, but no more of them than the move would show, could be misregistration alone: the "
        f"share of a change is that of the direction that explains most of it. Change in the "
        f"middle of a class, or in strips wider than the move, has no part in it. Errors of the "
        f"maps themselves are another matter: <code>sam-geo assess</code> estimates them.</p>"
    )


def _footer(grid: CommonGrid, pictures: Pictures) -> str:
    crs = grid.before.source.crs
    height, width = grid.extent.shape
    system = "no reference system" if crs is None else html.escape(crs.name)
    each = (
        "Each pixel of the pictures is one of the grid."
        if pictures.block == 1
        else f"Each pixel of the pictures stands for {pictures.block} x {pictures.block} of the "
        f"grid: the class of most, and in the change the stronger the more of them changed."
    )
    return (
        f"Grid of {html.escape(Path(grid.before.source.path).name)}: {height:,} rows and "
        f"{width:,} columns in common, {system}. Areas are those on the ellipsoid. {each}"
    )


def _named(name: str, colour_of: dict[str, Colour]) -> str:
    return f"{_chip(colour_of[name])}{html.escape(name)}"


def _chip(colour: Sequence[int], opacity: float = 1.0) -> str:
    """A square in a colour, as HTML."""
    red, green, blue = colour
    return f'<i class="chip" style="background:rgba({red},{green},{blue},{opacity:.2f})"></i>'
