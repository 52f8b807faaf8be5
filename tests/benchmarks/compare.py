"""Two sides of a row, each in its process, in turn: times, peaks and whether the answers agree."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.worker import Worker

MEBI = 1 << 20
Answers = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Side:
    """What a worker is told."""

    module: str
    task: str
    arguments: Mapping[str, Any]
    python: str = sys.executable


@dataclass(frozen=True)
class Comparison:
    """One row before it is measured."""

    what: str
    target: str
    peer: Side
    ours: Side
    work: tuple[float, float] = (0.0, 0.0)
    """Least operations and bytes that ours needs; see `tests.benchmarks.floor`."""
    agreement: Callable[[Answers, Answers], str] = lambda _peer, _ours: ""
    """The answers' difference in words."""
    pairs: int = 5
    warm: bool = True
    """Run each once before; not where one run takes minutes."""
    runs: int = 1
    """Runs of each side in turn that are one measurement."""


@dataclass(frozen=True)
class Row:
    """One row as measured."""

    comparison: Comparison
    pairs: Sequence[tuple[float, float]]
    """Seconds of the peer and of ours, one after the other."""
    peaks: tuple[int, int]
    """Bytes of the whole process, from after it was prepared."""
    agreement: str
    precision: str = "fp32"
    singles: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """Seconds of every run, where one measurement has several."""

    @property
    def ratio(self) -> float:
        """Median over the pairs."""
        return statistics.median(peer / ours for peer, ours in self.pairs)

    @property
    def ours_seconds(self) -> float:
        """Median."""
        return statistics.median(ours for _, ours in self.pairs)

    def time_line(self) -> str:
        """As a line of the table of times."""
        peer, ours = zip(*self.pairs, strict=True)
        return (
            f"| {self.comparison.what} | {statistics.median(peer):.3f} | {self.ours_seconds:.3f} | "
            f"**{self.ratio:.1f}x** | {min(peer) / min(ours):.1f}x | {self.comparison.target} | "
            f"{self.agreement} |"
        )

    def memory_line(self) -> str:
        """As a line of the table of peaks."""
        peer, ours = (peak / MEBI for peak in self.peaks)
        return f"| {self.comparison.what} | {peer:.0f} | {ours:.0f} | {peer / ours:.1f}x |"


def measure(comparison: Comparison) -> Row:
    """Run both sides in turn."""
    sides = (comparison.peer, comparison.ours)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{n}.npz" for n in range(2)]
        with Worker(sides[0].module, sides[0].python) as peer, Worker(sides[1].module) as ours:
            workers = (peer, ours)
            for worker, side in zip(workers, sides, strict=True):
                worker.prepare(side.task, side.arguments)
                if comparison.warm:
                    worker.run()
            pairs, singles = [], ([], [])
            for _ in range(comparison.pairs):
                pair = []
                for worker, kept in zip(workers, singles, strict=True):
                    seconds = [worker.run() for _ in range(comparison.runs)]
                    kept.extend(seconds)
                    pair.append(sum(seconds))
                pairs.append((pair[0], pair[1]))
            peaks = (peer.peak_bytes(), ours.peak_bytes())
            for worker, path in zip(workers, paths, strict=True):
                worker.answer(path)
        with np.load(paths[0]) as theirs, np.load(paths[1]) as own:
            precision = str(own["precision"]) if "precision" in own else "fp32"
            agreement = comparison.agreement(theirs, own)
    return Row(comparison, pairs, peaks, agreement, precision, singles)


def relative_error(name: str) -> Callable[[Answers, Answers], str]:
    """The largest difference over the largest value."""

    def said(peer: Answers, ours: Answers) -> str:
        expected = peer[name]
        return f"error {np.abs(ours[name] - expected).max() / np.abs(expected).max():.1e}"

    return said


def matched(peer: Answers, ours: Answers) -> str:
    """Masks of the peer that ours has at an IoU of 0.98, packed along the last axis."""
    found = ours["masks"]
    areas = np.bitwise_count(found).sum(axis=(1, 2))
    hits = 0
    for mask in peer["masks"]:
        shared = np.bitwise_count(found & mask).sum(axis=(1, 2))
        union = areas + np.bitwise_count(mask).sum() - shared
        hits += bool((shared / union >= 0.98).any())
    total = len(peer["masks"])
    return f"{hits} of {total} masks ({100 * hits / total:.1f} %), {len(found)} ours"


def same_cover(peer: Answers, ours: Answers) -> str:
    """How far the pixels agree that any object has."""
    both, either = (
        how(peer["covered"], ours["covered"]).sum() for how in (np.logical_and, np.logical_or)
    )
    return f"what is covered: IoU {both / either:.3f}"


def same_labels(peer: Answers, ours: Answers) -> str:
    """Voxels of a label map that are the same."""
    same = peer["labels"] == ours["labels"]
    return f"{same.size - same.sum()} of {same.size} voxels differ"
