"""Tasks that workers of a cluster run in tests: windows without an image, and misbehaving ones."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.support.files import writing
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import JobReport, Work
from sam_common.window import Window

HOARD: list[bytes] = []
"""Memory that a process does not give back."""


@dataclass(frozen=True)
class Windows:
    """The work on windows whose masks follow from the window alone."""

    seconds: float = 0.0
    slow_from: int = 0
    """First row of the windows that take these seconds; those before take none."""
    folder: Path | None = None
    """Where a file is left for each try of a window."""
    fails: frozenset[int] = frozenset()
    """First rows of windows that can never be read."""
    fails_once: frozenset[int] = frozenset()
    hoards: frozenset[int] = frozenset()
    """First rows of windows that leave 200 MB behind in the process."""
    kills: frozenset[int] = frozenset()
    """First rows of windows that end the process that works on them."""
    waits: bool = False
    """Whether workers with `WAITS_FOR` in their environment wait until that file is there."""
    writes: bool = False
    """Whether each window is written to the `SCRATCH` of the environment, where there is one."""

    def read(self, window: Window) -> int:
        row = window.start[0]
        tries = self._tries(row)
        if row in self.hoards:
            HOARD.append(b"x" * 200_000_000)
        if row in self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if row in self.fails or (row in self.fails_once and tries == 1):
            raise InputError(f"cannot read row {row}")
        if self.waits:
            wait_for(os.environ.get("WAITS_FOR"))
        if self.writes and (scratch := os.environ.get("SCRATCH")):
            with writing(scratch):
                Path(scratch).write_bytes(b"x" * 10_000)
        time.sleep(self.seconds if row >= self.slow_from else 0.0)
        return row

    def segment(self, window: Window, row: int) -> Part:
        mask = np.random.default_rng(row).random(window.shape) > 0.5
        return Part([Instance(MaskRegion(window, mask), 0.5, 1.0)], {"row": row})

    def _tries(self, row: int) -> int:
        if self.folder is None:
            return 0
        place = self.folder / str(row)
        place.mkdir(exist_ok=True)
        (place / f"{time.time_ns()}-{os.getpid()}").touch()
        return len(list(place.iterdir()))


def wait_for(name: str | None, most_seconds: float = 300) -> None:
    """Wait until a file is there, as a worker does that is far slower than others."""
    until = time.monotonic() + most_seconds
    while name is not None and not Path(name).exists():
        if time.monotonic() > until:
            raise InputError(f"{name} has not come")
        time.sleep(0.05)


def window_of(n: int) -> Window:
    return Window((n, 0), (n + 1, 24))


def plan_of(count: int) -> Plan:
    return Plan((count, 24), tuple(window_of(n) for n in range(count)), {"made": "here"})


def run_windows(folder: Path, plan: Plan, windows: Windows, **options) -> JobReport:
    """Run a job over the windows of a plan, with the options of `run_job`."""
    store = PartStore(folder, plan, resume=folder.exists())
    return run_job(Work(windows.read, windows.segment, plan.windows.__getitem__), store, **options)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
