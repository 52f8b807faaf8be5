"""Memory and time beside the network: `python -m tests.benchmarks.memory`.

An automatic job on rasters of 10,000 to 100,000 pixels a side with a segmenter that answers at
once, each in a process of its own, against plain reads of the same windows with rasterio. Two kinds
of raster: an empty one, where a read costs next to nothing, and one of deflate-compressed
texture, put together from one file so that no block is read twice from a cache.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window as RasterioWindow

from sam_common.automatic.options import EverythingOptions
from sam_common.masks.decoded import MaskRegion
from sam_common.network.architecture import GRID
from sam_common.segmenter.fake import ExactMasks, FakeSegmenter
from sam_common.support import console
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto

SIDES = (10_000, 30_000, 100_000)
KINDS = ("empty", "texture")
CELL = 10_000
TRANSFORM = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)
OBJECT_PX = 60
EMPTY = np.zeros((1, 1, GRID, GRID), dtype=np.float32)
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
            np.broadcast_to(EMPTY, (count, 1, GRID, GRID)),
            np.full((count, 1), 0.95, dtype=np.float32),
            embedding.image_size_hw,
            embedding.input_size_hw,
            self.model_size,
            tuple(regions),
        )


def make_raster(
    path: Path, side: int, *, bands: int = 3, empty: bool = True, height: int | None = None
) -> None:
    """A tiled raster, without a byte of pixels or with texture; a square without a height."""
    height = height or side
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=side,
        count=bands,
        dtype="uint8",
        crs="EPSG:32633",
        transform=TRANSFORM,
        tiled=True,
        blockxsize=512,
        blockysize=512,
        interleave="pixel",
        compress="deflate",
        sparse_ok=True,
        bigtiff="yes",
    ) as dataset:
        if empty:
            return
        rng = np.random.default_rng(0)
        for top in range(0, height, 512):
            shape = (min(512, height - top), side)
            rows, cols = np.ogrid[top : top + shape[0], :side]
            ground = 100 + 60 * np.sin(rows / 90) * np.cos(cols / 70)
            grain = rng.integers(0, 24, (bands, *shape), dtype=np.uint8)
            dataset.write(
                ground.astype(np.uint8) + grain, window=RasterioWindow(0, top, side, shape[0])
            )


def make_mosaic(path: Path, side: int, *, bands: int = 3) -> None:
    """A raster of texture: cells of one file, each rolled, as a VRT."""
    cell = path.with_name("cell.tif")
    make_raster(cell, CELL, bands=bands, empty=False)
    drawn = []
    for band in range(1, bands + 1):
        sources = [
            f"<SimpleSource><SourceFilename relativeToVRT='1'>cell.tif</SourceFilename>"
            f"<SourceBand>{band}</SourceBand>"
            f"<SrcRect xOff='0' yOff='{start}' xSize='{CELL}' ySize='{rows}'/>"
            f"<DstRect xOff='{left}' yOff='{top + at}' xSize='{CELL}' ySize='{rows}'/>"
            f"</SimpleSource>"
            for top in range(0, side, CELL)
            for left in range(0, side, CELL)
            # cells beside each other are rolled by different rows: no block is there already
            for shift in [left // 10]
            for start, at, rows in ((shift, 0, CELL - shift), (0, CELL - shift, shift))
            if rows
        ]
        drawn.append(
            f"<VRTRasterBand dataType='Byte' band='{band}'>{''.join(sources)}</VRTRasterBand>"
        )
    a, b, c, d, e, f = TRANSFORM[:6]
    path.write_text(
        f"<VRTDataset rasterXSize='{side}' rasterYSize='{side}'><SRS>EPSG:32633</SRS>"
        f"<GeoTransform>{c},{a},{b},{f},{d},{e}</GeoTransform>{''.join(drawn)}</VRTDataset>"
    )


def measure(side: int, kind: str) -> None:
    """One raster, in this process; prints JSON."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / ("image.tif" if kind == "empty" else "image.vrt")
        make = make_raster if kind == "empty" else make_mosaic
        # elsewhere: its memory is not the job's
        writer = multiprocessing.get_context("spawn").Process(target=make, args=(image, side))
        writer.start()
        writer.join()
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
        f"{side} px, {kind}",
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
    parser.add_argument("--kind", choices=KINDS, default="empty")
    chosen = parser.parse_args()
    if chosen.side is not None:
        measure(chosen.side, chosen.kind)
        return
    rows = []
    for side, kind in itertools.product(SIDES, KINDS):
        command = [sys.executable, "-m", "tests.benchmarks.memory"]
        options = ["--side", str(side), "--kind", kind]
        done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout))
    console.table("Automatic job with a network that takes no time", COLUMNS, rows)


if __name__ == "__main__":
    main()
