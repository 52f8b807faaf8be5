"""Land cover: a map of a scanned sheet from 17 samples, and three answers to how right it is.

The samples (`samples.csv`) are boxes that the makers of this package drew on the sheet, in its
pixels. The points (`points.csv`) were drawn by chance from an earlier map of the same sheet, as
`sam-geo sample` does, and one reader looked up their true class on the sheet, without the map in
view. No point lies on a sample.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.demo.record import Figure, Output, Part, Picture, Table, origin_of
from sam_common.pages.marks import draw_key
from sam_common.pages.plate import (
    Line,
    Word,
    box_line,
    draw_lines,
    draw_words,
    enlarge,
    placed,
    write_jpeg,
)
from sam_common.published import samples
from sam_common.tiled_job.folder import held, remove_parts
from sam_common.tiled_job.progress import silent
from sam_common.window import Window
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.demo.sheet import draw_sheet
from sam_geo.map_report.figures import area_text, share_text
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from sam_geo.mapping.run import run_landcover
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.results.record import StepTimes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from sam_common.pages.plate import Canvas
    from sam_common.tiled_job.progress import Progress
    from sam_geo.demo.sheet import Sheet

SHEET = "historical_map.tif"
"""Name of the sample with the scanned sheet."""
HERE = Path(__file__).parent
SAMPLES_NAME, POINTS_NAME = "landcover_samples.csv", "landcover_points.csv"
MAP_NAME, TABLE_NAME, REPORT_NAME = "landcover.tif", "landcover.gpkg", "landcover.html"
SHEET_NAME, PICTURE_NAME = "landcover_sheet.jpg", "landcover.jpg"
PLAIN_NAME = "landcover_plain.jpg"
FIELD = "class"
WIDTH_PX = 1400
WORD_PX = 130
"""Room that the name of a class takes beside its box."""
TINT = 0.85
"""Share of a class's colour in the map; the sheet shines through in the rest, and in its shades."""
HOW_RIGHT = (
    "How right is it? Three accuracies answer three questions. Random cross-validation tests "
    "pixels beside those that were learned, and is mostly too high. Blocked cross-validation holds "
    "back whole squares of ground, and says what to expect at places like those of the samples. "
    "Only the design-based one is about the map: points were drawn by chance from an earlier map "
    "of the sheet, and one of us looked up the class of each on the sheet. "
    "docs/three-accuracies.md tells more."
)
"""What the three accuracies are."""
DARKEST = 0.45
"""Brightness of a class's colour where the sheet is black."""


def run_cover(
    folder: Path, *, progress: Progress | None = None, quiet: bool
) -> tuple[Part, dict[str, Any]]:
    """Fetch the sheet, make a map of it from 17 samples, and write map, polygons and pictures.

    Args:
        folder: Folder of the results, which exists; files of an earlier demo are replaced.
        progress: Called with a description and a total for each step of the job.
        quiet: Whether nothing is written to stderr while the sheet is fetched.

    Returns:
        The part of the demo, and the figures `samples, classes, random, blocked, design_based, low,
        high, seconds`: three overall accuracies, the last one with its 95 % interval.

    Raises:
        OutputError: The folder cannot be written to.
        WeightsError: The sheet cannot be fetched.
    """
    times = StepTimes()
    with times.timed("fetch or verify the sheet"):
        sheet_file = samples.fetch(SHEET, progress=not quiet)
        for name, ours in ((SAMPLES_NAME, "samples.csv"), (POINTS_NAME, "points.csv")):
            shutil.copyfile(HERE / ours, folder / name)
    request = LandcoverRequest(
        rasters=(str(sheet_file),),
        output=folder / MAP_NAME,
        learn=SampleChoice(samples=folder / SAMPLES_NAME, class_field=FIELD),
        polygons=folder / TABLE_NAME,
        report=folder / REPORT_NAME,
        check=folder / POINTS_NAME,
        overwrite=True,
    )
    with held(request.parts):  # of a demo that was interrupted: this one begins anew
        remove_parts(request.parts)
    record = run_landcover(request, progress=progress or silent)
    for step in ("learn", "classify"):
        times.seconds[step] = record["seconds"][step]
    others = record["seconds"]["total"] - sum(record["seconds"][n] for n in ("learn", "classify"))
    times.seconds["polygons, accuracy, report"] = others
    with times.timed("draw"):
        sheet = _draw(folder, record, sheet_file)
    return _part(record, times.seconds, sheet), _figures(record)


def _figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a map in short."""
    found, checked = record["training"]["accuracies"], record["checked"]["overall"]
    return {
        "samples": sum(record["training"]["samples"]["features"].values()),
        "classes": len(record["classes"]),
        "random": round(found["random"]["overall"], 3),
        "blocked": round(found["blocked"]["overall"], 3),
        "design_based": round(checked["value"], 3),
        "low": round(checked["low"], 3),
        "high": round(checked["high"], 3),
        "seconds": record["seconds"]["total"],
    }


def _draw(folder: Path, record: Mapping[str, Any], sheet_file: Path) -> Sheet:
    """Write the pictures of the sheet with its samples and of the map."""
    colours = {record["classes"][value]: tuple(rgb) for value, rgb in record["colours"].items()}
    with open_raster(str(sheet_file)) as source:
        sheet = draw_sheet(source, choose_stretch(source), WIDTH_PX)
        given = load_prompts(folder / SAMPLES_NAME, source)
    lines, words = [], []
    for prompt in given:
        if prompt.box_xyxy is None:
            continue
        corners = placed(box_line(prompt.box_xyxy), sheet.size_hw, sheet.size_wh)
        name = str(prompt.class_name)
        lines.append(Line(corners, colours[name], 2))
        words.append(_beside(name, corners, sheet))
    drawn = draw_words(draw_lines(sheet.canvas, lines), words)
    write_jpeg(sheet.marked(drawn), folder / SHEET_NAME)
    key = [(name, rgb, False) for name, rgb in colours.items()]
    tinted = draw_key(_tinted(folder / MAP_NAME, record, sheet), key, line_px=14)
    write_jpeg(sheet.marked(tinted), folder / PICTURE_NAME)
    write_jpeg(sheet.marked(sheet.canvas), folder / PLAIN_NAME)
    return sheet


def _beside(name: str, corners: npt.NDArray[np.float64], sheet: Sheet) -> Word:
    """The name of a box, to the right of it, or to the left near the right edge of the picture."""
    (left, _), (right, _) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    middle = float(corners[:, 1].mean())
    if right > sheet.size_wh[0] - WORD_PX:
        return Word(name, (left - 6, middle), size_px=17, anchor="rm")
    return Word(name, (right + 6, middle), size_px=17, anchor="lm")


def _tinted(path: Path, record: Mapping[str, Any], sheet: Sheet) -> Canvas:
    """The sheet in the colours of the classes; its own drawing stays to be seen as their shade."""
    with open_class_map(path) as classes:
        values, valid = classes.read(Window.full(sheet.size_hw))
    palette = np.zeros((256, 3), dtype=np.uint8)
    for value, rgb in record["colours"].items():
        palette[int(value)] = rgb
    flat = enlarge(palette[np.where(valid, values, 0)], sheet.size_wh, smooth=False)
    known = enlarge((valid * 255).astype(np.uint8), sheet.size_wh, smooth=False) > 0
    # the brightest of the three, as saturated colours of the sheet are no shades
    grey = sheet.canvas.max(axis=2, keepdims=True) / 255
    shaded = flat * (DARKEST + (1 - DARKEST) * np.minimum(1.0, grey * 1.15))
    mixed = TINT * shaded + (1 - TINT) * sheet.canvas
    return np.where(known, np.rint(mixed), sheet.canvas).astype(np.uint8)


def _part(record: Mapping[str, Any], seconds: dict[str, float], sheet: Sheet) -> Part:
    """The part of the demo on the page."""
    figures = _figures(record)
    checked = record["checked"]
    width, height = sheet.size_wh
    return Part(
        name="landcover",
        title=f"A land-cover map from {figures['samples']} samples",
        text=(_words(figures), HOW_RIGHT),
        seconds=seconds,
        figures=(
            Figure(
                "design-based accuracy",
                share_text(figures["design_based"]),
                f"95 % interval {share_text(figures['low'])} to {share_text(figures['high'])}; "
                f"{checked['points']} points drawn by chance: this one is about the map",
            ),
            Figure(
                "spatially blocked",
                share_text(figures["blocked"]),
                "samples in whole squares of ground held back",
            ),
            Figure(
                "random cross-validation",
                share_text(figures["random"]),
                "neighbours of the tested pixels were learned",
            ),
        ),
        pictures=(
            Picture(
                SHEET_NAME,
                "Scanned map sheet with the boxes of the samples, each with its class",
                "The sheet, and all that was learned from: the boxes.",
                width,
                height,
                PLAIN_NAME,
            ),
            Picture(
                PICTURE_NAME,
                "The same sheet, each pixel in the colour of its class",
                "The map. The drawing of the sheet stays visible as shade.",
                width,
                height,
                PLAIN_NAME,
            ),
        ),
        table=_areas(record),
        outputs=(
            Output(REPORT_NAME, "page about this map: probabilities, errors, labels to look at"),
            Output(MAP_NAME, "the map, a cloud-optimised GeoTIFF with probabilities"),
            Output(TABLE_NAME, "the same as polygons without gap or overlap"),
            Output("landcover.qml", "their style in QGIS"),
            Output("landcover.job.json", "how it was made"),
            Output(SAMPLES_NAME, "the samples"),
            Output(POINTS_NAME, "the points that check it"),
        ),
        origins=(origin_of(samples.sample_info(SHEET)),),
        commands=(
            f"SHEET=$(sam-common samples pull {SHEET})",
            (
                f'sam-geo landcover "$SHEET" {SAMPLES_NAME} --class-field {FIELD} -o cover.tif '
                f"--report cover.html --check {POINTS_NAME}"
            ),
        ),
    )


def _words(figures: Mapping[str, Any]) -> str:
    """What the part is about."""
    return (
        f"{figures['samples']} small boxes, drawn by the makers of this package on a scanned sheet "
        f"of the 19th century, name {figures['classes']} classes. Every pixel of the sheet gets "
        "one of them."
    )


def _areas(record: Mapping[str, Any]) -> Table:
    """Areas of the classes: as the map has them, and as the points estimate them."""
    estimates = {each["class"]: each["area_m2"] for each in record["checked"]["classes"]}
    rows = []
    for each in record["areas"]:
        found = estimates[each["class"]]
        low, high = (area_text(max(0.0, found[end])) for end in ("low", "high"))
        rows.append(
            (
                each["class"],
                area_text(each["area_m2"]),
                f"{area_text(found['value'])} ({low} to {high})",
            )
        )
    return Table(
        ("class", "in the map, ha", "by the points, ha (95 % interval)"),
        tuple(rows),
        "An area that is counted in a map has the errors of the map in it. The points do not.",
    )
