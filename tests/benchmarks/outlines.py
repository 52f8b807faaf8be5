"""Outlines of masks against GDAL's through rasterio: `python -m tests.benchmarks.outlines`.

Round objects with rough edges, of several sizes, become polygons in both ways, in turn and in one
process; told are the processor times, their ratio, and whether all polygons are the same.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import rasterio.features
import shapely
from scipy.ndimage import gaussian_filter

from sam_geo.outlines.trace import traced

SIDES = (30, 90, 400, 2000)
ROUNDS = 7
PIXELS = 2_000_000
MOST = 200


def rough(side: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """A disc whose edge goes in and out by a tenth of its radius."""
    noise = gaussian_filter(rng.standard_normal((side, side)), side / 30)
    rows, cols = np.indices((side, side)) - side / 2
    found = np.hypot(rows, cols) < side * (0.42 + 0.04 * noise / noise.std())
    return np.asarray(found, dtype=np.bool_)


def by_gdal(mask: npt.NDArray[np.bool_]) -> shapely.Geometry:
    """The polygons of `rasterio.features.shapes` as one geometry."""
    found = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    parts = [shapely.geometry.shape(shape) for shape, _ in found]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def seconds(
    run: Callable[[npt.NDArray[np.bool_]], shapely.Geometry], masks: list[npt.NDArray[np.bool_]]
) -> float:
    """Processor seconds for one mask."""
    begin = time.process_time()
    for mask in masks:
        run(mask)
    return (time.process_time() - begin) / len(masks)


def main() -> None:
    """Tell one line of JSON for each size."""
    rng = np.random.default_rng(0)
    for side in SIDES:
        masks = [rough(side, rng) for _ in range(max(2, min(MOST, PIXELS // side**2)))]
        same = all(traced(mask).normalize() == by_gdal(mask).normalize() for mask in masks)
        pairs = [(seconds(traced, masks), seconds(by_gdal, masks)) for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
        row = {
            "side_px": side,
            "vertices": round(np.mean([shapely.get_num_coordinates(traced(m)) for m in masks])),
            "ours_ms": round(1e3 * ours, 3),
            "gdal_ms": round(1e3 * theirs, 3),
            "ratio": round(statistics.median(b / a for a, b in pairs), 1),
            "same": same,
        }
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
