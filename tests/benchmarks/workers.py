"""One, two and killed workers with a real network: `python -m tests.benchmarks.workers IMAGE`.

Everything in a raster is looked for in one process, by one worker and by two of one thread each,
and by two that are killed five times. Parts have to be the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

from clusters import Cluster, cluster

from sam_common.automatic.options import EverythingOptions
from sam_common.executors.dask_executor import DaskExecutor
from sam_common.executors.executor import Executor
from sam_common.segmenter.predictor import load_segmenter
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.run import run_job
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.windows_to_objects import AutoWork
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch

KILLS = 5


def parts_hash(folder: Path) -> str:
    """One hash over all parts of a job."""
    parts = sorted(folder.glob("*.part"))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def killer(started: Cluster, windows: int) -> Callable[[int], None]:
    """Kills one of the workers after each sixth of the windows."""
    done, due = 0, [windows * n // (KILLS + 1) for n in range(1, KILLS + 1)]

    def advance(count: int) -> None:
        nonlocal done
        done += count
        while due and done >= due[0]:
            due.pop(0)
            pids = [pid for pid in started.pids() if isinstance(pid, int)]
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[len(due) % len(pids)], signal.SIGKILL)

    return advance


def run(
    work: AutoWork, executor: Executor | None, *, most: int | None = None, **how: Any
) -> dict[str, Any]:
    """Time, processor time and hash of a job over all windows, or the first few."""
    plan = work.plan()
    plan = replace(plan, windows=plan.windows[:most])
    with tempfile.TemporaryDirectory(prefix="workers-") as folder:
        store = PartStore(Path(folder), plan, resume=False)
        report = run_job(work.work(plan), store, executor=executor, **how)
        return {
            "windows": len(plan),
            "failed": len(report.failures),
            "seconds": round(report.seconds, 2),
            "windows_per_s": round(len(plan) / report.seconds, 3),
            "load": round(os.getloadavg()[0], 1),
            "parts": parts_hash(Path(folder)),
            "part_bytes": store.size_bytes(),
        }


def processor_s(started: Cluster) -> float:
    """Processor time of all workers so far, in seconds."""
    return float(sum(started.client.run(time.process_time).values()))


def main() -> None:
    """Measure and tell one line of JSON for each way to run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--tile-size", type=int)
    parser.add_argument("--points-per-side", type=int, default=16)
    asked = parser.parse_args()
    options = AutoOptions(
        asked.tile_size, None, EverythingOptions(points_per_side=asked.points_per_side)
    )
    with open_raster(asked.image) as source:
        segmenter = load_segmenter("mobile_sam")
        work = AutoWork(source, segmenter, choose_stretch(source), options)
        tell("one process", run(work, None))
        for count in (1, 2):
            with cluster(workers=count, memory="4GB") as started:
                # every worker loads and compiles the network, which is no part of the rates
                run(work, DaskExecutor(started.client), most=2 * count)
                before = processor_s(started)
                found = run(work, DaskExecutor(started.client))
                spent = round(processor_s(started) - before, 2)
                tell(f"{count} workers", {**found, "processor_s": spent})
                if count > 1:
                    advance = killer(started, found["windows"])
                    executor = DaskExecutor(started.client)
                    found = run(work, executor, advance=advance)
                    tell("2 workers, 5 kills", {**found, "lost": executor.figures.events["lost"]})


def tell(name: str, found: dict[str, Any]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps({"run": name, **found}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
