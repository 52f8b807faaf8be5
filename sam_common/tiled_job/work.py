"""Work: the steps of the work on a window, wherever they run, and the report of how it went.

```
ask      where the plan is           what has to be known of a window, such as its place: small
read     where the work is done      question -> pixels
segment  where the work is done      question, pixels -> part
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sam_common.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.tiled_job.parts import Part
    from sam_common.tiled_job.tally import Tally

Q = TypeVar("Q")
T = TypeVar("T")

WORK_ERRORS = (SuiteError, OSError, RuntimeError, MemoryError)
"""Errors of damaged files, lost connections, full memory and networks: a window is tried again."""


def _number(n: int) -> Any:
    """The question of work that needs the number of a window alone."""
    return n


@dataclass(frozen=True, slots=True)
class Work(Generic[Q, T]):
    """The steps of the work on a window.

    For an executor `read`, `segment` and the questions are pickled: they are functions of modules,
    or methods of objects that know no more than they need.
    """

    read: Callable[[Q], T]
    """Reads a window; in one process called by one thread only, in ascending order."""
    segment: Callable[[Q, T], Part]
    """Segments what was read; called by several threads at the same time."""
    ask: Callable[[int], Q] = _number
    """Says of a window, by its number, what the other steps have to know; called in the process of
    the job. The number itself where it is not given."""
    tally: Tally | None = None
    """Counts and seconds that `read` and `segment` add up, in other processes too."""


@dataclass(slots=True)
class JobReport:
    """Outcome of a run."""

    windows: int
    """Number of windows of the plan."""
    reused: int
    """Number of windows whose part existed before."""
    failures: dict[int, str] = field(default_factory=dict)
    """Error message of each window that failed, by its number."""
    seconds: float = 0.0
    """Duration of the run."""

    @property
    def messages(self) -> list[str]:
        """Error messages in the order of the windows."""
        return [self.failures[n] for n in sorted(self.failures)]
