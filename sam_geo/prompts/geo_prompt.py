"""GeoPrompt: the prompt of one object in the indices of a raster, made of rows of a prompt table.

- A polygon or box prompts the object in its bounding box, which is taken along the raster's rows
  and columns, so that a box drawn on a rotated raster stays that box. On request the polygon also
  becomes a mask prompt.
- A point prompts the object under it. A column `label` of 1 and 0 (or true and false) tells object
  from background; so do `point_label`, `positive` and `foreground`. Points with the same
  `object_id` are one prompt, and a polygon with that `object_id` adds its box. Text is compared as
  text: `1` and `1.0` of a CSV file, or `7` and `007`, are two objects.
- The class of the output is the column `class`, else `label` where that is not the sign of a
  point. Whole numbers are written without a decimal point, however the column is stored.
- `prompt_id` is the column `prompt_id`, else `object_id`, else `id`, the latter two only where
  each prompt has a value of its own; else the number of the prompt's first row, from 0. Integers
  stay integers and text stays text; a column of both becomes text.
- A table in pixels may name images: the rows of the raster's own image are used.

Each prompt becomes one `GeoPrompt`, also where it lies outside the raster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_common.prompts import POSITIVE
from sam_geo.prompt_files.python_objects import PromptsLike, any_table
from sam_geo.prompts.ids import EMPTY_TEXTS, check_objects, id_column, prompt_ids
from sam_geo.prompts.image_rows import rows_of_image
from sam_geo.prompts.placement import (
    PIXEL_CRS,
    bounding_box,
    check_doubt,
    clip_box,
    into_indices,
    is_cut,
    is_in_pixels,
    is_inside,
)
from sam_geo.prompts.point_labels import signs_of_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_geo.prompt_files.table import PromptTable
    from sam_geo.raster.read_window import Box, Point
    from sam_geo.raster.source import RasterSource

PromptStatus: TypeAlias = Literal["ok", "clipped", "outside", "invalid"]


@dataclass(frozen=True, slots=True)
class GeoPrompt:
    """The prompt of one object: a box, points, or both, in raster indices."""

    prompt_id: int | str
    """Identifier of the prompt, which its row in the output has too."""
    class_name: str | None = None
    """Class of the object as the prompts name it, None where they do not."""
    box_xyxy: Box | None = None
    """(x0, y0, x1, y1) in raster indices, inside the raster; outer pixel edges are at .5."""
    points_xy: tuple[Point, ...] = ()
    """Points (x, y) in raster indices, all inside the raster."""
    point_labels: tuple[int, ...] = ()
    """1 for object and 0 for background, one for each point."""
    outline: shapely.Geometry | None = None
    """Polygon in raster indices from which a mask prompt is made, beside its box."""
    status: PromptStatus = "ok"
    """`ok`: the prompt lies in the raster; `clipped`: a part outside the raster was cut off;
    `outside`: it lies wholly outside; `invalid`: the feature has no geometry."""

    @property
    def is_placed(self) -> bool:
        """Whether the prompt has a part inside the raster, so that it can be segmented."""
        return self.status in {"ok", "clipped"}

    @property
    def identity(self) -> str:
        """All fields of the prompt as text, by which parts of an earlier job are recognised."""
        # the repr of a geometry shortens long ones
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
    """Read prompts, and place them in the indices of a raster.

    Args:
        prompts: A file: any vector format that GDAL reads, GeoParquet, Pascal VOC XML or CSV. Or
            a GeoDataFrame; a GeoJSON mapping (longitude and latitude, RFC 7946); or a list of
            boxes (xmin, ymin, xmax, ymax), points (x, y) and shapely geometries in the raster's
            own reference system.
        source: The raster.
        crs: Reference system of the prompts' coordinates in place of the file's own; `"pixel"` for
            pixel corners, x to the right and y down. VOC and CSV files are in pixels unless it is
            given; a vector file without a reference system needs it, unless the raster has none
            either.
        layer: Layer of a vector file that has several.
        with_masks: Whether polygons become mask prompts too, not only boxes.

    Returns:
        One `GeoPrompt` for each object, in the order of the first rows; prompts outside the
        raster and features without geometry keep their place.

    Raises:
        InputError: There is no such file.
        PromptError: The prompts cannot be understood; the message names the row, counted from 0.
    """
    table = any_table(prompts, crs=source.crs, layer=layer)
    return prompts_of(table, source, crs=crs, with_masks=with_masks)


def prompts_of(
    table: PromptTable, source: RasterSource, *, crs: str | None, with_masks: bool = False
) -> list[GeoPrompt]:
    """Place the prompts of a table in the indices of a raster; see `load_prompts`.

    Args:
        table: The rows of a file or an object.
        source: The raster.
        crs: Reference system of the coordinates in place of the table's own, or `"pixel"`.
        with_masks: Whether polygons become mask prompts too, not only boxes.

    Raises:
        PromptError: The prompts cannot be understood; the message names the row, counted from 0.
    """
    if not len(table):
        raise PromptError(f"no prompts in {table.name}: it has no features")
    check_doubt(table, crs)
    if is_in_pixels(table, crs):
        table = rows_of_image(table, source, is_given=crs == PIXEL_CRS)
    rows = _Rows(table, into_indices(table, source, crs=crs), with_masks=with_masks)
    groups = rows.groups()
    ids = prompt_ids(table, [group[0] for group in groups])
    return [
        clip_prompt(rows.prompt(group, name), source.size_hw)
        for group, name in zip(groups, ids, strict=True)
    ]


class _Rows:
    """The rows of a table, which are grouped by object and made into prompts.

    Args:
        table: The columns.
        shapes: (N,) geometries in raster indices, or None.
        with_masks: Whether polygons become mask prompts too.
    """

    def __init__(
        self, table: PromptTable, shapes: npt.NDArray[np.object_], *, with_masks: bool
    ) -> None:
        self._table = table
        self._with_masks = with_masks
        self._shapes = shapes
        self._kinds = [self._kind(row) for row in range(len(shapes))]
        self._points = [row for row, kind in enumerate(self._kinds) if kind == "points"]
        self._signs = signs_of_points(table, self._points)
        self._classes = [id_column(table, name) for name in ("class", "label")]

    def groups(self) -> list[list[int]]:
        """Group rows of the same object, in the order of their first rows."""
        groups: dict[tuple[str, Any], list[int]] = {}
        objects = id_column(self._table, "object_id")
        if all(value is None for value in objects):
            check_objects(self._table, self._points)
        for row, value in enumerate(objects):
            key = ("row", row) if value is None else ("object", value)
            groups.setdefault(key, []).append(row)
        for (_, value), rows in groups.items():
            if len(rows) > 1 and str(value).strip().lower() in EMPTY_TEXTS:
                raise PromptError(
                    f"rows {self._listed(rows)} of {self._table.name} have the object_id "
                    f"{value!r}: leave the cells of single objects empty"
                )
        return list(groups.values())

    def prompt(self, rows: Sequence[int], prompt_id: int | str) -> GeoPrompt:
        """Make the prompt of one group of rows, before it is clipped to the raster."""
        boxes = [row for row in rows if self._kinds[row] == "box"]
        points = [row for row in rows if self._kinds[row] == "points"]
        signs = self._signs.of_rows
        positions = [(signs[row], xy) for row in points for xy in _points(self._shapes[row])]
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
        """Give the polygon of a row where all its vertices exist in the raster's system."""
        shape = self._shapes[row]
        return shape if np.isfinite(shapely.get_coordinates(shape)).all() else None

    def _check(self, boxes: Sequence[int], points: Sequence[int], labels: Sequence[int]) -> None:
        """Raise `PromptError` for several boxes of one object, or background points alone."""
        if len(boxes) > 1:
            raise PromptError(
                f"rows {self._listed(boxes)} of {self._table.name} have the same object_id: "
                f"one object has one polygon"
            )
        if points and not boxes and POSITIVE not in labels:
            raise PromptError(
                f"row {self._table.number(points[0])} of {self._table.name} is a background point "
                f"without an object point: give all points of one object the same object_id"
            )

    def _kind(self, row: int) -> Literal["box", "points", "none"]:
        """Tell what the geometry of a row is used as."""
        shape = self._shapes[row]
        if shape is None or shape.is_empty:
            return "none"
        if shape.geom_type in {"Polygon", "MultiPolygon"}:
            return "box"
        if shape.geom_type in {"Point", "MultiPoint"}:
            return "points"
        raise PromptError(
            f"row {self._table.number(row)} of {self._table.name} is a {shape.geom_type}: "
            f"prompts are points, polygons or boxes"
        )

    def _class_name(self, rows: Sequence[int]) -> str | None:
        """Find the one class of the rows of an object."""
        for n, values in enumerate(self._classes):
            # the label of a point may be its sign
            named = [row for row in rows if n == 0 or not self._is_sign(row)]
            names = {str(values[row]) for row in named if values[row] is not None}
            if len(names) > 1:
                raise PromptError(
                    f"rows {self._listed(rows)} of {self._table.name} have the same object_id, but "
                    f"several classes: {', '.join(sorted(names))}"
                )
            if names:
                return names.pop()
        return None

    def _is_sign(self, row: int) -> bool:
        """Tell whether the `label` of a row is the sign of a point, and no class."""
        return self._kinds[row] == "points" and self._signs.in_label

    def _listed(self, rows: Sequence[int]) -> str:
        """List the numbers of rows for a message."""
        return ", ".join(str(self._table.number(row)) for row in rows)


def _points(shape: shapely.Geometry) -> list[Point]:
    """List the points (x, y) of a Point or MultiPoint."""
    return [(x, y) for x, y in shapely.get_coordinates(shape).tolist()]


def clip_prompt(prompt: GeoPrompt, size_hw: tuple[int, int]) -> GeoPrompt:
    """Clip a prompt to a raster, and set its status; points outside are left out.

    Args:
        prompt: In raster indices.
        size_hw: Rows and columns of the raster.
    """
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
    return replace(
        prompt,
        box_xyxy=box,
        points_xy=tuple(xy for xy, _ in points),
        point_labels=labels,
        status="clipped" if was_cut or len(points) < len(prompt.points_xy) else "ok",
    )
