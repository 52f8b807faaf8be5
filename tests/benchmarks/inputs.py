"""What both sides of a comparison are given, made from seeds and from the test data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEED = 7
RANDOM_VIT_B = "vit_b"
"""ViT-B with seeded weights: its published ones change nothing about its speed."""
SIDE = 1024
GEOTIFF = "geo/neon_osbs_trees/OSBS_029.tif"
CT = "med/volumes/ct_abdomen/ct.nii.gz"
TRUTH = "med/volumes/ct_abdomen/organs.nii.gz"
SLAB = slice(82, 112)
"""Thirty axial slices of ct_abdomen."""
ORGANS = {"spleen": 1, "liver": 5, "stomach": 6, "aorta": 52, "autochthon_left": 86}
"""Five that each lie on all thirty."""


def pixels(size: int) -> np.ndarray:
    """(1, 3, S, S) float32, as the networks take them."""
    return np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)


def noise() -> np.ndarray:
    """An image without meaning: for what does not depend on it."""
    return np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)


def boxes(count: int) -> np.ndarray:
    """(N, 4) boxes in an image of `SIDE`."""
    random = np.random.default_rng(0)
    return np.sort(random.uniform(0, SIDE - 1, (count, 2, 2)), axis=1).reshape(count, 4)


def picture(root: str, repeat_to: int = 0) -> np.ndarray:
    """A photograph, laid side by side until it fills a square where a side is given."""
    from PIL import Image

    image = np.asarray(Image.open(Path(root) / "natural/truck.jpg").convert("RGB"))
    if not repeat_to:
        return image
    tiles = [-(-repeat_to // side) for side in image.shape[:2]]
    return np.tile(image, (*tiles, 1))[:repeat_to, :repeat_to].copy()


def covered(root: str, table: str) -> np.ndarray:
    """Pixels of the GeoTIFF that any polygon of a file has."""
    import geopandas
    import rasterio
    from rasterio.features import rasterize

    with rasterio.open(Path(root) / GEOTIFF) as raster:
        shapes = geopandas.read_file(table).to_crs(raster.crs).geometry
        burnt = rasterize(shapes, raster.shape, transform=raster.transform, dtype=np.uint8)
    return burnt.astype(bool)


def extents(root: str) -> dict[str, list[int]]:
    """Inclusive (x0, y0, z0, x1, y1, z1) of each organ on the thirty slices."""
    import nibabel

    organs = np.asarray(nibabel.load(Path(root) / TRUTH).dataobj).T[SLAB]
    found = {}
    for name, value in ORGANS.items():
        z, y, x = np.nonzero(organs == value)
        found[name] = [int(end(axis)) for end in (np.min, np.max) for axis in (x, y, z)]
    return found
