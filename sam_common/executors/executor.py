"""Executor: a job's items are worked on elsewhere, and their results come back in any order.

```
items  ----->  executor  ----->  task(question) in another process, on another machine
                   |
outcomes <---------+             one for each item: a result, or the error of its last try
```
A job that is given no executor works on its items itself, in the process that it runs in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a job, such as a window of a raster or a volume of a study."""

    number: int
    """Number of the item in its job, by which its outcome is known."""
    question: Any
    """What the task is called with; it is pickled, so it is to be small."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one item."""

    number: int
    """Number of the item."""
    result: Any = None
    """What the task returned; None where it failed."""
    error: Exception | None = None
    """The error of the last try; None where the task returned."""


class Executor(Protocol):
    """Runs a task on many items, in other processes or on other machines."""

    def run(
        self,
        task: Callable[[Any], Any],
        items: Iterable[Item],
        *,
        kind: str,
        retried: tuple[type[Exception], ...],
        speculative: bool = False,
    ) -> Iterator[Outcome]:
        """Run a task on items, of which a bounded number is in memory.

        Args:
            task: Called with the question of an item, in another process; it is pickled once.
            items: The items, taken one after the other as there is room for them.
            kind: What an item is, such as `window`; names of tasks begin with it.
            retried: Errors after which an item is tried once more, on another worker where there
                is one. Any other error is the item's outcome at once.
            speculative: Whether an item that is late may run on a second worker at the same time,
                and the first answer counts: as where it writes nothing.

        Yields:
            One outcome for each item, in the order in which they are done.

        Raises:
            SuiteError: The task does not run on a worker, or the connection is lost.
        """
        ...

    def facts_from_now(self) -> Callable[[], dict[str, Any]]:
        """A function that gives what was done since now, for the record of a job."""
        ...
