"""Report: a page about a land-cover map, in one file that needs nothing else.

The page is drawn from the record of the map and from the map itself. It has no script and loads
nothing; everything in it that users named is text, whatever characters it has: the template
(`report.html`) escapes by itself.
"""

from __future__ import annotations

import math
import re
import shlex
from datetime import datetime, timezone
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.pages.template import TOLD, page_template
from sam_common.support.files import write_bytes
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.map_report import figures
from sam_geo.map_report.error_matrix import ErrorMatrix
from sam_geo.map_report.ground import decimals_of, lonlat_of, measure_ground
from sam_geo.map_report.map_picture import (
    CHIP_SIDE,
    PROBABILITY_STEPS,
    MapView,
    draw_chip,
    draw_map,
    ramp,
    sheet_facts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sam_geo.class_maps.class_map import ClassMap
    from sam_geo.map_report.ground import Ground

    Record = Mapping[str, Any]

MOST_CHIPS = 24
"""Doubtful samples that are shown with a picture of what the map has around them."""
MANY = 12
"""Classes from which names stand upright over a matrix."""
LONG = 40
"""Classes from which tables and legends scroll on a screen."""
FILTERS = {
    "share": figures.share_text,
    "score": figures.score_text,
    "ha": figures.area_text,
    "count": figures.count_text,
    "metres": figures.length_text,
}
"""What the template writes numbers with."""
TURNED = 3.0
"""Degrees by which north may be off the top of a picture before that is told."""
SETS_OF_FEATURES = {
    "values": "the bands of a pixel, and the indices that were asked for",
    "surroundings": (
        "mean and deviation of these in squares around the pixel, and the same without small "
        "bright and dark spots (openings and closings)"
    ),
    "embedding": "what a network makes of the object around the pixel, or of that region",
    "superpixels": "spread, percentiles and shape of the small region of like pixels around it",
}
"""What words in the names of sets of features mean."""


def write_report(record: Record, class_map: Path, output: Path) -> None:
    """Write the page about a land-cover map, whole or not at all.

    Args:
        record: The record of the map, with `areas` and `checked`, as `run_landcover` returns it.
        class_map: The map; memory is bounded whatever its size.
        output: The page, an .html.

    Raises:
        InputError: The map cannot be read.
        OutputError: The page cannot be written.
    """
    # a file name of other bytes than UTF-8 must not keep a page from being written
    write_bytes(output, report_page(record, class_map).encode(errors="xmlcharrefreplace"))


def report_page(record: Record, class_map: Path) -> str:
    """The HTML of the page about a land-cover map, see `write_report`."""
    with open_class_map(class_map) as classes:
        ground = measure_ground(classes.source.crs, classes.source.frame, classes.source.size_hw)
        view = MapView.of(classes.source.size_hw, ground)
        colours = {int(value): tuple(rgb) for value, rgb in record["colours"].items()}
        context = {
            "record": record,
            "told": TOLD,
            "turned": TURNED,
            "many": MANY,
            "long": LONG,
            "share": figures.share_text,
            "ha": figures.area_text,
            "title": _title(record, class_map, classes, ground),
            "sheet": sheet_facts(classes, view, ground),
            "pictures": draw_map(classes, view, colours),
            "steps": list(zip(PROBABILITY_STEPS, (*PROBABILITY_STEPS[1:], 100), strict=True)),
            "ramp": [_css(colour) for colour in ramp()],
            "legend": _legend(record),
            "areas": _areas(record, has_area=classes.source.crs is not None),
            "trained": _trained(record, ground),
            "doubts": _doubts(record, classes, view, colours),
            "chip_m": None if ground is None else CHIP_SIDE * ground.col_m,
            "chip_tall": 1.0 if ground is None else ground.row_m / ground.col_m,
            "commands": _commands(class_map),
            "making": _making(record),
        }
    return page_template("sam_geo.map_report", "report.html", FILTERS).render(context)


def _is_applied(record: Record) -> bool:
    """Whether the map comes from a model of another job: then there was nothing to learn from."""
    return record["parameters"]["seed"] is None


def _file_name(path: str) -> str:
    """The last part of a path or address of any system."""
    return PureWindowsPath(PurePosixPath(path).name).name or path


def _title(
    record: Record, class_map: Path, classes: ClassMap, ground: Ground | None
) -> dict[str, Any]:
    """What stands over the page: file, date, size, origin."""
    height, width = classes.source.size_hw
    crs = classes.source.crs
    inputs = record["inputs"]
    is_raster = {name: re.fullmatch(r"raster( \d+)?", name) is not None for name in inputs}
    names = {name: _file_name(given["path"]) for name, given in inputs.items()}
    written = datetime.fromtimestamp(class_map.stat().st_mtime, tz=timezone.utc)
    code = None if crs is None else crs.to_authority()
    return {
        "name": class_map.name,
        "written": f"{written.day} {written:%B %Y, %H:%M} UTC",
        "height": height,
        "width": width,
        "pixel_m": None if ground is None else (ground.col_m, ground.row_m),
        "is_square": ground is not None and math.isclose(ground.col_m, ground.row_m, rel_tol=0.005),
        "size_m": None if ground is None else (width * ground.col_m, height * ground.row_m),
        "crs": None if crs is None else crs.name,
        "code": None if code is None else ":".join(code),
        "rasters": [names[name] for name in inputs if is_raster[name]],
        "is_applied": _is_applied(record),
        "learned_from": _learned_from(record, [names[n] for n in inputs if not is_raster[n]]),
        "pixel_share": record["pixels"] / (height * width),
    }


def _learned_from(record: Record, files: Sequence[str]) -> str:
    """The name of the samples, or of the model: the first of the files that such a job reads."""
    if _is_applied(record):
        return files[0]
    return _file_name(record["training"]["samples"]["file"]["path"])


def _legend(record: Record) -> list[dict[str, Any]]:
    """Value, name and colour of each class."""
    pixels = {str(each["value"]): each["pixels"] for each in record["areas"]}
    return [
        {
            "value": value,
            "name": name,
            "colour": _css(record["colours"].get(value)),
            "pixels": pixels.get(value, 0),
        }
        for value, name in record["classes"].items()
    ]


def _css(rgb: Sequence[int] | None) -> str:
    """A colour as CSS has it; none is transparent."""
    return "transparent" if rgb is None else "#{:02x}{:02x}{:02x}".format(*map(int, rgb))


def _colour_of(record: Record) -> dict[str, str]:
    """The colour of each class by its name, as CSS has it."""
    return {each["name"]: each["colour"] for each in _legend(record)}


def _areas(record: Record, *, has_area: bool) -> dict[str, Any]:
    """Areas of the classes as rows with a bar, and their intervals where points tell them."""
    colours = _colour_of(record)
    checked = {each["class"]: each for each in (record["checked"] or {"classes": []})["classes"]}
    mapped = {each["class"]: each for each in record["areas"]}
    total = sum(each["area_m2"] for each in record["areas"])
    rows = []
    for name in [*mapped, *(name for name in checked if name not in mapped)]:
        one = mapped.get(name, {"value": None, "pixels": 0, "area_m2": 0.0})
        rows.append(
            {
                **one,
                "name": name,
                "colour": colours.get(name, "transparent"),
                "share": one["area_m2"] / total if total else 0.0,
                "estimate": checked[name]["area_m2"] if name in checked else None,
            }
        )
    ends = [row["estimate"]["high"] or 0.0 for row in rows if row["estimate"] is not None]
    longest = max([*(row["area_m2"] for row in rows), *ends]) or 1.0
    return {"rows": rows, "longest": longest, "total": total, "has_area": has_area}


def _trained(record: Record, ground: Ground | None) -> dict[str, Any]:
    """What is known of the training: accuracies, error matrix, sets of features, samples."""
    training = record["training"]
    accuracies = training.get("accuracies") or {}
    blocked = accuracies.get("blocked")
    matrix = None if blocked is None else ErrorMatrix.of(blocked["classes"], blocked["counts"])
    tried = training.get("tried") or []
    side_px = (training.get("blocks") or {}).get("side_px")
    words = {
        word: meaning
        for word, meaning in SETS_OF_FEATURES.items()
        if any(word in str(each["name"]) for each in tried)
    }
    return {
        "is_other": _is_applied(record),
        "blocked": blocked,
        # never without the other one beside it, which it would be taken for
        "random": None if blocked is None else accuracies.get("random"),
        "is_many": matrix is not None and len(matrix.names) > MANY,
        "scores": [] if matrix is None else matrix.scores(),
        "shares": None if matrix is None else matrix.shares.tolist(),
        "weakest": [] if matrix is None else matrix.weakest(),
        "untested": [] if matrix is None else matrix.untested(),
        "colours": _colour_of(record),
        "blocks": training.get("blocks"),
        "side_m": None
        if ground is None or not side_px or _is_applied(record)
        else side_px * math.sqrt(ground.row_m * ground.col_m),
        "samples": training.get("samples"),
        "tried": tried,
        "words": words,
    }


def _doubts(
    record: Record,
    classes: ClassMap,
    view: MapView,
    colours: Mapping[int, Sequence[int]],
) -> dict[str, Any]:
    """Samples to look at, with places and pictures where they lie in this map."""
    doubts = record["training"].get("doubts") or []
    is_here = not _is_applied(record)
    rows = [{**doubt, "chip": None} for doubt in doubts]
    if rows and is_here:
        world = classes.source.frame.to_world(np.array([row["cell"] for row in rows]))
        way, digits = lonlat_of(classes.source.crs), decimals_of(classes.source.frame)
        degrees = np.full_like(world, np.nan) if way is None else way(world)
        for row, place, lonlat in zip(rows, world.tolist(), degrees.tolist(), strict=True):
            row["place"] = figures.place_text(place, digits)
            row["lonlat"] = figures.lonlat_text(lonlat)
        for row in rows[:MOST_CHIPS]:
            row["chip"] = draw_chip(classes, view, colours, (row["cell"][0], row["cell"][1]))
    return {"rows": rows, "is_here": is_here, "chip_px": CHIP_SIDE, "most": MOST_CHIPS}


def _commands(class_map: Path) -> list[str]:
    """What to type for an accuracy with an interval."""
    # a name that samples for training hardly have
    points = shlex.quote(f"{class_map.stem}_check.gpkg")
    name = shlex.quote(class_map.name)
    return [f"sam-geo sample {name} -o {points}", f"sam-geo assess {name} {points}"]


def _making(record: Record) -> dict[str, Any]:
    """Everything of the record that stands nowhere else on the page."""
    shown = {"classes", "colours", "areas", "checked", "notes", "failures"}
    # the pixels of the samples are packed for programs
    told = {"accuracies", "doubts", "tried", "pixels"}
    training = {name: part for name, part in record["training"].items() if name not in told}
    return {
        **{name: part for name, part in record.items() if name not in shown},
        "training": training,
    }
