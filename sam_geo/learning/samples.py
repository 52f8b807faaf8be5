"""Samples: labelled points, lines and polygons, as the pixels that they lie on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_common.support.chance import uniform
from sam_common.window import Window
from sam_geo.prompt_files.classes import class_column, class_name, class_order
from sam_geo.prompt_files.read import read_table
from sam_geo.prompt_files.table import Wanted, spelled
from sam_geo.prompts.mask_prompt import outline_mask
from sam_geo.prompts.placement import check_doubt, into_indices
from sam_geo.raster.read_window import ReadWindow

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

    from sam_geo.prompt_files.table import PromptTable
    from sam_geo.raster.source import RasterSource

    IntArray = npt.NDArray[np.int64]

CLASS = "class"
"""Column of the class where the user names no other."""
LEAST_CLASSES = 2
MOST_PIXELS = 2000
"""Pixels of one feature that are used, chosen by chance."""
SIDE = 2048
"""Pixels on a side of the parts in which a large polygon is laid on the raster."""
KINDS = frozenset(
    int(kind)
    for kind in (
        shapely.GeometryType.POINT,
        shapely.GeometryType.MULTIPOINT,
        shapely.GeometryType.LINESTRING,
        shapely.GeometryType.MULTILINESTRING,
        shapely.GeometryType.POLYGON,
        shapely.GeometryType.MULTIPOLYGON,
    )
)
"""Geometries that lie on pixels without doubt."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Pixels whose class is known, by the feature that says so."""

    classes: tuple[str, ...]
    """(K,) classes that have a pixel, numbers before words."""
    cells: IntArray
    """(N, 2) row and column of each pixel, none twice."""
    feature_of: IntArray
    """(N,) number of the feature, counted from 0 among those that have a pixel."""
    class_of: IntArray
    """(F,) index of the class of each feature."""
    rows: tuple[int, ...]
    """(F,) number of the feature in its file, counted from 0."""
    left_out: dict[str, int]
    """Features that do not count: without a `class`, without a `geometry` or with one of an unknown
    kind, `outside` of the raster, `contradicted` by one of another class on pixels that they need,
    `repeated` on the pixels of others of their class, or on `nodata` only."""
    contradictions: int
    """Pixels that features of several classes claim: they count for none."""

    @property
    def pixel_classes(self) -> IntArray:
        """(N,) index of the class of each pixel."""
        classes: IntArray = self.class_of[self.feature_of]
        return classes

    def on_data(self, has_data: npt.NDArray[np.bool_]) -> Samples:
        """Leave out pixels on which the raster has no value; features without any left are counted.

        Args:
            has_data: (N,) whether each pixel has a value.

        Raises:
            PromptError: Fewer than two classes are left.
        """
        kept, owner = np.unique(self.feature_of[has_data], return_inverse=True)
        known = np.unique(self.class_of[kept])
        names = tuple(self.classes[n] for n in known.tolist())
        left_out = {**self.left_out, "nodata": len(self.class_of) - len(kept)}
        if len(names) < LEAST_CLASSES:
            raise PromptError(
                f"the samples lie on pixels without data but for {', '.join(names) or 'none'}: a "
                f"map needs samples of two classes or more on its data"
            )
        return Samples(
            names,
            self.cells[has_data],
            owner.astype(np.int64),
            np.searchsorted(known, self.class_of[kept]),
            tuple(self.rows[n] for n in kept.tolist()),
            left_out,
            self.contradictions,
        )


def read_samples(
    path: str | os.PathLike[str],
    source: RasterSource,
    *,
    class_field: str | None = None,
    layer: str | None = None,
    crs: str | None = None,
) -> Samples:
    """Read samples and lay them on the pixels of a raster.

    A polygon has the pixels whose centre lies in it, or, where there is none, those that it
    touches; a line those along it, a point the one that it lies on.

    Args:
        path: A vector file, GeoParquet or CSV.
        source: The raster.
        class_field: Column of the class; `class` where None.
        layer: Layer of a vector file that has several.
        crs: Reference system of the samples, over what the file says.

    Raises:
        InputError: There is no such file.
        PromptError: The file cannot be read or placed, or its samples are of one class only.
    """
    field = class_field or CLASS
    table = read_table(path, Wanted("samples", frozenset({spelled(field)})), layer=layer)
    check_doubt(table, crs)
    names = [None if value is None else class_name(value) for value in class_column(table, field)]
    shapes = into_indices(table, source, crs=crs)
    left_out = dict.fromkeys(("class", "geometry", "outside", "contradicted", "repeated"), 0)
    found: list[tuple[int, IntArray]] = []
    for row, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        if name is None:
            left_out["class"] += 1
        elif shape is None or shape.is_empty or shapely.get_type_id(shape) not in KINDS:
            left_out["geometry"] += 1
        elif not len(cells := _cells(shape, source.size_hw)):
            left_out["outside"] += 1
        else:
            found.append((row, cells))
    return _gathered(found, names, table, left_out, source)


def _cells(shape: shapely.Geometry, size_hw: tuple[int, int]) -> IntArray:
    """(N, 2) pixels of the raster, `MOST_PIXELS` at most, that a shape in indices lies on."""
    empty = np.empty((0, 2), dtype=np.int64)
    bounds = shapely.bounds(shape)
    if not np.isfinite(bounds).all():
        return empty
    x0, y0, x1, y1 = np.floor(np.clip(bounds, -2.0, 2.0**31) + 0.5).astype(np.int64).tolist()
    around = Window((y0, x0), (y1 + 1, x1 + 1)).intersect(Window.full(size_hw))
    if around is None:
        return empty
    chosen = empty
    for top in range(around.start[0], around.stop[0], SIDE):
        for left in range(around.start[1], around.stop[1], SIDE):
            stop = min(top + SIDE, around.stop[0]), min(left + SIDE, around.stop[1])
            part = Window((top, left), stop)
            inside = outline_mask(shape, ReadWindow(part, (stop[0] - top, stop[1] - left), ()))
            chosen = np.concatenate([chosen, np.argwhere(inside) + np.array((top, left))])
            if len(chosen) > MOST_PIXELS:
                chance = uniform(chosen[:, 0] * size_hw[1] + chosen[:, 1], 0)
                chosen = chosen[np.sort(np.argpartition(chance, MOST_PIXELS)[:MOST_PIXELS])]
    return chosen


def _gathered(
    found: list[tuple[int, IntArray]],
    names: list[str | None],
    table: PromptTable,
    left_out: dict[str, int],
    source: RasterSource,
) -> Samples:
    """Samples without pixels that several classes claim; of one class, the first claim counts."""
    width = source.size_hw[1]
    known = sorted({names[row] or "" for row, _ in found}, key=class_order)
    cells = np.concatenate([np.empty((0, 2), dtype=np.int64), *(part for _, part in found)])
    owner = np.repeat(np.arange(len(found)), [len(part) for _, part in found])
    class_of = np.array([known.index(names[row] or "") for row, _ in found], dtype=np.int64)
    index, first, inverse = np.unique(
        cells[:, 0] * width + cells[:, 1], return_index=True, return_inverse=True
    )
    low = np.full(len(index), len(known), dtype=np.int64)
    high = np.full(len(index), -1, dtype=np.int64)
    np.minimum.at(low, inverse, class_of[owner])
    np.maximum.at(high, inverse, class_of[owner])
    agreed = first[low == high]
    agreed.sort()
    kept, renumbered = np.unique(owner[agreed], return_inverse=True)
    contested = np.unique(owner[(low != high)[inverse]])
    lost = np.setdiff1d(np.arange(len(found)), kept)
    left_out["contradicted"] = int(np.isin(lost, contested).sum())
    left_out["repeated"] = len(lost) - left_out["contradicted"]
    left = sorted(set(class_of[kept].tolist()))
    if len(left) < LEAST_CLASSES:
        told = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        what = f"one class only, {known[left[0]]}" if left else "no class"
        raise PromptError(
            f"the samples of {table.name} on {source.path} are of {what}: a map needs two or more"
            + (f" (samples that do not count: {told})" if told else "")
        )
    place = {old: new for new, old in enumerate(left)}
    return Samples(
        tuple(known[n] for n in left),
        cells[agreed],
        renumbered.astype(np.int64),
        np.array([place[n] for n in class_of[kept].tolist()], dtype=np.int64),
        tuple(table.number(found[n][0]) for n in kept.tolist()),
        left_out,
        int((low != high).sum()),
    )
