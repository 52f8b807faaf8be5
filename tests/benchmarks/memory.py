"""Memory and time beside the network: `python -m tests.benchmarks.memory`.

An automatic job on sparse rasters of 10,000 to 100,000 pixels a side with a segmenter that answers
at once, each in a process of its own, against plain reads of the same windows with rasterio.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window as RasterioWindow

from sam_common import console
from sam_common.everything import EverythingOptions
from sam_common.masks import GRID, MaskRegion
from sam_common.plan import tile_grid
from sam_common.testing import ExactMasks, FakeSegmenter
from sam_common.window import Window
from sam_geo.auto import AutoOptions
from sam_geo.jobs import run_auto
from sam_geo.request import AutoRequest

SIDES = (10_000, 30_000, 100_000)
OBJECT_PX = 60
EMPTY = torch.zeros((1, 1, GRID, GRID))
COLUMNS = ("raster", "windows", "objects", "job s", "plain reads s", "ratio", "peak MB over model")


@dataclass(slots=True)
class Fast(FakeSegmenter):
    """Every point is the middle of a square: no pixel is looked at."""

    def embed(self, image):
        embedding = FakeSegmenter.embed(self, image)
        self.embedded.clear()
        return embedding

    def decode_batches(self, embedding, prompts, *, multimask=False):
        del multimask
        half = OBJECT_PX // 2
        full = Window.full(embedding.image_size_hw)
        regions = []
        for x, y in prompts.points_xy[:, 0].astype(int).tolist():
            window = Window((y - half, x - half), (y + half, x + half)).intersect(full)
            regions.append(MaskRegion(window, np.ones(window.shape, dtype=np.bool_)))
        count = len(regions)
        yield ExactMasks(
            EMPTY.expand(count, 1, GRID, GRID),
            torch.full((count, 1), 0.95),
            embedding.image_size_hw,
            embedding.input_size_hw,
            self.model_size,
            tuple(regions),
        )


def make_raster(path: Path, side: int) -> None:
    """A tiled raster of three bands without a byte of pixels."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=side,
        width=side,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        interleave="pixel",
        compress="deflate",
        sparse_ok=True,
        bigtiff="yes",
    ):
        pass


def measure(side: int) -> None:
    """One raster, in this process; prints JSON."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.tif"
        make_raster(image, side)
        windows = tile_grid((side, side), side=1024, overlap=128)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        request = AutoRequest(
            image=str(image),
            output=Path(folder) / "out.gpkg",
            options=AutoOptions(None, 128, EverythingOptions(points_per_side=2)),
        )
        start = time.perf_counter()
        record = run_auto(request, Fast)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        start = time.perf_counter()
        with rasterio.open(image) as dataset:
            for window in windows:
                dataset.read(window=RasterioWindow(*window.start[::-1], *window.shape[::-1]))
        reads = time.perf_counter() - start
    figures = [
        f"{side} px",
        len(windows),
        record["objects"],
        round(seconds, 1),
        round(reads, 1),
        round(seconds / reads, 2),
        round(peak / 1024),
    ]
    print(json.dumps(figures))  # noqa: T201  # read by the process that started this one


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, help="one raster of so many pixels, as JSON")
    side = parser.parse_args().side
    if side is not None:
        measure(side)
        return
    rows = []
    for each in SIDES:
        command = [sys.executable, "-m", "tests.benchmarks.memory", "--side", str(each)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout))
    console.table("Automatic job with a network that takes no time", COLUMNS, rows)


if __name__ == "__main__":
    main()
