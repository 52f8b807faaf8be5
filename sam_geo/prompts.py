"""Prompts of a raster: what each feature of a file asks for, in the raster's own indices.

- A polygon or box asks for the object in its bounding box, taken along the raster's rows and
  columns, so that a box drawn on a rotated raster stays that box. On request the polygon itself
  goes to the network too, as a mask to start from.
- A point asks for the object under it. A column `label` of 1 and 0 tells object from background.
  Points with the same `object_id` are one prompt; a polygon with that `object_id` adds a box.
- The class goes through to the output: column `class`, else `label` where it is not 1 and 0.
- `prompt_id` is the column `prompt_id`, else `object_id`, else `id`, the latter two where their
  values are all there and distinct, else the 0-based number of the prompt's first row.

One prompt always gives one `GeoPrompt`, wherever it lies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_common.prompts import NEGATIVE, POSITIVE
from sam_geo.placement import Box, Point, bounding_box, clip_box, into_indices, is_cut, is_inside
from sam_geo.prompt_objects import PromptsLike, any_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_geo.prompt_files import PromptTable
    from sam_geo.source import RasterSource

PromptStatus: TypeAlias = Literal["ok", "clipped", "outside", "invalid"]

SIGNS = {
    **dict.fromkeys(("0", "0.0", "False"), NEGATIVE),
    **dict.fromkeys(("1", "1.0", "True"), POSITIVE),
}
"""How files write the two point labels."""


@dataclass(frozen=True, slots=True)
class GeoPrompt:
    """One object that is asked for."""

    prompt_id: int | str
    """Identifies the prompt in the output."""
    class_name: str | None = None
    """The object's class, as given."""
    box_xyxy: Box | None = None
    """(x0, y0, x1, y1) in raster indices, inside the raster; outer pixel edges are at .5."""
    points_xy: tuple[Point, ...] = ()
    """Points (x, y) in raster indices, all inside the raster."""
    point_labels: tuple[int, ...] = ()
    """1 object, 0 background; one for each point."""
    outline: shapely.Geometry | None = None
    """Polygon in raster indices that is given to the network as a mask, beside its box."""
    status: PromptStatus = "ok"
    """`clipped`: what lay outside the raster was cut off; `outside`: all of it lay outside;
    `invalid`: the feature has no geometry."""

    @property
    def is_placed(self) -> bool:
        """Whether there is something to segment."""
        return self.status in {"ok", "clipped"}

    @property
    def identity(self) -> str:
        """Everything that decides the answer, as text."""
        # a geometry's own text is cut short
        outline = "" if self.outline is None else shapely.to_wkb(self.outline, hex=True)
        return repr((replace(self, outline=None), outline))


def load_prompts(
    prompts: PromptsLike,
    source: RasterSource,
    *,
    crs: str | None = None,
    layer: str | None = None,
    with_masks: bool = False,
) -> list[GeoPrompt]:
    """Prompts in the indices of a raster.

    Args:
        prompts: Any vector file that GDAL reads, Pascal VOC XML or CSV; a GeoDataFrame; a GeoJSON
            mapping (longitude and latitude, as RFC 7946 has it); or a list of boxes (xmin, ymin,
            xmax, ymax), points (x, y) and shapely geometries in the raster's own system.
        source: The raster.
        crs: Reference system of the prompts' coordinates, over what the file says; `"pixel"` for
            pixel corners, x to the right and y down. VOC and CSV are in pixels unless this is
            given; a vector file without a reference system needs it, unless the raster has none
            either.
        layer: Layer of a vector file that has several.
        with_masks: Whether polygons become mask prompts too, not only boxes.

    Raises:
        InputError: There is no such file.
        PromptError: The prompts cannot be understood; the message names the row, counted from 0.
    """
    table = any_table(prompts, crs=source.crs, layer=layer)
    if not len(table):
        raise PromptError(f"no prompts in {table.name}: it has no features")
    rows = _Rows(table, into_indices(table, source, crs=crs), with_masks=with_masks)
    groups = rows.groups()
    ids = rows.ids([group[0] for group in groups])
    return [
        clip_prompt(rows.prompt(group, name), source.size_hw)
        for group, name in zip(groups, ids, strict=True)
    ]


class _Rows:
    """The rows of a table, and how they become prompts."""

    def __init__(
        self, table: PromptTable, shapes: npt.NDArray[np.object_], *, with_masks: bool
    ) -> None:
        self._name = table.name
        self._with_masks = with_masks
        self._shapes = shapes
        self._columns = table.columns
        self._kinds = [self._kind(row) for row in range(len(shapes))]
        labels = self._column("label")
        point_labels = {str(labels[n]) for n, kind in enumerate(self._kinds) if kind == "points"}
        self._labels_are_signs = point_labels <= {*SIGNS, "None"}

    def groups(self) -> list[list[int]]:
        """Rows of each prompt, in the order of the file."""
        groups: dict[tuple[str, Any], list[int]] = {}
        for row, value in enumerate(self._column("object_id")):
            key = ("row", row) if value is None else ("object", value)
            groups.setdefault(key, []).append(row)
        return list(groups.values())

    def ids(self, first_rows: Sequence[int]) -> list[int | str]:
        """One distinct name for each prompt."""
        for name in ("prompt_id", "object_id", "id"):
            values = [self._column(name)[row] for row in first_rows]
            if any(value is None for value in values):
                continue
            if len(set(values)) == len(values):
                return _tidy(values)
            if name == "prompt_id":
                twice = next(value for value in values if values.count(value) > 1)
                raise PromptError(f"prompt_id {twice} is there more than once in {self._name}")
        return list(first_rows)

    def prompt(self, rows: Sequence[int], prompt_id: int | str) -> GeoPrompt:
        """The prompt that some rows make together, not yet clipped."""
        boxes = [row for row in rows if self._kinds[row] == "box"]
        points = [row for row in rows if self._kinds[row] == "points"]
        positions = [(self._label(row), xy) for row in points for xy in _points(self._shapes[row])]
        labels = tuple(label for label, _ in positions)
        self._check(boxes, points, labels)
        return GeoPrompt(
            prompt_id=prompt_id,
            class_name=self._class_name(rows),
            box_xyxy=bounding_box(self._shapes[boxes[0]]) if boxes else None,
            points_xy=tuple(xy for _, xy in positions),
            point_labels=labels,
            outline=self._outline(boxes[0]) if boxes and self._with_masks else None,
            status="ok" if boxes or points else "invalid",
        )

    def _outline(self, row: int) -> shapely.Geometry | None:
        shape = self._shapes[row]
        # what leaves the raster's reference system has no shape there, only a box
        return shape if np.isfinite(shapely.get_coordinates(shape)).all() else None

    def _check(self, boxes: Sequence[int], points: Sequence[int], labels: Sequence[int]) -> None:
        if len(boxes) > 1:
            raise PromptError(
                f"rows {', '.join(map(str, boxes))} of {self._name} have the same object_id: "
                f"one object has one polygon"
            )
        if points and not boxes and POSITIVE not in labels:
            raise PromptError(
                f"row {points[0]} of {self._name} is a background point without an object point: "
                f"give all points of one object the same object_id"
            )

    def _kind(self, row: int) -> Literal["box", "points", "none"]:
        shape = self._shapes[row]
        if shape is None or shape.is_empty:
            return "none"
        if shape.geom_type in {"Polygon", "MultiPolygon"}:
            return "box"
        if shape.geom_type in {"Point", "MultiPoint"}:
            return "points"
        raise PromptError(
            f"row {row} of {self._name} is a {shape.geom_type}: "
            f"prompts are points, polygons or boxes"
        )

    def _column(self, name: str) -> Sequence[Any]:
        return self._columns.get(name, [None] * len(self._shapes))

    def _label(self, row: int) -> int:
        value = self._column("label")[row]
        return SIGNS[str(value)] if self._labels_are_signs and value is not None else POSITIVE

    def _class_name(self, rows: Sequence[int]) -> str | None:
        for name in ("class", "label"):
            for row in rows:
                if name == "label" and self._kinds[row] == "points" and self._labels_are_signs:
                    continue
                if (value := self._column(name)[row]) is not None:
                    return str(value)
        return None


def _points(shape: shapely.Geometry) -> list[Point]:
    return [(x, y) for x, y in shapely.get_coordinates(shape).tolist()]


def _tidy(values: Sequence[Any]) -> list[int | str]:
    """All integers, or all text: files give 7, 7.0 and "7" for the same thing."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return [str(value) for value in values]
    if all(number.is_integer() for number in numbers) and len(set(numbers)) == len(numbers):
        return [int(number) for number in numbers]
    return [str(value) for value in values]


def clip_prompt(prompt: GeoPrompt, size_hw: tuple[int, int]) -> GeoPrompt:
    """The part of a prompt inside the raster, with the status that says what was cut."""
    if prompt.status == "invalid":
        return prompt
    box = None if prompt.box_xyxy is None else clip_box(prompt.box_xyxy, size_hw)
    points = [
        (xy, label)
        for xy, label in zip(prompt.points_xy, prompt.point_labels, strict=True)
        if is_inside(xy, size_hw)
    ]
    labels = tuple(label for _, label in points)
    if prompt.box_xyxy is not None:
        is_outside = box is None
        was_cut = box is not None and is_cut(prompt.box_xyxy, box)
    else:
        is_outside, was_cut = POSITIVE not in labels, False
    if is_outside:
        return GeoPrompt(prompt.prompt_id, prompt.class_name, status="outside")
    return GeoPrompt(
        prompt_id=prompt.prompt_id,
        class_name=prompt.class_name,
        box_xyxy=box,
        points_xy=tuple(xy for xy, _ in points),
        point_labels=labels,
        outline=prompt.outline,
        status="clipped" if was_cut or len(points) < len(prompt.points_xy) else "ok",
    )
