"""What polygons cost, here and on workers: `python -m tests.benchmarks.block_rows`.

No network runs. Windows of 1,024 pixels with an overlap of 128 have 68 round objects with rough
edges each. Told are processor milliseconds for each window: with all in one process; and of the
command and of workers, where blocks of the scene are made elsewhere, with the bytes for each window
that go there and back.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyproj
from affine import Affine

from sam_common.executors.executor import Item, Outcome
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups
from sam_common.stitching.regions import crop
from sam_common.tiled_job.parts import Part, pack
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.window import Window
from sam_geo.automatic.finished_objects import Finishing, finished_objects
from sam_geo.automatic.linked_windows import unpacked
from sam_geo.automatic.scene import Scene
from sam_geo.raster.frame import frame_from_affine
from sam_geo.results.finish import Finish
from tests.benchmarks.outlines import rough

SIDE, OVERLAP = 1024, 128
STEP = 110
FRAME = frame_from_affine(Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000))


class Counting:
    """Works on what a worker would get; counts bytes, and processor time apart."""

    def __init__(self) -> None:
        self.sent = self.received = 0
        self.seconds = 0.0

    def run(self, task: Any, items: Iterator[Item], **_how: Any) -> Iterator[Outcome]:
        """One outcome for each item, with everything pickled on the way as on a wire."""
        for item in items:
            data = pickle.dumps(item.question)
            begin = time.process_time()
            answer = pickle.dumps(task(pickle.loads(data)))  # noqa: S301  # our own bytes
            self.seconds += time.process_time() - begin
            self.sent += len(data)
            self.received += len(answer)
            yield Outcome(item.number, pickle.loads(answer))  # noqa: S301  # our own bytes


def scene_of(across: int) -> Scene:
    """A scene of a square grid of windows, `across` in a row."""
    rng = np.random.default_rng(0)
    hw = (OVERLAP + across * (SIDE - OVERLAP),) * 2
    shapes = [rough(90, rng) for _ in range(20)]
    objects = [
        MaskRegion.tight((top, left), shapes[rng.integers(20)])
        for top in range(0, hw[0] - STEP, STEP)
        for left in range(0, hw[1] - STEP, STEP)
    ]
    windows = tuple(tile_grid(hw, side=SIDE, overlap=OVERLAP))
    parts = [[pack(Part(list(_seen(objects, window))))] for window in windows]
    plan = Plan(hw, windows, {})
    groups = find_groups(Layout(windows, hw), lambda n: unpacked(parts[n]))
    return Scene(plan, lambda n: unpacked(parts[n]), groups, packed=parts.__getitem__)


def _seen(objects: list[MaskRegion | None], window: Window) -> Iterator[Instance]:
    for found in objects:
        if found is not None and (part := crop(found, window)) is not None:
            yield Instance(part, 0.9, 0.95)


def main() -> None:
    """Tell one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--across", type=int, default=12)
    parser.add_argument("--block", type=int, default=48)
    parser.add_argument("--simplify", type=float, help="Tolerance of simplification in pixels.")
    asked = parser.parse_args()
    scene = scene_of(asked.across)
    finish = Finish(simplify=asked.simplify and asked.simplify / 2)
    finishing = Finishing(FRAME, scene.plan.image_hw, finish, pyproj.CRS(32633), "fake")
    counting, spent, totals = Counting(), [], []
    for executor in (None, counting):
        begin = time.process_time()
        found = finished_objects(
            scene, finishing, executor, advance=lambda _: None, block=asked.block
        )
        totals.append(sum(len(table) for table, _ in found))
        spent.append(time.process_time() - begin)
    windows = len(scene.plan)
    told = {
        "windows": windows,
        "objects": totals[0],
        "same_objects": totals[0] == totals[1],
        "one_process_ms_per_window": round(1e3 * spent[0] / windows, 1),
        "command_ms_per_window": round(1e3 * (spent[1] - counting.seconds) / windows, 1),
        "workers_ms_per_window": round(1e3 * counting.seconds / windows, 1),
        "bytes_sent_per_window": round(counting.sent / windows),
        "bytes_received_per_window": round(counting.received / windows),
        "bytes_of_parts_per_window": round(
            sum(len(data) for n in range(windows) for data in (scene.packed or list)(n)) / windows
        ),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
