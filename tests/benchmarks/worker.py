"""One side of a comparison in a process of its own, which does as it is told line by line.

Two networks in one process disturb each other: the threads of one wait in a loop for work while
the other computes. Here each side has a process, and only one of them works at a time.

python -m tests.benchmarks.worker MODULE    with standard library and MODULE's packages alone

A module of tasks has `TASKS`, functions by name that take arguments and give a `Work`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Work:
    """A task that is ready to run."""

    run: Callable[[], Any]
    """What is timed; all that it needs has been loaded."""
    answer: Callable[[Any], Mapping[str, Any]]
    """Arrays of what `run` gave, by name, to compare; not timed."""


class Worker:
    """A process that runs one task of one module."""

    def __init__(self, module: str, python: str = sys.executable) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests/oracles'}"}
        self._process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.worker", module],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def prepare(self, task: str, arguments: Mapping[str, Any]) -> None:
        """Load what the task needs."""
        self._ask(do="prepare", task=task, arguments=arguments)

    def run(self) -> float:
        """Seconds of one run."""
        return float(self._ask(do="run")["seconds"])

    def answer(self, path: Path) -> None:
        """Write the arrays of the latest run into an .npz file."""
        self._ask(do="answer", path=str(path))

    def peak_bytes(self) -> int:
        """Highest resident memory since the task was prepared, and what was there before it."""
        return int(self._ask(do="peak")["bytes"])

    def _ask(self, **order: Any) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with {self._process.wait()} during {order}")
        told: dict[str, Any] = json.loads(line)
        return told


def serve(module: str) -> None:
    """Do what comes on stdin."""
    tasks: dict[str, Callable[..., Work]] = importlib.import_module(module).TASKS
    # what packages print must not lie between the answers
    out, sys.stdout = sys.stdout, sys.stderr
    work, found = None, None
    for line in sys.stdin:
        order = json.loads(line)
        told: dict[str, Any] = {}
        if order["do"] == "prepare":
            work = tasks[order["task"]](**order["arguments"])
            _forget_peak()
        elif work is None:
            raise RuntimeError("nothing is prepared")
        elif order["do"] == "run":
            start = time.perf_counter()
            found = work.run()
            told = {"seconds": time.perf_counter() - start}
        elif order["do"] == "answer":
            import numpy as np

            np.savez(order["path"], **work.answer(found))
        elif order["do"] == "peak":
            told = {"bytes": _peak()}
        out.write(json.dumps(told) + "\n")
        out.flush()


def _forget_peak() -> None:
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    serve(sys.argv[1])
