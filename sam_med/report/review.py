"""Review: slices of a result, the least certain first, as an HTML page or as a CSV table.

The page is one file without scripts or links, with pictures of the least certain slices; the table
has all slices. Neither names the scan, but the pictures show the patient, with any text that is
burned into the images.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sam_common.errors import InputError, OutputError
from sam_common.masks.overlay import colour
from sam_common.support.files import check_output, write_bytes
from sam_med.objects.calibration import rest_at_least
from sam_med.propagate.confidence import DOUBTFUL
from sam_med.report.slice_picture import Turn, draw_slice, turn_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment, SliceConfidence
    from sam_med.slices.window_level import Stretch

SUFFIXES = (".html", ".csv")
DEFAULT_LIMIT = 40
"""Number of slices with a picture on a page; a picture has about 20 KB."""
JPEG_QUALITY = 85
COLUMNS = (
    "rank",
    "object",
    "value",
    "k",
    "z_mm",
    "confidence",
    "at_least",
    "predicted_iou",
    "stability",
    "neighbours",
    "planes",
    "voxels",
)
BOUNDS = (
    f"Look at the slices below {DOUBTFUL:g}; each other one has at least the Dice of the last "
    "column, with 90 %."
)
NO_BOUNDS = "There is not enough evidence to say what Dice the objects have at least."
NOTICE = "For research, not a medical device."
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem;
  padding: 0 1rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
p { margin: .25rem 0 1rem; color: #57606a; }
table { border-collapse: collapse; margin: 0 0 1.5rem; }
th, td { padding: .2rem .9rem .2rem 0; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { color: #57606a; font-weight: 600; border-bottom: 1px solid #d0d7de; }
.chip { display: inline-block; width: .75em; height: .75em; border-radius: 2px;
  margin-right: .45em; }
ol { list-style: none; padding: 0; margin: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(23rem, 1fr)); }
li { border: 1px solid #d0d7de; border-radius: 6px; padding: .8rem; break-inside: avoid; }
li h2 { font-size: 1rem; margin: 0 0 .5rem; display: flex; justify-content: space-between; }
figure { margin: 0; display: grid; grid-template-columns: 1.2em 1fr 1.2em; text-align: center;
  align-items: center; color: #57606a; font-size: .8rem; }
figure img { max-width: 100%; grid-column: 2; justify-self: center; background: #000; }
figure .top, figure .bottom { grid-column: 2; }
figure .left { grid-column: 1; }
dl { display: grid; grid-template-columns: 9em 1fr 3em; gap: .15rem .6rem; margin: .6rem 0 0;
  align-items: center; font-size: .85rem; }
dt { color: #57606a; } dd { margin: 0; font-variant-numeric: tabular-nums; text-align: right; }
.bar { background: #eaeef2; border-radius: 3px; height: .6em; }
.bar i { display: block; height: 100%; border-radius: 3px; background: #57606a; }
.bar i.low { background: #cf222e; }
"""


@dataclass(frozen=True, slots=True, eq=False)
class ReviewRow:
    """One object on one slice, with its confidence."""

    number: int
    """Number of the object among the segments, from 0."""
    segment: Segment
    at: SliceConfidence
    """Index and confidence of the slice."""
    voxels: int
    """Number of voxels of the object on the slice."""


def review_rows(segments: Sequence[Segment]) -> list[ReviewRow]:
    """One row for each slice on which an object was looked for, the least certain first.

    Rows of equal confidence are in the order of objects, then of slices.

    Raises:
        InputError: No slice has a confidence.
    """
    rows = [
        ReviewRow(number, segment, at, _voxels_on(segment, at.k))
        for number, segment in enumerate(segments)
        for at in segment.slices
    ]
    if not rows:
        raise InputError("nothing to review: no slice of the result has a confidence")
    return sorted(rows, key=lambda row: (row.at.confidence, row.number, row.at.k))


def write_review(
    segments: Sequence[Segment],
    volume: Volume,
    stretch: Stretch,
    path: Path,
    *,
    limit: int = DEFAULT_LIMIT,
    overwrite: bool = False,
) -> None:
    """Write the review of a result: `.html` with the least certain slices, or `.csv` with all.

    Args:
        segments: The objects, with the confidence of their slices.
        volume: The volume that the objects lie in.
        stretch: Window and level of its values.
        path: The file, whose suffix says the format.
        limit: Most slices on a page.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: Another suffix, or the file cannot be written.
        InputError: No slice has a confidence, or the limit is below 1.
    """
    check_review(path, overwrite=overwrite)
    if limit < 1:
        raise InputError(f"a page shows at least 1 slice, got a limit of {limit}")
    rows = review_rows(segments)
    if path.suffix.lower() == ".csv":
        text = review_csv(rows, volume)
    else:
        text = review_html(rows, volume, stretch, limit=limit)
    write_bytes(path, text.encode())


def check_review(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a review could not be written to a path, before long work.

    Args:
        path: A file in .html or .csv.
        overwrite: Whether an existing file may be replaced.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"a review is written as {' or '.join(SUFFIXES)}, got {path.name}")
    check_output(path, overwrite=overwrite)


def review_csv(rows: Sequence[ReviewRow], volume: Volume) -> str:
    """All rows as CSV with the columns `COLUMNS`.

    The column planes is empty where an object was propagated along one axis only, and at_least
    where there is not enough evidence for a bound of the Dice.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    # hundredths of a mm, or of the slice distance where slices are less than 1 mm apart
    digits = max(2, 2 - math.floor(math.log10(volume.spacing_mm[0])))
    for rank, row in enumerate(rows, start=1):
        at = row.at
        parts = (
            at.confidence, at.at_least, at.predicted_iou, at.stability, at.neighbours, at.planes
        )  # fmt: skip
        shares = ["" if part is None else f"{part:.4f}" for part in parts]
        place = f"{_place_mm(row, volume):.{digits}f}"
        writer.writerow(
            [rank, row.segment.name, row.segment.value, at.k, place, *shares, row.voxels]
        )
    return text.getvalue()


def review_html(
    rows: Sequence[ReviewRow], volume: Volume, stretch: Stretch, *, limit: int = DEFAULT_LIMIT
) -> str:
    """The page: a table of the objects, then a picture of each of the first `limit` rows."""
    turn = turn_of(volume.frame)
    shown = rows[:limit]
    cards = "\n".join(
        _card(rank, row, turn, volume, stretch) for rank, row in enumerate(shown, start=1)
    )
    rest = "" if len(shown) == len(rows) else " (a .csv lists all of them)"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Slices to look at</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Slices to look at, worst first</h1>
<p>{len(shown)} of {len(rows)} slices{rest}. {NOTICE}</p>
{_summary(rows)}
<ol>
{cards}
</ol>
</body>
</html>
"""


def _summary(rows: Sequence[ReviewRow]) -> str:
    """The HTML table of objects with the number and the confidence of their slices."""
    lines = []
    for number in sorted({row.number for row in rows}):
        mine = [row for row in rows if row.number == number]
        values = [row.at.confidence for row in mine]
        segment = mine[0].segment
        doubtful, rest = rest_at_least(segment.slices, DOUBTFUL)
        bounds = "".join(
            f"<td>{'' if bound is None else f'{bound:.2f}'}</td>"
            for bound in (segment.at_least, rest)
        )
        lines.append(
            f"<tr><td>{_chip(number)}{html.escape(segment.name)}</td>"
            f"<td>{len(mine)}</td><td>{doubtful}</td>"
            f"<td>{min(values):.2f}</td><td>{np.mean(values):.2f}</td>{bounds}</tr>"
        )
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            "object",
            "slices",
            f"below {DOUBTFUL:g}",
            "lowest confidence",
            "mean",
            "Dice at least",
            "each other slice at least",
        )
    )
    table = f"<table><tr>{head}</tr>\n{chr(10).join(lines)}\n</table>"
    known = any(row.segment.at_least is not None for row in rows)
    return f"{table}\n<p>{BOUNDS if known else NO_BOUNDS}</p>"


def _card(rank: int, row: ReviewRow, turn: Turn, volume: Volume, stretch: Stretch) -> str:
    """The HTML list item of one slice: picture, and bars of the parts of its confidence."""
    name = html.escape(row.segment.name)
    picture = draw_slice(volume, stretch, row.segment, row.at.k, number=row.number)
    height, width = picture.shape[:2]
    found = f"{row.voxels} voxels" if row.voxels else "nothing found"
    parts = "\n".join(
        _bar(what, value)
        for what, value in (
            ("confidence", row.at.confidence),
            ("Dice at least", row.at.at_least),
            ("predicted IoU", row.at.predicted_iou),
            ("stability", row.at.stability),
            ("neighbours", row.at.neighbours),
            ("planes", row.at.planes),
        )
    )
    return f"""<li>
<h2><span>{rank}. {_chip(row.number)}{name}, slice {row.at.k}</span><span>{found}</span></h2>
<figure><span class="top">{turn.top}</span><span class="left">{turn.left}</span>
<img src="{_data_uri(picture)}" width="{width}" height="{height}"
  alt="{name} on slice {row.at.k}, without and with its outline"><span>{turn.right}</span>
<span class="bottom">{turn.bottom}</span></figure>
<dl>
{parts}
</dl>
</li>"""


def _bar(what: str, value: float | None) -> str:
    """A named value from 0 to 1 as an HTML bar."""
    if value is None:
        return f"<dt>{what}</dt><dd></dd><dd>{'one' if what == 'planes' else ''}</dd>"
    low = ' class="low"' if value < DOUBTFUL else ""
    share = 100 * min(max(value, 0.0), 1.0)
    return (
        f'<dt>{what}</dt><dd class="bar"><i{low} style="width:{share:.0f}%"></i></dd>'
        f"<dd>{value:.2f}</dd>"
    )


def _chip(number: int) -> str:
    """A square in the colour of an object, as HTML."""
    red, green, blue = colour(number)
    return f'<i class="chip" style="background:rgb({red},{green},{blue})"></i>'


def _data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """An (H, W, 3) picture as a JPEG in a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _voxels_on(segment: Segment, k: int) -> int:
    """Number of voxels of an object on a slice."""
    return int(np.count_nonzero(segment.on_slice(k, segment.window.stop[1:])))


def _place_mm(row: ReviewRow, volume: Volume) -> float:
    """Z of the slice in LPS mm, at the middle of the object's window."""
    (_, j0, i0), (_, j1, i1) = row.segment.window.start, row.segment.window.stop
    middle = (row.at.k, (j0 + j1 - 1) / 2, (i0 + i1 - 1) / 2)
    return float(volume.to_world(middle)[2])
