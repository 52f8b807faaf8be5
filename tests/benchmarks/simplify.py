"""Simplification against GEOS's of coverages: `python -m tests.benchmarks.simplify`.

Parcels that fill a raster, and round masks of which many overlap, are simplified in both ways, in
turn and in one process. GEOS takes all polygons at once, and such as overlap none of them; told are
processor microseconds for each vertex, vertices before and after, the largest distance by which an
outline moved, in tolerances, and how many polygons a block of the raster needs beside its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import rasterio.features
import shapely

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

from scenes import parcels

from sam_geo.outlines.simplify import simplify
from sam_geo.outlines.trace import traced
from tests.benchmarks.outlines import rough

Shapes: TypeAlias = npt.NDArray[np.object_]

ROUNDS = 5
SIDE, CELLS, MASKS = 1500, 6000, 1500
BLOCK = 300


def cells() -> Shapes:
    """Parcels that fill the raster, along the edges of its pixels."""
    found = rasterio.features.shapes(parcels(SIDE, CELLS).astype(np.int32))
    return np.array([shapely.geometry.shape(part) for part, _ in found], dtype=object)


def masks() -> Shapes:
    """Round masks at random places, of which most overlap another one."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, SIDE, (MASKS, 2))
    return np.array([traced(rough(60, rng), (int(x), int(y))) for x, y in places], dtype=object)


def by_geos(shapes: Shapes, tolerance: float) -> Shapes:
    """Simplified by GEOS: as a coverage those that overlap no other, the others one by one."""
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    meet = shapely.relate_pattern(shapes[one], shapes[other], "T********")
    alone = np.zeros(len(shapes), dtype=np.bool_)
    alone[one[meet]] = alone[other[meet]] = True
    found = shapes.copy()
    found[~alone] = shapely.coverage_simplify(shapes[~alone], tolerance)
    found[alone] = shapely.simplify(shapes[alone], tolerance, preserve_topology=True)
    return found


def spent(work: Callable[[], Shapes]) -> float:
    """Processor seconds of one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def beside(shapes: Shapes, tolerance: float) -> float:
    """Median number of polygons near a block of the raster, for each one that is in it."""
    shares = []
    for row in range(0, SIDE, BLOCK):
        for col in range(0, SIDE, BLOCK):
            place = shapely.box(col, row, col + BLOCK, row + BLOCK)
            own = shapely.within(shapely.centroid(shapes), place)
            near = shapely.STRtree(shapes[own]).query(shapes[~own], "dwithin", 2 * tolerance)[0]
            shares.append(len(np.unique(near)) / own.sum())
    return statistics.median(shares)


def main() -> None:
    """Tell one line of JSON for each kind of polygons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tolerance", type=float, default=1.5, help="In pixels.")
    tolerance = parser.parse_args().tolerance
    for name, shapes in (("parcels", cells()), ("masks", masks())):
        vertices = int(shapely.get_num_coordinates(shapes).sum())
        ways: dict[str, Callable[[], Shapes]] = {
            "ours": lambda shapes=shapes: simplify(shapes, tolerance),
            "geos": lambda shapes=shapes: by_geos(shapes, tolerance),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, work in ways.items():
                seconds[way].append(spent(work))
        told = {"polygons": name, "count": len(shapes), "vertices": vertices}
        for way, work in ways.items():
            found = work()
            moved = shapely.hausdorff_distance(shapely.boundary(shapes), shapely.boundary(found))
            told[way] = {
                "us_per_vertex": round(1e6 * statistics.median(seconds[way]) / vertices, 2),
                "vertices": int(shapely.get_num_coordinates(found).sum()),
                "moved": round(float(moved.max()) / tolerance, 2),
            }
        told["near_per_own"] = round(beside(shapes, tolerance), 2)
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
