"""Figures of an executor: what each worker did, how fast, and what went wrong on the way."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.executors.executor import Executor

EVENTS = {
    "retried": "tried again after an error",
    "speculated": "sent to a second worker, as the first was late",
    "lost": "lost with workers that died again and again",
    "unfetched": "done again, as their worker did not give the answer",
    "disks_full": "workers set aside, as their disk is full",
    "workers_left": "workers left before the end",
    "reconnected": "times the scheduler was lost and found again",
}
"""What is counted beside the items, and how that is told."""
STRAGGLES = 3.0
"""How many times as slow as the median worker a straggler is, by the median of its items."""


@dataclass(slots=True, eq=False)
class WorkerFigures:
    """What one worker did."""

    durations: array[float] = field(default_factory=lambda: array("f"))
    """Seconds of each item, in the order of the answers."""
    failed: int = 0
    """Answers that were errors."""
    received: int = 0
    """Bytes of packed results that it sent."""

    @property
    def items(self) -> int:
        """Number of answers."""
        return len(self.durations)

    @property
    def seconds(self) -> float:
        """Time of its items, added up."""
        return sum(self.durations)

    def since(self, earlier: WorkerFigures) -> WorkerFigures:
        """What was done after an earlier state of the same figures."""
        return WorkerFigures(
            self.durations[earlier.items :],
            self.failed - earlier.failed,
            self.received - earlier.received,
        )

    def facts(self) -> dict[str, Any]:
        """As plain values for JSON; there has to be an answer."""
        mean = self.seconds / self.items
        return {
            "items": self.items,
            "failed": self.failed,
            "items_per_s": round(1 / max(mean, 1e-9), 3),
            "mean_s": round(mean, 4),
            "median_s": round(statistics.median(self.durations), 4),
            "max_s": round(max(self.durations), 4),
            "bytes_received": self.received,
        }


@dataclass(slots=True, eq=False)
class Figures:
    """What all workers of an executor did so far."""

    workers: dict[str, WorkerFigures] = field(default_factory=dict)
    """By the address of each."""
    events: Counter[str] = field(default_factory=Counter)
    """How often each of `EVENTS` was met."""
    threads: int = 0
    """Threads of all workers when they were counted last."""
    listener: Callable[[Exception | None, float], None] | None = None
    """Called with the error and the seconds of each answer."""
    late: set[str] = field(default_factory=set)
    """Addresses of workers of which work was given to others too, as it was late."""

    def answered(self, worker: str, result: Any, error: Exception | None, seconds: float) -> None:
        """Count one answer of a worker."""
        known = self.workers.setdefault(worker, WorkerFigures())
        known.durations.append(seconds)
        known.failed += error is not None
        known.received += packed_bytes(result)
        if self.listener is not None:
            self.listener(error, seconds)

    def copy(self) -> Figures:
        """The state of now, which later answers do not change."""
        workers = {
            name: WorkerFigures(known.durations[:], known.failed, known.received)
            for name, known in self.workers.items()
        }
        return Figures(workers, Counter(self.events), self.threads, late=set(self.late))

    def since(self, earlier: Figures) -> Figures:
        """What was done after an earlier state, as `copy` gave it."""
        workers = {
            name: known.since(earlier.workers.get(name, WorkerFigures()))
            for name, known in self.workers.items()
        }
        return Figures(
            {name: known for name, known in workers.items() if known.items},
            self.events - earlier.events,
            self.threads,
            late=self.late - earlier.late,
        )

    def stragglers(self) -> list[str]:
        """Addresses of workers that were much slower than most, or late."""
        medians = {name: statistics.median(w.durations) for name, w in self.workers.items()}
        usual = statistics.median_low(medians.values()) if medians else 0.0
        slow = {name for name, seconds in medians.items() if seconds > STRAGGLES * usual}
        return sorted(slow | self.late)

    def facts(self) -> dict[str, Any]:
        """As plain values for JSON.

        Returns:
            Number of `workers` and `threads`, of each of `EVENTS`, `bytes_received`, addresses of
            `stragglers`, and `per_worker`: by address the items, rate and seconds of each.
        """
        return {
            "workers": len(self.workers),
            "threads": self.threads,
            **{name: self.events[name] for name in EVENTS},
            "bytes_received": sum(known.received for known in self.workers.values()),
            "stragglers": self.stragglers(),
            "per_worker": {name: self.workers[name].facts() for name in sorted(self.workers)},
        }

    def lines(self) -> list[str]:
        """In words: each worker, the slowest one first; then what went wrong on the way."""
        slowest = sorted(self.workers.items(), key=lambda pair: -pair[1].seconds / pair[1].items)
        rates = [
            f"{name}: {known.items} done, {known.seconds / known.items:.3g} s each"
            for name, known in slowest
        ]
        told = [f"{self.events[name]} {what}" for name, what in EVENTS.items() if self.events[name]]
        return [*rates, *told]


def packed_bytes(result: Any) -> int:
    """Size of the bytes in a result, which are what crosses the network; 0 of anything else.

    >>> packed_bytes((b"part", {"encoded": 1}))
    4
    """
    if isinstance(result, bytes):
        return len(result)
    if isinstance(result, tuple | list):
        return sum(map(packed_bytes, result))
    return 0


def recorded(executor: Executor | None) -> Callable[[], dict[str, Any]]:
    """A function that gives the entry `executor` of a job's record: what was done from now on.

    Args:
        executor: The executor of the job; without one there is no such entry.
    """
    if executor is None:
        return dict
    facts = executor.facts_from_now()
    return lambda: {"executor": facts()}
