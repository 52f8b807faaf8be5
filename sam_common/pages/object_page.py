"""Object page: what a job found, in one file: pictures, all scores, and the objects to look at.

The page has no script and loads nothing: pictures are in it. Whatever users named is text; the
template (`object_page.html`) escapes by itself. It prints on paper.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sam_common.errors import OutputError
from sam_common.pages.template import TOLD, page_template
from sam_common.support.files import check_no_address, check_output, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

SUFFIXES = (".html", ".htm")
"""Suffixes of a page."""
BINS = 20
"""Bars of the histogram of scores, from 0 to 1."""
NONE = "\N{EN DASH}"
"""What stands for a figure that is unknown."""
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture in a page."""

    uri: str
    """The picture itself, as a data URI."""
    width: int
    height: int
    alt: str
    """What is to be seen, for those who do not see it."""
    caption: str = ""

    @classmethod
    def of(cls, canvas: npt.NDArray[np.uint8], alt: str, caption: str = "") -> Shot:
        """A (H, W, 3) picture of RGB bytes, as JPEG."""
        file = io.BytesIO()
        # colours at full resolution, or thin lines fade; not optimised, as Pillow's buffer for that
        # is too small for a picture of noise
        Image.fromarray(canvas).save(file, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
        text = base64.b64encode(file.getvalue()).decode("ascii")
        height, width = canvas.shape[:2]
        return cls(f"data:image/jpeg;base64,{text}", width, height, alt, caption)


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """An object of the list: its pictures and the cells of its row."""

    cells: Sequence[str]
    shots: Sequence[Shot] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectPage:
    """Everything that a page says."""

    kicker: str
    """What kind of result it is."""
    title: str
    facts: Sequence[tuple[str, str]]
    """Names and values that stand on top."""
    failures: Sequence[str] = ()
    notes: Sequence[str] = ()
    pictures: Sequence[Shot] = ()
    scores: npt.NDArray[np.floating] = field(default_factory=lambda: np.empty(0))
    """(N,) scores of all objects, 0 to 1; NaN where an object has none."""
    score_name: str = "Predicted IoU"
    score_note: str = ""
    """What a score is, in a sentence."""
    score_of: str = "objects"
    """What has a score each."""
    columns: Sequence[str] = ()
    lines: Sequence[ObjectLine] = ()
    """Objects to look at, those to look at first on top."""
    lines_note: str = ""
    """Which objects these are, in a sentence."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: any values of JSON."""
    notice: str = ""
    """What stands at the end."""


def check_page_output(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` before long work where a page could not be written to `path`."""
    check_no_address(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"the report is a page, so give an .html, got {path}")
    check_output(path, overwrite=overwrite)


def write_object_page(page: ObjectPage, path: Path) -> None:
    """Write a page, whole or not at all.

    Raises:
        OutputError: The page cannot be written.
    """
    # a file name of other bytes than UTF-8 must not keep a page from being written
    write_bytes(path, object_html(page).encode(errors="xmlcharrefreplace"))


def object_html(page: ObjectPage) -> str:
    """The HTML of a page."""
    template = page_template("sam_common.pages", "object_page.html", {})
    return template.render(page=page, scores=score_bars(page.scores), told=TOLD)


def score_bars(scores: npt.NDArray[np.floating]) -> dict[str, Any] | None:
    """Bars of a histogram of scores and what it shows in words, for `histogram` of `parts.html`.

    Args:
        scores: (N,) scores, 0 to 1; NaN where there is none.

    Returns:
        None where there is no score at all.
    """
    known = np.asarray(scores, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    counts, edges = np.histogram(known.clip(0, 1), BINS, (0, 1))
    most = int(counts.max())
    bars = [
        {"low": f"{low:.2f}", "high": f"{high:.2f}", "count": f"{n:,}", "share": n / most}
        for low, high, n in zip(edges, edges[1:], counts.tolist(), strict=False)
    ]
    low, middle, high = np.quantile(known, (0.1, 0.5, 0.9)).tolist()
    return {
        "bars": bars,
        "count": f"{len(known):,}",
        "without": f"{len(scores) - len(known):,}" if len(scores) > len(known) else "",
        "low": score_text(low),
        "middle": score_text(middle),
        "high": score_text(high),
    }


def score_text(score: float | None) -> str:
    """A score with three decimals; a dash where there is none.

    >>> score_text(0.91234), score_text(None) == score_text(float("nan")) == NONE
    ('0.912', True)
    """
    return NONE if score is None or math.isnan(score) else f"{score:.3f}"


def figure_text(figure: float | None) -> str:
    """A figure with three digits, and all those before its point; a dash where there is none.

    >>> figure_text(0.91234), figure_text(1480.25), figure_text(None) == NONE
    ('0.912', '1,480', True)
    """
    if figure is None or math.isnan(figure):
        return NONE
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"  # noqa: PLR2004
