"""Whole processes: what `--help` costs, and a job on a raster whose embedding is kept."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sam_common.published import checkpoints

ROUNDS = 5
RASTER = "geo/neon_osbs_trees/OSBS_029.tif"
BOX = "xmin,ymin,xmax,ymax\n203,67,227,90\n"
COMMANDS = Path(sys.executable).parent


def lines(root: Path) -> Iterator[str]:
    """Lines of a table: what, first and later starts in seconds, target."""
    yield "| process | first s | later s | target |"
    yield "|---|---|---|---|"
    yield _line("python -c pass", [sys.executable, "-c", "pass"], "")
    for module in ("torch", "openvino", "rasterio, geopandas"):
        yield _line(f"import {module}", [sys.executable, "-c", f"import {module}"], "")
    for module in ("sam_geo", "sam_med"):
        yield _line(f"import {module}", [sys.executable, "-c", f"import {module}"], "<= 0.5")
    for name in ("sam-common", "sam-geo", "sam-med"):
        yield _line(f"{name} --help", [str(COMMANDS / name), "--help"], "<= 0.5")
    with tempfile.TemporaryDirectory() as folder:
        boxes = Path(folder) / "box.csv"
        boxes.write_text(BOX)
        out = str(Path(folder) / "crown.gpkg")
        command = [str(COMMANDS / "sam-geo"), "prompt", str(root / RASTER), str(boxes)]
        command += ["-o", out, "--embeddings", f"{folder}/embeddings", "--overwrite", "--quiet"]
        yield _line("sam-geo prompt, one box", command, "later <= 2.5", folder)


def _line(name: str, command: Sequence[str], target: str, cache: str | None = None) -> str:
    first, *later = (_seconds(command, cache) for _ in range(ROUNDS + 1))
    return f"| `{name}` | {first:.2f} | {statistics.median(later):.2f} | {target} |"


def _seconds(command: Sequence[str], cache: str | None) -> float:
    given = {}
    if cache is not None:
        # a cache that has the weights and no more: the first start converts and encodes
        given["SAM_GEOMED_CACHE"] = f"{cache}/cache"
        given["SAM_GEOMED_FILES"] = str(checkpoints.fetch("mobile_sam").parent)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **given})
    return time.perf_counter() - start
