"""Examples: what a user shows and refuses, laid on the candidates that are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from sam_common.errors import PromptError
from sam_geo.learning.similarity import IGNORED, NEGATIVE, POSITIVE, UNLABELLED
from sam_geo.object_features.placed import AREAS, POINTS, read_placed
from sam_geo.prompt_files.table import Wanted, spelled
from sam_geo.prompts.point_labels import BACKGROUND, YES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from sam_geo.object_classes.request import SimilarRequest
    from sam_geo.object_features.placed import Placed
    from sam_geo.raster.source import RasterSource

    IntArray = npt.NDArray[np.int64]
    Shapes = npt.NDArray[np.object_]

ACCEPTED = "accepted"
"""Column of a result that a user fills in."""
SAME_IOU = 0.5
"""IoU from which a candidate is the object that an outline shows."""
OTHER_IOU = 0.3
"""IoU below which a candidate that holds an outline, or lies in it, is another thing."""
NESTED = 0.5
"""Part of the smaller of two shapes from which one lies in the other."""
NO = frozenset({*BACKGROUND, "0", "0.0", "-1", "false", "f", "n", "rejected"})
"""Words that refuse an example, in small letters."""
MAYBE_YES = frozenset({*YES, "positive", "pos", "accepted"})
"""Words that accept one."""
LEAST_EXAMPLES = 2
"""Examples that are needed: one has no spread."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a user said of objects, in raster indices."""

    shapes: Shapes
    """(E,) polygons and points, those that were read later after those before."""
    signs: IntArray
    """(E,) whether each is an example (`POSITIVE`) or something else (`NEGATIVE`)."""
    notes: tuple[str, ...]
    """What the user should know of the files, one sentence each."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What is known of candidates."""

    of_candidates: IntArray
    """(N,) `POSITIVE`, `NEGATIVE`, `UNLABELLED` or `IGNORED`."""
    outlines: Shapes
    """(M,) outlines that no candidate shows: they are candidates by themselves."""
    of_outlines: IntArray
    """(M,) what is said of them."""
    without: int
    """Points that no candidate holds: they say nothing."""


def read_examples(request: SimilarRequest, grid: RasterSource) -> Examples:
    """Read examples, refusals and corrections.

    Args:
        request: The files.
        grid: The raster.

    Raises:
        InputError: There is no such file.
        PromptError: A file cannot be read or placed, has no such column, or fewer than two examples
            lie on the raster.
    """
    found: list[tuple[Placed, list[int]]] = []
    for path, field, sign in _files(request):
        wanted = Wanted("examples", frozenset({spelled(field)} if field else ()))
        is_first = path == request.examples
        placed = read_placed(
            path,
            grid,
            wanted,
            AREAS | POINTS,
            layer=request.examples_layer if is_first else None,
            crs=request.examples_crs if path != request.corrections else None,
        )
        found.append((placed, _signs(placed, field, sign)))
    shapes = np.concatenate([placed.shapes for placed, _ in found])
    signs = np.array([sign for _, each in found for sign in each], dtype=np.int64)
    kept = signs != UNLABELLED
    count = int((signs == POSITIVE).sum())
    first = found[0][0]
    if not count:
        raise PromptError(
            f"none of the {first.read} examples of {request.examples} lies on {grid.path}: they "
            f"are polygons or points on objects of the kind that is looked for"
        )
    if count < LEAST_EXAMPLES:
        raise PromptError(
            f"there is one example only on {grid.path}: what is alike shows in two or more, so "
            f"give another one in {request.examples}"
        )
    lost = first.read - len(first)
    notes = (f"{lost} of {first.read} examples lie outside of the raster or are lines",)
    return Examples(shapes[kept], signs[kept], notes if lost else ())


def _files(request: SimilarRequest) -> Iterator[tuple[Path, str | None, int]]:
    """Files, the column that says what a row is, and what it is where there is none."""
    yield request.examples, request.example_field, POSITIVE
    if request.negatives is not None:
        yield request.negatives, None, NEGATIVE
    if request.corrections is not None:
        yield request.corrections, ACCEPTED, UNLABELLED


def _signs(placed: Placed, field: str | None, usual: int) -> list[int]:
    """What each row is: that of an empty cell is the usual thing."""
    if field is None:
        return [usual] * len(placed)
    table = placed.table
    if spelled(field) not in {spelled(name) for name, _ in table.columns}:
        names = ", ".join(table.all_names) or "none"
        raise PromptError(
            f"{table.name} has no column {field!r}, which tells examples from refusals; its "
            f"columns are {names}"
        )
    values = table.column(spelled(field))
    return [_sign(value, usual, field, placed, row) for row, value in enumerate(values)]


def _sign(value: Any, usual: int, field: str, placed: Placed, row: int) -> int:
    if value is None:
        return usual
    word = str(value).strip().lower()
    if word in NO:
        return NEGATIVE
    if word in MAYBE_YES:
        return POSITIVE
    raise PromptError(
        f"column {field} of {placed.table.name} says {value!r} in row {placed.table.number(row)}: "
        f"give 1 or true for an example, 0 or false for something else"
    )


def laid_on(shapes: Shapes, examples: Examples) -> Said:
    """Find the candidates that examples mean.

    A polygon means the candidate with the greatest IoU, from one half on; a candidate that holds it
    or lies in it, and is clearly larger or smaller, is something else. A point means, of the
    candidates that hold it, the one whose size goes best with those of the other points.

    Args:
        shapes: (N,) candidates in raster indices.
        examples: What a user said.
    """
    tree = shapely.STRtree(shapes)
    said = np.full(len(shapes), UNLABELLED, dtype=np.int64)
    kinds = shapely.get_type_id(examples.shapes)
    is_point = np.isin(kinds, sorted(POINTS))
    alone: list[int] = []
    # what follows from an outline beside is weaker than what is said of the candidate itself
    for n in np.flatnonzero(~is_point & (examples.signs == POSITIVE)):
        near, overlap, nested = _overlaps(tree, shapes, examples.shapes[n])
        said[near[nested & (said[near] == UNLABELLED)]] = IGNORED
        said[near[nested & (overlap < OTHER_IOU) & (said[near] == IGNORED)]] = NEGATIVE
    for n in np.flatnonzero(~is_point):
        near, overlap, _ = _overlaps(tree, shapes, examples.shapes[n])
        if len(near) and overlap.max() >= SAME_IOU:
            said[near[overlap.argmax()]] = examples.signs[n]
        else:
            alone.append(int(n))
    without = _by_points(tree, shapes, said, examples, np.flatnonzero(is_point))
    return Said(said, examples.shapes[alone], examples.signs[alone], without)


def overlap_of(shape: shapely.Geometry, others: Shapes) -> npt.NDArray[np.float64]:
    """(K,) areas that a shape shares with others; invalid outlines are mended first."""
    one, many = (
        np.where(shapely.is_valid(each), each, shapely.make_valid(each))
        for each in (np.array([shape], dtype=object), others)
    )
    return np.asarray(shapely.area(shapely.intersection(one[0], many)), dtype=np.float64)


def _overlaps(
    tree: shapely.STRtree, shapes: Shapes, shape: shapely.Geometry
) -> tuple[IntArray, npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Candidates near an outline, their IoU with it, and whether one lies in the other."""
    near = np.sort(tree.query(shape))
    shared = overlap_of(shape, shapes[near])
    own, other = shapely.area(shape), shapely.area(shapes[near])
    with np.errstate(invalid="ignore", divide="ignore"):
        overlap = np.nan_to_num(shared / (own + other - shared))
        nested = np.nan_to_num(shared / np.minimum(own, other)) > NESTED
    return near, overlap, nested


def _by_points(
    tree: shapely.STRtree, shapes: Shapes, said: IntArray, examples: Examples, points: IntArray
) -> int:
    """Say of candidates what points on them say; the number of points on none."""
    held = {int(n): np.sort(tree.query(examples.shapes[n], predicate="intersects")) for n in points}
    sizes = np.log(np.maximum(shapely.area(shapes), 1e-9))
    positive = [n for n in held if examples.signs[n] == POSITIVE and len(held[n])]
    least = [sizes[held[n]].min() for n in positive]
    usual = np.median([*sizes[said == POSITIVE], *least]) if positive else 0.0
    for n, near in held.items():
        if examples.signs[n] == NEGATIVE:
            said[near[said[near] != POSITIVE]] = NEGATIVE
        elif len(near):
            best = near[np.abs(sizes[near] - usual).argmin()]
            said[near[said[near] == UNLABELLED]] = IGNORED
            said[best] = POSITIVE
    return sum(not len(near) for near in held.values())
