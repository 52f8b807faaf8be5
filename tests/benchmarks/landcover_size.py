"""Memory and time of large land-cover maps: `python -m tests.benchmarks.landcover_size`.

Rasters of four bands of deflate-compressed texture, each mapped in a process of its own by a fast
classifier (`discriminant`), from samples to the written map; `--polygons` writes polygons too. A
square of more than 10,000 pixels is put together from one file of that size, so that no block is
read twice from a cache; `--height` makes a raster less high than wide, as memory grows with the
width. The peak is that of resident memory beyond what the libraries need once they are imported and
have mapped a small raster. Processor seconds are set beside those of reading every window twice
with rasterio.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import rasterio
import shapely
from rasterio.windows import Window as RasterioWindow

from sam_geo import landcover
from sam_geo.bands.blocks import blocks
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from tests.benchmarks.memory import CELL, TRANSFORM, make_mosaic, make_raster

if TYPE_CHECKING:
    from collections.abc import Callable

BANDS = 4
SIDES = (4_000, 8_000, 16_000)
SMALL = 600
"""Side of the raster on which the libraries are tried first."""
CLASSIFIER = "discriminant"
PER_CLASS = 20
GROUND = (70, 130)
"""Values of the texture without its grain that divide three classes."""
POLYGON_PX = 12


def make_samples(path: Path, side: int) -> None:
    """Squares of three classes: dark, middle and bright ground."""
    rng = np.random.default_rng(0)
    shapes: dict[str, list[shapely.Polygon]] = {"dark": [], "middle": [], "bright": []}
    reach = min(side, 2_000) - POLYGON_PX
    while any(len(found) < PER_CLASS for found in shapes.values()):
        row, col = rng.integers(0, reach, 2).tolist()
        # the first cell of a mosaic lies as it was made
        corners = np.array([(row, col), (row + POLYGON_PX, col + POLYGON_PX)])
        level = 100 + 60 * np.sin(corners[:, 0] / 90) * np.cos(corners[:, 1] / 70)
        kind = np.digitize(level, GROUND)
        name = tuple(shapes)[kind[0]]
        if kind[0] == kind[1] and len(shapes[name]) < PER_CLASS:
            (left, top), (right, bottom) = (
                TRANSFORM @ (float(c), float(r)) for r, c in corners.tolist()
            )
            shapes[name].append(shapely.box(left, bottom, right, top))
    names = [name for name, found in shapes.items() for _ in found]
    every = [shape for found in shapes.values() for shape in found]
    geopandas.GeoDataFrame({"class": names}, geometry=every, crs="EPSG:32633").to_file(path)


def mapped(image: Path, samples: Path, output: Path, *, polygons: bool) -> dict[str, Any]:
    """The record of a map."""
    options = LandcoverRequest(
        rasters=(),
        output=output,
        learn=SampleChoice(samples=samples, classifier=CLASSIFIER),
        polygons=output.with_suffix(".gpkg") if polygons else None,
    )
    return landcover(image, samples, output, options=options)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def start_writer(make: Callable[..., None], path: Path, side: int, **options: Any) -> None:
    """Make a raster in another process, where there is none yet."""
    if not path.exists():
        writer = multiprocessing.get_context("spawn").Process(
            target=make, args=(path, side), kwargs={"bands": BANDS, **options}
        )
        writer.start()
        writer.join()


def measure(side: int, height: int, *, polygons: bool, keep: Path | None) -> dict[str, Any]:
    """One raster, in this process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = folder / "small.tif"
        image = (keep or folder) / f"image {side} x {height}.vrt"
        # elsewhere: its memory is not the job's
        start_writer(make_raster, small, SMALL, empty=False)
        if side > CELL and height == side:
            start_writer(make_mosaic, image, side)
        else:
            image = image.with_suffix(".tif")
            start_writer(make_raster, image, side, height=height, empty=False)
        samples = folder / "samples.gpkg"
        make_samples(samples, SMALL)
        mapped(small, samples, folder / "small_map.tif", polygons=polygons)
        before = peak_mb()
        wall, own = time.perf_counter(), time.process_time()
        record = mapped(image, samples, folder / "map.tif", polygons=polygons)
        wall, own = time.perf_counter() - wall, time.process_time() - own
        peak = peak_mb() - before
        reads = time.process_time()
        for _ in range(2):
            with rasterio.open(image) as dataset:
                for window in blocks((height, side)):
                    dataset.read(window=RasterioWindow(*window.start[::-1], *window.shape[::-1]))
        reads = time.process_time() - reads
    return {
        "side": side,
        "height": height,
        "polygons": polygons,
        "peak_mb": peak,
        "libraries_mb": before,
        "seconds": own,
        "wall_seconds": wall,
        "reads_seconds": reads,
        "steps": record["seconds"],
    }


def main() -> None:
    """Print a line of JSON for each raster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES)
    parser.add_argument("--height", type=int, help="rows; as many as columns where not given")
    parser.add_argument("--polygons", action="store_true", help="write polygons too")
    parser.add_argument("--one", type=int, help="one raster of so many pixels, in this process")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the rasters")
    chosen = parser.parse_args()
    if chosen.one is not None:
        height = chosen.height or chosen.one
        found = measure(chosen.one, height, polygons=chosen.polygons, keep=chosen.keep)
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for side in chosen.sides:
        command = [sys.executable, "-m", "tests.benchmarks.landcover_size", "--one", str(side)]
        command += ["--height", str(chosen.height)] if chosen.height else []
        command += ["--polygons"] if chosen.polygons else []
        command += ["--keep", str(chosen.keep)] if chosen.keep else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        sys.stdout.write(done.stdout)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
