"""Class maps of two dates, with records that name their classes, and scenes to make them of."""

from __future__ import annotations

import json
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy import ndimage

from sam_geo.class_maps.class_map import open_class_map
from sam_geo.comparison.common_grid import common_grid

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
NAMES = {1: "land", 2: "water", 3: "town"}


@pytest.fixture
def make_map(tmp_path):
    """Write (rows, cols) values as a class map; 0 is nodata."""

    def make(name, values, *, names=NAMES, probability=None, crs="EPSG:32633", transform=GRID):
        values = np.asarray(values)
        path = tmp_path / name
        bands = [values] if probability is None else [values, np.asarray(probability)]
        with rasterio.open(
            path, "w", driver="GTiff", count=len(bands), dtype="uint8", crs=crs, nodata=0,
            transform=transform, height=values.shape[0], width=values.shape[1],
        ) as dataset:  # fmt: skip
            for n, band in enumerate(bands):
                dataset.write(band.astype(np.uint8), n + 1)
        path.with_suffix(".job.json").unlink(missing_ok=True)
        if names is not None:
            classes = {str(value): name for value, name in names.items()}
            record = {"parameters": {"table": path.name}, "classes": classes}
            path.with_suffix(".job.json").write_text(json.dumps(record))
        return path

    return make


@pytest.fixture
def open_pair():
    """Two maps on the grid of the first, as `with open_pair(before, after) as grid`."""

    @contextmanager
    def opened(before, after):
        with open_class_map(before) as one, open_class_map(after) as two:
            yield common_grid(one, two)

    return opened


@pytest.fixture(scope="session")
def landscape():
    """(1800, 1800) three classes in patches some hundred places wide, ten to a pixel."""
    rng = np.random.default_rng(4)
    shades = [ndimage.zoom(rng.normal(size=(15, 15)), 120, order=3) for _ in NAMES]
    return np.argmax(shades, axis=0) + 1


@pytest.fixture(scope="session")
def photograph(landscape):
    """(174, 174) pixels of the landscape, tenths of a pixel `down` and `right` of a place."""

    def taken(down=0, right=0):
        return landscape[30 + down : 1770 + down : 10, 30 + right : 1770 + right : 10]

    return taken
