"""Memory of linking and writing, without a network: `python -m tests.benchmarks.link_memory`.

Windows in a square grid have five objects each: three inside, and two that the next windows to the
right and below see too. For each number of windows, a process of its own links them by
neighbourhoods, and another one all at once; told is by how much each grew. With `--trace` they are
slower and tell exactly what was allocated; with `--write` objects become polygons in partitions.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from affine import Affine

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups, objects_of
from sam_common.stitching.neighbourhood import SIDE as NEIGHBOURHOOD
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window
from sam_geo.raster.frame import frame_from_affine
from sam_geo.results.finish import Finish, finished_tables
from sam_geo.results.object_rows import object_rows
from sam_geo.results.partitions import partition_of_windows
from sam_geo.tables.partitioned import partitioned_writer

SIDE, OVERLAP = 64, 16
STEP = SIDE - OVERLAP
CASES = {"neighbourhoods": NEIGHBOURHOOD, "all at once": 10**9}
PARTITION = 256


def box(top: int, left: int, height: int, width: int) -> Instance:
    """A rectangle of the image."""
    window = Window((top, left), (top + height, left + width))
    return Instance(MaskRegion(window, np.ones(window.shape, dtype=np.bool_)), 0.9, 0.99)


def seen(window: Window, hw: tuple[int, int]) -> list[Instance]:
    """Three objects inside a window, and what it sees of those that it shares with others."""
    top, left = window.start
    found = [box(top + y, left + x, 6, 6) for y, x in ((20, 20), (20, 34), (34, 20))]
    # to the right and below: from ten pixels before the next window to ten behind this one
    if left:
        found.append(box(top + 38, left, 6, OVERLAP + 10))
    if window.stop[1] < hw[1]:
        found.append(box(top + 38, left + STEP - 10, 6, OVERLAP + 10))
    if top:
        found.append(box(top, left + 38, OVERLAP + 10, 6))
    if window.stop[0] < hw[0]:
        found.append(box(top + STEP - 10, left + 38, OVERLAP + 10, 6))
    return found


def memory(name: str) -> int:
    """Memory of this process in bytes: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def measured(count: int, case: str, *, write: bool, trace: bool) -> dict[str, Any]:
    """Time and memory of one case, in a process of its own."""
    across = math.isqrt(count)
    hw = (OVERLAP + across * STEP,) * 2
    windows = tile_grid(hw, side=SIDE, overlap=OVERLAP)

    def load(n: int) -> list[Instance]:
        return seen(windows[n], hw)

    layout = Layout(windows, hw)
    before = memory("VmRSS")
    if trace:
        tracemalloc.start()
    groups = find_groups(layout, load, side=CASES[case])
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    grown, linked = memory("VmHWM") - before, time.process_time()
    objects = objects_of(groups, layout, load)
    total = written(objects, windows, hw) if write else sum(1 for _ in objects)
    traced = {
        "traced_peak_bytes_per_object": round(peak / total),
        "traced_groups_bytes_per_object": round(kept / total),
    }
    return {
        "windows": len(windows),
        "case": case,
        "instances": groups.offsets[-1],
        "objects": total,
        "linking_grew_mib": round(grown / 2**20, 1),
        "linking_bytes_per_object": round(grown / total),
        "linking_processor_ms_per_window": round(1e3 * linked / len(windows), 2),
        **(traced if trace else {}),
        "written": write,
        "all_grew_mib": round((memory("VmHWM") - before) / 2**20, 1),
    }


def written(objects: Any, windows: list[Window], hw: tuple[int, int]) -> int:
    """Write objects as a partitioned table; gives their number."""
    frame = frame_from_affine(Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000))
    partition = partition_of_windows(windows, PARTITION)
    total = 0
    with (
        tempfile.TemporaryDirectory(prefix="link-memory-") as folder,
        partitioned_writer(Path(folder) / "objects.parquet") as write,
    ):
        rows = object_rows(objects, frame, hw)
        for table, some in finished_tables(rows, Finish(), crs=pyproj.CRS(32633), model="fake"):
            numbers = np.array([partition[row.window] for row in some])
            for number in np.unique(numbers).tolist():
                write(number, table[numbers == number])
            total += len(table)
    return total


def main() -> None:
    """Measure each number of windows that is asked for, every case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1_000, 10_000])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--case", choices=CASES)
    given = parser.parse_args()
    if given.case is not None:
        (count,) = given.counts
        sys.stdout.write(
            json.dumps(measured(count, given.case, write=given.write, trace=given.trace)) + "\n"
        )
        return
    for count in given.counts:
        for case in CASES:
            command = [sys.executable, "-m", "tests.benchmarks.link_memory", str(count)]
            more = [f"--{name}" for name in ("write", "trace") if getattr(given, name)]
            subprocess.run([*command, "--case", case, *more], check=True)


if __name__ == "__main__":
    main()
