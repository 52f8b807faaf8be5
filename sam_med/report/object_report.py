"""Object report: the page about the objects of a segmentation, those to look at first on top.

```
facts, what was not found        whole planes: axial, coronal, sagittal, all outlines
histogram of the confidence      each object: the same three planes, and its most doubtful slice
record of the job                its volume, its confidence, what nine of ten such objects have
```
Like the manifest, the page names neither the scan nor the patient; the pictures show the patient,
with any text that is burned into the images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.pages.object_page import (
    ObjectLine,
    ObjectPage,
    Shot,
    figure_text,
    write_object_page,
)
from sam_med.propagate.confidence import DOUBTFUL
from sam_med.report.plates import draw_plane, plane_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sam_common.pages.plate import Canvas
    from sam_med.geometry.volume import Volume
    from sam_med.objects.segments import Segment
    from sam_med.report.plates import Plane, Shown

OVERVIEW_PX, SHOT_PX = 760, 330
"""Longer side of the pictures of whole planes, and of those of one object."""
STRIP = 0.35
"""Shorter side of a picture, in longer ones, under which a plane across few slices is left out."""
MOST = 40
"""Objects with pictures."""
NAMED = 3
"""Objects that the title names."""
COLUMNS = {
    "label": "object",
    "status": "status",
    "volume_ml": "volume, ml",
    "confidence": "confidence",
    "at_least": "Dice at least",
    "slices_to_check": "slices to check",
    "rest_at_least": "each other slice at least",
    "added_voxels": "voxels added",
    "removed_voxels": "voxels taken away",
}
"""What the columns of the list are called, by their name in the record; those that it has."""
UNTOLD = {"outputs", "written", "notes"}
"""Parts of the record that the page says elsewhere, or not at all: names of files."""
SCORE_NOTE = (
    "How far the mask of an object on a slice can be trusted: the smallest of the IoU that the "
    f"network expects, stability, and agreement with the slices beside it and with the other "
    f"planes. Look at what lies under {DOUBTFUL:g}."
)
LINES_NOTE = (
    "What was not found, then the least sure ones first. Axial, coronal and sagittal slice through "
    "each object where it is largest, then its most doubtful slice."
)


def write_object_report(path: Path, shown: Shown, record: Mapping[str, Any]) -> None:
    """Write the page about the objects of a job, whole or not at all.

    Args:
        path: The page, an .html.
        shown: The volume and its objects.
        record: The record of the job; its `labels` have a row for each object, in their order.

    Raises:
        OutputError: The page cannot be written.
    """
    rows = record["labels"]
    order = sorted(range(len(rows)), key=lambda n: _worth_a_look(rows[n]))
    names = {key: name for key, name in COLUMNS.items() if rows and key in rows[0]}
    empty = [row["label"] for row in rows if row["status"] != "ok"]
    page = ObjectPage(
        kicker="Segmented objects",
        title=_title([row["label"] for row in rows]),
        facts=_facts(shown, len(rows) - len(empty), len(empty), record),
        failures=[f"nothing was found for {name}" for name in empty],
        notes=[*record["notes"], *_left_out(len(rows))],
        pictures=list(_overviews(shown)),
        scores=np.array([at.confidence for one in shown.found for at in one.slices]),
        score_name="Confidence of slices",
        score_note=SCORE_NOTE,
        score_of="slices",
        columns=tuple(names.values()),
        lines=[_line(shown, n, rows[n], tuple(names)) for n in order[:MOST]],
        lines_note=LINES_NOTE,
        record={key: value for key, value in record.items() if key not in UNTOLD},
        notice=record["notice"],
    )
    write_object_page(page, path)


def _worth_a_look(row: Mapping[str, Any]) -> tuple[bool, float]:
    """What objects are sorted by: those without a voxel first, then by their confidence."""
    confidence = row.get("confidence")
    return row["status"] == "ok", 1.0 if confidence is None else float(confidence)


def _left_out(count: int) -> list[str]:
    """A line that says that not all objects have pictures."""
    return [] if count <= MOST else [f"{MOST} of {count} objects are shown, the least sure ones"]


def _title(names: Sequence[str]) -> str:
    """Names of the first objects."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"


def _facts(
    shown: Shown, found: int, empty: int, record: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What stands on top of the page."""
    volume, model = shown.volume, record["model"]
    size = " × ".join(str(n) for n in volume.shape[::-1])  # noqa: RUF001 - a times sign
    steps = " × ".join(f"{step:.3g}" for step in volume.spacing_mm[::-1])  # noqa: RUF001
    objects = f"{found} found" + (f", {empty} not found" if empty else "")
    return [
        ("Volume", f"{size} voxels of {steps} mm"),
        ("Shown as", shown.stretch.describe()),
        ("Objects", objects),
        ("Model", f"{model['name']} ({model['engine']})"),
        ("Method", record["method"]),
        ("Seconds", f"{record['seconds']:.1f}"),
    ]


def _overviews(shown: Shown) -> Iterator[Shot]:
    """The three planes through the middle of all objects."""
    areas = _areas(shown.found, shown.volume.shape)
    for plane in _planes(shown.volume, areas):
        canvas = draw_plane(shown, plane, OVERVIEW_PX)
        if not _is_strip(canvas):
            caption = f"{plane.name}, {_place(plane)}"
            yield Shot.of(canvas, f"{caption}: the outlines of all objects", caption)


def _line(shown: Shown, number: int, row: Mapping[str, Any], keys: Sequence[str]) -> ObjectLine:
    """An object in the list, with its pictures."""
    segment = shown.found[number]
    shots = []
    if segment.voxels:
        for plane in _planes(shown.volume, _areas([segment], shown.volume.shape)):
            canvas = draw_plane(shown, plane, SHOT_PX, only=number)
            if not _is_strip(canvas):
                shots.append(_shot(canvas, segment, plane, ""))
    if segment.slices:
        worst = min(segment.slices, key=lambda at: at.confidence)
        plane = plane_at(shown.volume, 0, worst.k)
        canvas = draw_plane(shown, plane, SHOT_PX, only=number)
        doubt = f", the most doubtful: confidence {worst.confidence:.2f}"
        shots.append(_shot(canvas, segment, plane, doubt))
    return ObjectLine([_cell(row[key]) for key in keys], shots)


def _shot(canvas: Canvas, segment: Segment, plane: Plane, more: str) -> Shot:
    """A picture of an object, with words about it."""
    caption = f"{plane.name}, {_place(plane)}{more}"
    return Shot.of(canvas, f"{segment.name}, {caption}", caption)


def _place(plane: Plane) -> str:
    """The index of a plane in words."""
    return f"{'kji'[plane.axis]} = {plane.index}"


def _areas(segments: Sequence[Segment], shape: Sequence[int]) -> list[Any]:
    """Voxels of objects on each slice along each axis; of several each counts as much."""
    areas = [np.zeros(size) for size in shape]
    for segment in segments:
        total = segment.voxels
        for axis in range(3 if total else 0):
            rest = tuple(other for other in range(3) if other != axis)
            on_slices = np.count_nonzero(segment.mask, axis=rest) / total
            areas[axis][segment.window.slices[axis]] += on_slices
    return areas


def _planes(volume: Volume, areas: Sequence[Any]) -> list[Plane]:
    """The plane of each axis with the largest area; the middle one where there is none."""
    best = [
        int(np.argmax(along)) if along.any() else size // 2
        for along, size in zip(areas, volume.shape, strict=True)
    ]
    planes = [plane_at(volume, axis, index) for axis, index in enumerate(best)]
    # an axial slice first, however the volume lies in its array
    return sorted(planes, key=lambda plane: plane.name)


def _is_strip(canvas: Canvas) -> bool:
    """Whether a picture is too narrow to show anything."""
    short, long = sorted(canvas.shape[:2])
    return bool(short < STRIP * long)


def _cell(value: Any) -> str:
    """A value of the record as text."""
    return figure_text(value) if value is None or isinstance(value, float) else str(value)
