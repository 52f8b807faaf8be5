"""Class maps of small size, as fixtures of every test of the geospatial side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

TRANSFORM = Affine(10, 0, 465_000, 0, -10, 5_080_000)
NAMES = {"1": "water", "2": "forest", "7": "town"}


@pytest.fixture
def write_map(tmp_path: Path):
    """Write a class map, with a record that names its classes."""

    def write(
        values, *, probability=None, names=None, crs="EPSG:32633", transform=TRANSFORM, nodata=0
    ) -> Path:
        path = tmp_path / "map.tif"
        values = np.asarray(values, dtype=np.uint8)
        count = 1 if probability is None else 2
        with rasterio.open(
            path, "w", driver="GTiff", count=count, dtype="uint8", crs=crs, transform=transform,
            height=values.shape[0], width=values.shape[1], nodata=nodata,
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
            if probability is not None:
                dataset.write(np.asarray(probability, dtype=np.uint8), 2)
        if names is not None:
            record = {"parameters": {"table": path.name}, "classes": names}
            path.with_suffix(".job.json").write_text(json.dumps(record))
        return path

    return write


@pytest.fixture
def thirds() -> np.ndarray:
    """(90, 120) classes: a tenth water, three tenths town, the rest forest, one column empty."""
    values = np.full((90, 120), 2)
    values[:9] = 1
    values[9:36] = 7
    values[:, -1] = 0
    return values
