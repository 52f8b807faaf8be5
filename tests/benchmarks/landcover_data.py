"""Land-cover sets with samples, read without the product, for `tests.benchmarks.landcover`.

Samples become pixels by GDAL's own rule: a polygon has the pixels whose centre lies in it, a point
the one that it lies on. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import rasterio
import rasterio.features
from PIL import Image
from scipy.spatial import cKDTree
from sklearn.model_selection import StratifiedGroupKFold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float32]

DENSE_SAMPLES = 40
"""Points that are drawn of each class where every pixel's class is known."""
THINNED = 100
"""Pixels of each polygon where polygons cover most of a scene: a forest of all of them takes hours,
and learns no more."""
MOST_FOLDS = 5
BLOCK_SPACINGS = 2
"""Side of a block of points, in median distances to the nearest point."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Pixels whose class is known."""

    cells: IntArray
    """(N, 2) row and column."""
    feature: IntArray
    """(N,) number of the polygon or point."""
    label: IntArray
    """(N,) index of the class."""
    group: IntArray
    """(N,) number of the block that is never split: the polygon, or a square of points."""

    def take(self, rows: IntArray) -> Samples:
        return Samples(self.cells[rows], self.feature[rows], self.label[rows], self.group[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A raster with samples."""

    name: str
    bands: FloatArray
    """(B, h, w)."""
    valid: BoolArray
    """(h, w)."""
    classes: tuple[str, ...]
    samples: Samples
    truth: IntArray | None = None
    """(h, w) index of the class of each pixel, -1 where unknown; None where only samples are."""

    @property
    def folds(self) -> int:
        """As many as the class of the fewest groups allows, 2 to 5."""
        found = self.samples
        groups = [
            len(np.unique(found.group[found.label == each])) for each in range(len(self.classes))
        ]
        return max(2, min(MOST_FOLDS, *groups))


def deal(scene: Scene, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Rows of samples to train and to test with, groups never split.

    Seed 0 is scikit-learn's `StratifiedGroupKFold`, which has one answer where groups differ in
    size; other seeds deal the groups of each class in a random order.
    """
    found, folds = scene.samples, scene.folds
    if seed == 0:
        made = StratifiedGroupKFold(folds).split(found.cells, found.label, found.group)
        return [(train, test) for train, test in made]
    random = np.random.default_rng(seed)
    groups, inverse = np.unique(found.group, return_inverse=True)
    main = np.array([np.bincount(found.label[inverse == n]).argmax() for n in range(len(groups))])
    fold_of = np.zeros(len(groups), dtype=np.int64)
    for each in np.unique(main):
        order = random.permutation(np.flatnonzero(main == each))
        fold_of[order] = (np.arange(len(order)) + random.integers(folds)) % folds
    fold = fold_of[inverse]
    return [
        (np.flatnonzero(fold != n), np.flatnonzero(fold == n))
        for n in range(folds)
        if (fold == n).any()
    ]


def root() -> Path:
    return Path(os.environ["SAM_TEST_DATA"]) / "geo"


def read_bands(paths: Sequence[str]) -> tuple[FloatArray, BoolArray, rasterio.DatasetReader]:
    """All bands of rasters on one grid, and where all of them have values."""
    bands, valid = [], []
    for path in paths:
        with rasterio.open(root() / path) as dataset:
            bands.append(np.nan_to_num(dataset.read().astype(np.float32), posinf=0, neginf=0))
            valid.append(dataset.dataset_mask() > 0)
    return np.concatenate(bands), np.logical_and.reduce(valid), rasterio.open(root() / paths[0])


def lay(
    table: geopandas.GeoDataFrame, column: str, grid: rasterio.DatasetReader, valid: BoolArray
) -> tuple[tuple[str, ...], Samples]:
    """Samples as pixels; classes of fewer than two groups cannot be checked and are left out."""
    if table.crs is not None and table.crs != grid.crs:
        table = table.to_crs(grid.crs)
    table = table[table[column].notna() & (table[column].astype(str) != "")]
    owner = np.zeros(grid.shape, dtype=np.int64)
    for number, shape in enumerate(table.geometry, start=1):
        touched = shape.geom_type == "Point"
        burnt = rasterio.features.rasterize(
            [shape], grid.shape, transform=grid.transform, all_touched=touched
        )
        owner[burnt > 0] = number
    cells = np.argwhere((owner > 0) & valid)
    feature = owner[cells[:, 0], cells[:, 1]]
    return _gather(cells, feature, np.array(["", *table[column].astype(str)])[feature])


def _gather(
    cells: IntArray, feature: IntArray, name: npt.NDArray[np.str_]
) -> tuple[tuple[str, ...], Samples]:
    group = _groups(cells, feature)
    kept = np.isin(
        name, [each for each in np.unique(name) if len(np.unique(group[name == each])) > 1]
    )
    classes, label = np.unique(name[kept], return_inverse=True)
    return tuple(classes.tolist()), Samples(cells[kept], feature[kept], label, group[kept])


def _groups(cells: IntArray, feature: IntArray) -> IntArray:
    """The features themselves, or squares of points."""
    if np.median(np.unique(feature, return_counts=True)[1]) > 1:
        return feature
    nearest = np.median(cKDTree(cells).query(cells, 2)[0][:, 1])
    square = cells // (BLOCK_SPACINGS * max(float(nearest), 1.0))
    group: IntArray = np.unique(square, axis=0, return_inverse=True)[1].ravel()
    return group


def _vectors(name: str, rasters: Sequence[str], samples: str, column: str) -> Scene:
    bands, valid, grid = read_bands(rasters)
    with grid:
        classes, found = lay(geopandas.read_file(root() / samples), column, grid, valid)
    return Scene(name, bands, valid, classes, found)


def hist() -> Scene:
    folder = "historical_map_landcover"
    return _vectors("hist", [f"{folder}/map_compress.tif"], f"{folder}/train.gpkg", "Class")


def amazon() -> Scene:
    folder = "lc_amazon_landsat5"
    samples = f"{folder}/rstoolbox_lsat_training.gpkg"
    column = next(iter(geopandas.read_file(root() / samples).columns))
    return _vectors("amazon", [f"{folder}/rstoolbox_lsat.tif"], samples, column)


def leipzig() -> Scene:
    folder = "lc_leipzig_s2"
    return _vectors(
        "leipzig", [f"{folder}/leipzig_raster.tif"], f"{folder}/leipzig_points.gpkg", "land_cover"
    )


def carolina(kind: str) -> Scene:
    folder = "lc_nc_landsat7_7class"
    samples = f"{folder}/landsat96_{kind}.shp"
    return _vectors(f"carolina {kind}", [f"{folder}/lsat7_2000_stack.tif"], samples, "id")


def vegas() -> Scene:
    folder = "lc_vegas_wv3_8band"
    found = _vectors(
        "vegas", [f"{folder}/tiff_8channel_uint8.tif"], f"{folder}/tiff_3channel_uint8.geojson",
        "label",
    )  # fmt: skip
    mask = np.asarray(Image.open(root() / folder / "mask_tiff_3channel_uint8.png"))
    truth = mask.astype(np.int64) - 1
    samples = found.samples.take(_thinned(found.samples.feature))
    return Scene(found.name, found.bands, found.valid, found.classes, samples, truth)


def _thinned(feature: IntArray) -> IntArray:
    """Rows of `THINNED` pixels of each feature, drawn by chance, in their order."""
    random = np.random.default_rng(0)
    order = random.permutation(len(feature))
    order = order[np.argsort(feature[order], kind="stable")]
    owner = feature[order]
    return np.sort(order[np.arange(len(owner)) - np.searchsorted(owner, owner) < THINNED])


def slovenia() -> Scene:
    folder = "sentinel2_landcover"
    return _vectors("slovenia", [f"{folder}/max_ndvi.tif"], f"{folder}/lulc.gpkg", "LULC_NAME")


def chesapeake() -> Scene:
    stem = "lc_chesapeake_tile/m_3907833_nw_17_1"
    parts = ("naip-new", "naip-old", "landsat-leaf-on")
    bands, valid, grid = read_bands([f"{stem}_{part}.tif" for part in parts])
    grid.close()
    with rasterio.open(root() / f"{stem}_lc.tif") as dataset:
        truth = dataset.read(1).astype(np.int64)
    random = np.random.default_rng(0)
    chosen = []
    for each in np.unique(truth[truth > 0]):
        there = np.argwhere((truth == each) & valid)
        size = min(DENSE_SAMPLES, len(there))
        chosen.append(there[random.choice(len(there), size, replace=False)])
    cells = np.concatenate(chosen)
    name = truth[cells[:, 0], cells[:, 1]].astype(str)
    classes, samples = _gather(cells, np.arange(len(cells)), name)
    return Scene("chesapeake", bands, valid, classes, samples, truth - 1)


def wales() -> Scene:
    folder = "acc_wales_1000_points"
    bands, valid, grid = read_bands([f"{folder}/sen2_20210527_aber_subset.tif"])
    path = root() / folder / "cls_poly_smpls.gpkg"
    tables = [
        geopandas.read_file(path, layer=layer)[["geometry"]].assign(layer=layer)
        for layer, _ in pyogrio.list_layers(path)
    ]
    with grid:
        classes, found = lay(pd.concat(tables, ignore_index=True), "layer", grid, valid)
    return Scene("wales", bands, valid, classes, found)


SCENES: dict[str, Callable[[], Scene]] = {
    "hist": hist,
    "amazon": amazon,
    "leipzig": leipzig,
    "carolina_polygons": lambda: carolina("polygons"),
    "carolina_points": lambda: carolina("points"),
    "vegas": vegas,
    "slovenia": slovenia,
    "chesapeake": chesapeake,
    "wales": wales,
}


def scenes(names: Sequence[str] = ()) -> Iterator[Scene]:
    for name in names or SCENES:
        yield SCENES[name]()
