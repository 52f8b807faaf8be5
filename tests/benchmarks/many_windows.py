"""Many windows on workers of Dask, without a network: `python -m tests.benchmarks.many_windows`.

A scheduler, two workers and this client are processes on loopback. For each number of windows it
tells the time and the memory of client and scheduler, from the plan to the last part. Where others
use the machine, processor time says whether a job takes linear time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

from cluster_tasks import Windows, window_of
from clusters import cluster

from sam_common.executors.dask_executor import DaskExecutor
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work

MIB = 2**20


def memory_of(process: int) -> int:
    """The most memory that a process has had, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def processor_s(process: int) -> float:
    """Processor seconds of a process so far, of its own and of the system for it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(count: int) -> dict[str, Any]:
    """Time and memory of a job of so many windows, on a cluster of its own."""
    windows, seconds = Windows(), {}
    with tempfile.TemporaryDirectory(prefix="many-") as folder, cluster(workers=2) as started:
        processes = {"client": os.getpid(), "scheduler": started.scheduler.pid}
        before = {name: processor_s(pid) for name, pid in processes.items()}
        begin = time.perf_counter()
        plan = Plan((count, 24), tuple(window_of(n) for n in range(count)), {})
        store = PartStore(Path(folder) / "parts", plan, resume=False)
        seconds["plan"] = time.perf_counter() - begin
        executor = DaskExecutor(started.client)
        work = Work(windows.read, windows.segment, plan.windows.__getitem__)
        report = run_job(work, store, executor=executor)
        seconds["run"] = report.seconds
        begin = time.perf_counter()
        missing = store.missing()
        seconds["look at all parts"] = time.perf_counter() - begin
        scheduler = memory_of(started.scheduler.pid)
        took = {name: processor_s(pid) - before[name] for name, pid in processes.items()}
    busy = sum(rate.seconds for rate in executor.figures.workers.values())
    return {
        "windows": count,
        "failed": len(report.failures),
        "missing": len(missing),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "ms_per_window": round(1e3 * report.seconds / count, 3),
        "ms_of_work_per_window": round(1e3 * busy / count, 3),
        "processor_ms_per_window": {name: round(1e3 * s / count, 3) for name, s in took.items()},
        "client_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "scheduler_mib": scheduler // MIB,
    }


def main() -> None:
    """Measure each number of windows that is asked for, the least first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[10_000, 100_000])
    for count in sorted(parser.parse_args().counts):
        sys.stdout.write(json.dumps(measured(count)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
