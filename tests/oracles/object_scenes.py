"""Scenes of objects: discs and squares of two colours, in rows, whose outlines are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import rasterio.features
import shapely
from affine import Affine

GRID = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)
SIZE = (240, 320)
STEP = 40
COLOURS = {"disc": (190, 60, 60), "square": (60, 60, 190)}


@dataclass(frozen=True)
class ObjectScene:
    """Files of a scene, and the truth."""

    raster: Path
    objects: Path
    """All outlines, column `kind`."""
    table: geopandas.GeoDataFrame
    """The same; `row` and `col` are the middle in pixels."""

    def some(self, kind, count=None, *, points=False, **columns):
        """The first objects of a kind as a table, with further columns."""
        rows = self.table[self.table["kind"] == kind].iloc[:count].copy()
        if points:
            rows["geometry"] = rows.geometry.centroid
        return rows.assign(**columns)


def object_scene(folder, *, noise=6.0, seed=0) -> ObjectScene:
    """Write a scene of 48 objects; without noise each has a colour of its own, on black."""
    rng = np.random.default_rng(seed)
    image = np.zeros((3, *SIZE))
    if noise:
        image += 110
    rows = []
    for n, (y, x) in enumerate(
        (y, x) for y in range(20, SIZE[0], STEP) for x in range(20, SIZE[1], STEP)
    ):
        kind = ("disc", "square")[int(rng.integers(2))]
        row, col = (int(v + rng.integers(-4, 5)) for v in (y, x))
        radius = float(rng.uniform(8, 11))
        centre = shapely.Point(col, row)
        shape = centre.buffer(radius) if kind == "disc" else shapely.box(
            col - radius, row - radius, col + radius, row + radius
        )  # fmt: skip
        inside = rasterio.features.rasterize([shape], SIZE).astype(bool)
        shade = (0, 0, 0) if noise else (n % 7, n // 7, 0)
        image[:, inside] = np.array(COLOURS[kind])[:, None] + np.array(shade)[:, None]
        rows.append({"kind": kind, "row": row, "col": col, "geometry": shape})
    image += rng.normal(0, noise, image.shape) if noise else 0
    path = Path(folder) / "objects.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, dtype="uint8", crs="EPSG:32633", transform=GRID,
        height=SIZE[0], width=SIZE[1],
    ) as dataset:  # fmt: skip
        dataset.write(np.clip(image, 0, 255).round().astype(np.uint8))
        dataset.descriptions = ("red", "green", "blue")
    table = geopandas.GeoDataFrame(rows)
    table["geometry"] = [
        shapely.transform(s, lambda xy: np.column_stack(GRID @ xy.T)) for s in table["geometry"]
    ]
    table = geopandas.GeoDataFrame(table, geometry="geometry", crs="EPSG:32633")
    file = Path(folder) / "objects.gpkg"
    table.to_file(file)
    return ObjectScene(path, file, table)
