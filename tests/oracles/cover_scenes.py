"""Scenes of land cover: rasters whose true classes are known, with samples of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from scipy import ndimage

GRID = Affine(10, 0, 500_000, 0, -10, 5_800_000)
NAMES = ("water", "field", "town")
MEANS = np.array([[40, 60, 20], [90, 120, 160], [170, 160, 110]], dtype=float)
"""Mean of each band for each class."""


@dataclass(frozen=True)
class CoverScene:
    """Files of a scene, and the truth."""

    raster: Path
    samples: Path
    truth: np.ndarray
    """(h, w) index of the class; -1 where the raster has no data."""


def true_classes(size_hw, seed=0):
    """(h, w) classes in pieces of some twenty pixels."""
    rng = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(rng.normal(size=size_hw), 9, mode="wrap") for _ in NAMES]
    return np.argmax(fields, axis=0)


def cover_scene(
    folder, size_hw=(120, 150), *, per_class=15, noise=18.0, seed=0, nodata=None, crs="EPSG:32633"
) -> CoverScene:
    """Write a scene of three classes, with points on them as samples (column `cover`)."""
    rng = np.random.default_rng(seed + 1)
    truth = true_classes(size_hw, seed)
    values = np.moveaxis(MEANS[truth], -1, 0) + rng.normal(0, noise, (3, *size_hw))
    values = np.clip(values, 1, 255).astype(np.uint8)
    if nodata is not None:
        truth[nodata] = -1
        values[:, truth < 0] = 0
    raster = Path(folder) / "scene.tif"
    with rasterio.open(
        raster, "w", driver="GTiff", count=3, dtype="uint8", crs=crs, transform=GRID,
        height=size_hw[0], width=size_hw[1], nodata=None if nodata is None else 0,
    ) as dataset:  # fmt: skip
        dataset.write(values)
        dataset.descriptions = ("red", "green", "nir")
    cells, names = [], []
    for number, name in enumerate(NAMES):
        places = np.argwhere(truth == number)
        cells += places[rng.choice(len(places), per_class, replace=False)].tolist()
        names += [name] * per_class
    points = [shapely.Point(GRID @ (col + 0.5, row + 0.5)) for row, col in cells]
    samples = Path(folder) / "samples.gpkg"
    geopandas.GeoDataFrame({"cover": names}, geometry=points, crs=crs).to_file(samples)
    return CoverScene(raster, samples, truth)


def unseen_bands(raster, path) -> None:
    """Write a raster with two more bands; they alone tell, and the first three are noise."""
    with rasterio.open(raster) as dataset:
        values, profile, names = dataset.read(), dataset.profile, dataset.descriptions
    rng = np.random.default_rng(5)
    noise = rng.integers(1, 255, values.shape, dtype=np.uint8)
    with rasterio.open(path, "w", **{**profile, "count": 5}) as dataset:
        dataset.write(np.concatenate([noise, values[[0, 2]]]))
        dataset.descriptions = (*names, None, None)
