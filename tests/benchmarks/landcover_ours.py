"""The product as a method of `tests.benchmarks.landcover`: what `sam-geo landcover` does."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from affine import Affine

from sam_common.support.chance import uniform
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.plan import Plan
from sam_geo.bands.stack import open_stack
from sam_geo.classification.block_classes import Classification
from sam_geo.classification.map_rows import decide
from sam_geo.classification.speckle import without_speckle
from sam_geo.learning.samples import MOST_PIXELS
from sam_geo.learning.samples import Samples as Learnable
from sam_geo.learning.training import learn
from sam_geo.mapping.request import SMALLEST_PIECE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_geo.bands.stack import RasterStack
    from tests.benchmarks.landcover_data import Samples, Scene

    ByteArray = npt.NDArray[np.uint8]
    IntArray = npt.NDArray[np.int64]


@contextmanager
def stacked(scene: Scene) -> Iterator[RasterStack]:
    """The bands of a scene as a raster on disk; NaN where a pixel is not valid."""
    count, height, width = scene.bands.shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        with rasterio.open(
            path, "w", driver="GTiff", count=count, dtype="float32", height=height, width=width,
            nodata=np.nan, crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 5e6),
        ) as dataset:  # fmt: skip
            dataset.write(np.where(scene.valid, scene.bands, np.float32(np.nan)))
        with open_stack([path]) as stack:
            yield stack


def learnable(scene: Scene, samples: Samples) -> Learnable:
    """Samples as the product reads them: at most so many pixels of a polygon, chosen by chance."""
    chance = uniform(samples.cells[:, 0] * scene.valid.shape[1] + samples.cells[:, 1], 0)
    order = np.lexsort((chance, samples.feature))
    owner = samples.feature[order]
    rows = np.sort(order[np.arange(len(owner)) - np.searchsorted(owner, owner) < MOST_PIXELS])
    features, number = np.unique(samples.feature[rows], return_inverse=True)
    _, first = np.unique(number, return_index=True)
    present = np.unique(samples.label[rows])
    class_of = np.searchsorted(present, samples.label[rows][first])
    names = tuple(scene.classes[n] for n in present)
    return Learnable(
        names, samples.cells[rows], number, class_of, tuple(range(len(features))), {}, 0
    )


_KEPT: dict[tuple[str, bytes], tuple[ByteArray, ByteArray]] = {}
"""Maps of one scene by the samples that made them, before small pieces go: two methods ask."""


def landcover(scene: Scene, samples: Samples, least: int = SMALLEST_PIECE) -> IntArray:
    """(h, w) classes of the product, with everything that it chooses chosen by these samples."""
    key = scene.name, samples.cells.tobytes()
    if any(name != scene.name for name, _ in _KEPT):
        _KEPT.clear()
    if key not in _KEPT:
        _KEPT[key] = _all_pieces(scene, samples)
    classes, _ = without_speckle(*_KEPT[key], least)
    names = np.unique(samples.label)
    return np.asarray(np.append(0, names)[classes], dtype=np.int64)


def _all_pieces(scene: Scene, samples: Samples) -> tuple[ByteArray, ByteArray]:
    """(h, w) numbers of the classes that have samples, 0 for nodata, and their probabilities."""
    shape = scene.valid.shape
    found, chances = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    with stacked(scene) as stack, tempfile.TemporaryDirectory() as folder:
        learned = learn(stack, learnable(scene, samples))
        work = Classification(stack, learned.model)
        parts = PartStore(Path(folder), Plan(stack.size_hw, work.windows, {}), resume=False)
        for n in range(len(work.windows)):
            parts.write(n, work.classify(n, work.read(n)))

        def write(window: Window, classes: ByteArray, per_cent: ByteArray) -> None:
            found[window.slices], chances[window.slices] = classes, per_cent

        decide(work, parts, write, least=1, advance=lambda _: None)
    return found, chances


def every_piece(scene: Scene, samples: Samples) -> IntArray:
    """The same with every piece kept, however small."""
    return landcover(scene, samples, 1)
