"""Samples of objects: labelled polygons and points, and the objects that they lie on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_geo.learning.samples import CLASS, LEAST_CLASSES, Samples
from sam_geo.object_classes.examples import SAME_IOU, overlap_of
from sam_geo.object_features.placed import AREAS, POINTS, read_placed
from sam_geo.prompt_files.classes import class_column, class_name, class_order
from sam_geo.prompt_files.table import Wanted, spelled

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_geo.object_classes.request import ClassifyRequest
    from sam_geo.object_features.placed import Placed
    from sam_geo.raster.source import RasterSource

    IntArray = npt.NDArray[np.int64]
    Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectSamples:
    """Objects whose class is known."""

    classes: tuple[str, ...]
    """(K,) classes, numbers before words."""
    places: IntArray
    """(S,) position of each among the objects, and the outlines after them; none twice."""
    class_of: IntArray
    """(S,) index of the class of each."""
    rows: tuple[int, ...]
    """(S,) number of its sample in the file, from 0."""
    outlines: Shapes
    """(M,) outlines of samples that are no object: they teach all the same."""
    left_out: Counter[str]
    """Samples that do not count, by reason."""

    def of_objects(self, count: int) -> list[str | None]:
        """(N,) class that a sample gave each of the first objects, None for none."""
        found: list[str | None] = [None] * count
        for place, number in zip(self.places.tolist(), self.class_of.tolist(), strict=True):
            if place < count:
                found[place] = self.classes[number]
        return found

    def as_samples(self, shapes: Shapes) -> Samples:
        """The same, for learning: each object is a sample of one row, in its middle.

        Args:
            shapes: (N + M,) objects, and outlines after them, in raster indices.
        """
        centres = shapely.get_coordinates(shapely.centroid(shapes[self.places]))
        return Samples(
            self.classes,
            np.floor(centres[:, ::-1] + 0.5).astype(np.int64),
            np.arange(len(self.places), dtype=np.int64),
            self.class_of,
            self.rows,
            dict(self.left_out),
            self.left_out["contradicted"],
        )

    @property
    def notes(self) -> list[str]:
        """What users should know, one sentence each."""
        notes = []
        told = [f"{count} {reason}" for reason, count in self.left_out.items() if count]
        if told:
            notes.append(f"samples that do not count: {', '.join(told)}")
        if len(self.outlines):
            notes.append(
                f"{len(self.outlines)} samples are outlines that no object has: they are learned "
                f"as they are drawn"
            )
        return notes

    def as_record(self) -> dict[str, Any]:
        """Figures as plain values: objects by class, and samples that do not count by reason."""
        count = np.bincount(self.class_of, minlength=len(self.classes))
        return {
            "objects": dict(zip(self.classes, count.tolist(), strict=True)),
            "left_out": dict(self.left_out),
        }


def read_object_samples(
    request: ClassifyRequest, grid: RasterSource, objects: Shapes
) -> ObjectSamples:
    """Read samples and find the objects that they are on.

    A point labels the smallest object that holds it, a polygon the one with the greatest IoU, from
    one half on; a polygon that no object is like teaches by its own outline. An object that two
    classes claim counts for none.

    Args:
        request: The file of the samples.
        grid: The raster.
        objects: (N,) polygons in raster indices.

    Raises:
        InputError: There is no such file.
        PromptError: The file cannot be read or placed, has no such column, or its samples are of
            one class only.
    """
    field = request.class_field or CLASS
    placed = read_placed(
        request.samples,
        grid,
        Wanted("samples", frozenset({spelled(field)})),
        AREAS | POINTS,
        layer=request.samples_layer,
        crs=request.samples_crs,
    )
    names = [
        None if value is None else class_name(value) for value in class_column(placed.table, field)
    ]
    left: Counter[str] = Counter()
    left["outside of the raster, or lines"] = placed.read - len(placed)
    left["without a class"] = sum(name is None for name in names)
    claims, outlines = _claims(placed, names, objects, left)
    places, said, rows = [], [], []
    for place, each in claims.items():
        if len({name for name, _ in each}) > 1:
            left["contradicted"] += len(each)
            continue
        places.append(place)
        said.append(each[0][0])
        rows.append(placed.table.number(each[0][1]))
        left["on an object that another sample is on"] += len(each) - 1
    classes = tuple(sorted(set(said), key=class_order))
    if len(classes) < LEAST_CLASSES:
        told = ", ".join(f"{count} {reason}" for reason, count in left.items() if count)
        what = f"one class only, {classes[0]}" if classes else "no class"
        raise PromptError(
            f"the samples of {request.samples} on the objects are of {what}: to tell objects apart "
            f"takes two or more" + (f" (samples that do not count: {told})" if told else "")
        )
    return ObjectSamples(
        classes,
        np.array(places, dtype=np.int64),
        np.array([classes.index(name) for name in said], dtype=np.int64),
        tuple(rows),
        outlines,
        left,
    )


def _claims(
    placed: Placed, names: list[str | None], objects: Shapes, left: Counter[str]
) -> tuple[dict[int, list[tuple[str, int]]], Shapes]:
    """Classes and rows of the samples on each object, and the outlines that are no object."""
    tree = shapely.STRtree(objects)
    areas = shapely.area(objects)
    claims: dict[int, list[tuple[str, int]]] = {}
    alone: list[shapely.Geometry] = []
    for row, (name, shape) in enumerate(zip(names, placed.shapes, strict=True)):
        if name is None:
            continue
        near = np.sort(tree.query(shape, predicate="intersects"))
        if shapely.get_type_id(shape) in POINTS:
            if not len(near):
                left["points on no object"] += 1
                continue
            place = int(near[areas[near].argmin()])
        else:
            shared = overlap_of(shape, objects[near])
            overlap = shared / np.maximum(shape.area + areas[near] - shared, 1e-12)
            if len(near) and overlap.max() >= SAME_IOU:
                place = int(near[overlap.argmax()])
            else:
                place = len(objects) + len(alone)
                alone.append(shape)
        claims.setdefault(place, []).append((name, row))
    return claims, np.array([None, *alone], dtype=object)[1:]
