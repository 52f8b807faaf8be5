"""Measuring: the features of objects on a raster of any size, block by block.

```
block of the raster -> pixels of the objects that lie in it -> next block
                       last block of an object              -> its features
```
A large object is known by pixels of it that are chosen by chance, so memory is bounded by the
objects that cross a row of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.support.chance import uniform
from sam_common.tiled_job.progress import silent
from sam_common.window import Window
from sam_geo.bands.blocks import blocks
from sam_geo.bands.features import QUANTILES
from sam_geo.bands.regions import Regions
from sam_geo.object_features.shape import FORM, SIZE, forms, sizes
from sam_geo.prompts.mask_prompt import outline_mask
from sam_geo.raster.read_window import ReadWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.stack import RasterStack

    FloatArray = npt.NDArray[np.float32]
    IntArray = npt.NDArray[np.int64]
    Shapes = npt.NDArray[np.object_]
    Embedded = Callable[[Window], FloatArray]

MOST_PIXELS = 2000
"""Pixels of one object, and of its surroundings, that are looked at, chosen by chance."""
SURROUNDINGS = 0.25
"""How far the surroundings of an object reach, in sides of the box around it."""


@dataclass(frozen=True, slots=True)
class ObjectFeatures:
    """The features of objects, by name."""

    band_names: tuple[str, ...]
    """Bands of the raster: mean, spread and percentiles of each, and its difference from the
    surroundings, are features."""
    embedding_axes: int = 0
    """Axes of a network's embedding whose means over the object are features."""

    @property
    def spectral(self) -> tuple[str, ...]:
        """Names of features of the bands."""
        figures = ("mean", "deviation", *(f"percentile {share}" for share in QUANTILES), "contrast")
        return tuple(f"{name} {figure}" for name in self.band_names for figure in figures)

    @property
    def embedding(self) -> tuple[str, ...]:
        """Names of features of the embedding."""
        return tuple(f"embedding {n + 1}" for n in range(self.embedding_axes))

    @property
    def names(self) -> tuple[str, ...]:
        """(F,) names of all features, in the order of a table of them."""
        return (*self.spectral, *SIZE, *FORM, *self.embedding)


def measure_objects(
    stack: RasterStack,
    shapes: Shapes,
    features: ObjectFeatures,
    embedded: Embedded | None = None,
    *,
    progress: Progress = silent,
) -> FloatArray:
    """Compute the features of objects.

    Args:
        stack: The rasters.
        shapes: (N,) polygons in raster indices.
        features: What is computed.
        embedded: Gives the axes (A, h, w) of a window, where the features have them.
        progress: Called with a description and a total.

    Returns:
        (N, F) in the order of the names; NaN where there is none, as of an object without data.

    Raises:
        InputError: A raster cannot be read there.
    """
    count = len(features.band_names)
    found = np.full((len(shapes), len(features.names)), np.nan, dtype=np.float32)
    outer = [len(features.spectral), len(features.spectral) + len(SIZE) + len(FORM)]
    if len(shapes):
        found[:, outer[0] : outer[1]] = np.concatenate([sizes(shapes), forms(shapes)], axis=1)
    windows = blocks(stack.size_hw)
    work = _Places.of(shapes, stack.size_hw, windows)
    with progress("features of the objects", len(windows)) as advance:
        for n, window in enumerate(windows):
            if here := work.in_block[n]:
                values, valid = stack.read(window)
                layers = values if embedded is None else np.concatenate([values, embedded(window)])
                work.look(here, window, layers, valid)
            if done := work.done(n):
                table = work.figures(done, count)
                found[done, : outer[0]] = table[:, : outer[0]]
                found[done, outer[1] :] = table[:, outer[0] :]
            advance(1)
    return found


def blocks_with(shapes: Shapes, size_hw: tuple[int, int]) -> list[Window]:
    """Blocks (row, col) of a raster in which objects or their surroundings lie, row by row."""
    windows = blocks(size_hw)
    work = _Places.of(shapes, size_hw, windows)
    return [window for window, here in zip(windows, work.in_block, strict=True) if here]


@dataclass(slots=True, eq=False)
class _Pixels:
    """Pixels of an object so far, of which those with the least chance stay."""

    chances: npt.NDArray[np.float64]
    values: FloatArray

    def add(self, chances: npt.NDArray[np.float64], values: FloatArray) -> None:
        """Add pixels (K,) with values (L, K)."""
        self.chances = np.concatenate([self.chances, chances])
        self.values = np.concatenate([self.values, values], axis=1)
        if len(self.chances) > MOST_PIXELS:
            kept = np.argpartition(self.chances, MOST_PIXELS)[:MOST_PIXELS]
            self.chances, self.values = self.chances[kept], self.values[:, kept]


@dataclass(slots=True, eq=False)
class _Places:
    """Which objects lie in which blocks, and the pixels of those that are not done."""

    shapes: Shapes
    size_hw: tuple[int, int]
    boxes: list[Window | None]
    """Pixels around each object, its surroundings included; None outside of the raster."""
    in_block: list[list[int]]
    """Objects in each block."""
    last: dict[int, list[int]]
    """Objects by the number of the block that is their last one."""
    inside: dict[int, _Pixels] = field(default_factory=dict)
    around: dict[int, _Pixels] = field(default_factory=dict)

    @classmethod
    def of(cls, shapes: Shapes, size_hw: tuple[int, int], windows: Sequence[Window]) -> _Places:
        boxes = [_box(one, size_hw) for one in shapes]
        tree = shapely.STRtree(
            [shapely.Polygon() if box is None else _square(box) for box in boxes]
        )
        in_block: list[list[int]] = []
        last: dict[int, int] = {}
        for n, window in enumerate(windows):
            near = np.sort(tree.query(_square(window))).tolist()
            here = [k for k in near if (box := boxes[k]) is not None and box.intersect(window)]
            in_block.append(here)
            last.update(dict.fromkeys(here, n))
        done: dict[int, list[int]] = {}
        for k, n in sorted(last.items()):
            done.setdefault(n, []).append(k)
        return cls(shapes, size_hw, boxes, in_block, done)

    def look(
        self,
        numbers: Sequence[int],
        window: Window,
        layers: FloatArray,
        valid: npt.NDArray[np.bool_],
    ) -> None:
        """Take the pixels of some objects from a block with layers (L, h, w)."""
        for k in numbers:
            box = self.boxes[k]
            part = None if box is None else box.intersect(window)
            if part is None:
                continue
            size = part.shape[0], part.shape[1]
            is_inside = outline_mask(self.shapes[k], ReadWindow(part, size, ()))
            at = part.within(window).slices
            rows, cols = np.mgrid[part.slices]
            chances = uniform((rows * self.size_hw[1] + cols).ravel(), 0).reshape(size)
            here = layers[:, at[0], at[1]]
            for kept, pixels in ((is_inside, self.inside), (~is_inside, self.around)):
                chosen = kept & valid[at]
                if k not in pixels:
                    empty = np.empty((len(layers), 0), dtype=np.float32)
                    pixels[k] = _Pixels(np.empty(0), empty)
                pixels[k].add(chances[chosen], here[:, chosen])

    def done(self, n: int) -> list[int]:
        """Objects that end in block `n`."""
        return self.last.get(n, [])

    def figures(self, numbers: Sequence[int], bands: int) -> FloatArray:
        """Figures of the bands, then means of the other layers, of objects that are done."""
        inside = [self.inside.pop(k) for k in numbers]
        around = [self.around.pop(k) for k in numbers]
        own, other = _joined(inside), _joined(around)
        regions, others = (Regions(labels, len(numbers)) for labels, _ in (own, other))
        columns = []
        for n, layer in enumerate(own[1]):
            mean = regions.mean(layer)
            columns.append(mean)
            if n < bands:
                columns += regions.figures(layer, QUANTILES)
                columns.append(mean - others.mean(other[1][n]))
        return np.stack(columns, axis=1).astype(np.float32)


def _joined(pixels: Sequence[_Pixels]) -> tuple[IntArray, FloatArray]:
    """Pixels (K,) of several objects with the number of each, and their values (L, K)."""
    labels = np.repeat(np.arange(len(pixels)), [len(one.chances) for one in pixels])
    return labels, np.concatenate([one.values for one in pixels], axis=1)


def _box(shape: shapely.Geometry, size_hw: tuple[int, int]) -> Window | None:
    """Pixels in the box around a shape and its surroundings, inside the raster."""
    x0, y0, x1, y1 = shapely.bounds(shape).tolist()
    if not np.isfinite([x0, y0, x1, y1]).all():
        return None
    wide, high = (max(2.0, SURROUNDINGS * side) for side in (x1 - x0, y1 - y0))
    start = int(np.floor(y0 - high + 0.5)), int(np.floor(x0 - wide + 0.5))
    stop = int(np.floor(y1 + high + 0.5)) + 1, int(np.floor(x1 + wide + 0.5)) + 1
    return Window(start, stop).intersect(Window.full(size_hw))


def _square(window: Window) -> shapely.Polygon:
    """A (row, col) window as a polygon in rows and columns."""
    (top, left), (bottom, right) = window.start, window.stop
    return shapely.box(top, left, bottom, right)
