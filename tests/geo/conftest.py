"""Small rasters made for a test, in memory or on disk."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import scenes
from affine import Affine
from class_maps import thirds, write_map  # noqa: F401  # fixtures
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

UTM = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)


def _profile(array: np.ndarray, options: dict) -> dict:
    count, height, width = array.shape
    defaults = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": array.dtype.name,
        "crs": "EPSG:32633",
        "transform": UTM,
    }
    return defaults | options


def _write(dataset: rasterio.io.DatasetWriter, array: np.ndarray, mask: np.ndarray | None) -> None:
    dataset.write(array)
    if mask is not None:
        dataset.write_mask(mask)


@contextmanager
def raster_in_memory(array: np.ndarray, **options: object) -> Iterator[str]:
    """The /vsimem/ path of a (bands, rows, cols) array as GeoTIFF."""
    with MemoryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with file.open(**_profile(array, options)) as dataset:
            _write(dataset, array, None)
        yield file.name


@pytest.fixture(scope="session")
def memory_raster() -> Callable[..., AbstractContextManager[str]]:
    """`with memory_raster(array) as path:`, for laws that run often."""
    return raster_in_memory


@pytest.fixture
def make_raster(tmp_path: Path) -> Callable[..., Path]:
    """Write a (bands, rows, cols) array as GeoTIFF into the test's folder."""

    def make(
        array: np.ndarray, *, name: str = "image.tif", mask: np.ndarray | None = None, **options
    ) -> Path:
        path = tmp_path / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with (
                rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
                rasterio.open(path, "w", **_profile(array, options)) as dataset,
            ):
                _write(dataset, array, mask)
        return path

    return make


@pytest.fixture
def grey_raster(make_raster: Callable[..., Path]) -> Path:
    """80 rows and 100 columns of grey, EPSG:32633, 0.5 m."""
    return make_raster(np.arange(8000, dtype=np.uint8).reshape(1, 80, 100))


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """Three boxes in pixels of `grey_raster`; the last one lies outside."""
    path = tmp_path / "boxes.csv"
    rows = ("10,10,30,30,tree", "50,20,90,60,roof", "200,0,210,10,pond")
    path.write_text("\n".join(("xmin,ymin,xmax,ymax,label", *rows, "")))
    return path


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    """Numbers of fields that touch each other, some of them larger than a window."""
    return scenes.parcels(400, 14)


@pytest.fixture
def fields(labels: np.ndarray, make_raster: Callable[..., Path]) -> Path:
    """The fields as a colour image in which each number has a colour of its own."""
    colours = np.stack([labels, labels * 7 % 256, labels * 13 % 256]).astype(np.uint8)
    return make_raster(colours, name="fields.tif")
