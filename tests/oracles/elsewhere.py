"""An executor that works in this process on what another one would get."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sam_common.errors import InputError, SuiteError
from sam_common.executors.executor import Item, Outcome


def sent(what: Any) -> Any:
    """What another process gets."""
    return pickle.loads(pickle.dumps(what))  # noqa: S301  # bytes of our own


class Elsewhere:
    """Gives outcomes in the other order; one item may be broken."""

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken
        self.kinds: list[str] = []
        self.items = 0

    def run(
        self,
        task: Callable[[Any], Any],
        items: Iterable[Item],
        *,
        kind: str,
        retried: tuple[type[Exception], ...],
        speculative: bool,
    ) -> Iterator[Outcome]:
        """One outcome for each item; what goes there and back is pickled."""
        assert speculative
        assert SuiteError in retried
        self.kinds.append(kind)
        outcomes = []
        for item in items:
            self.items += 1
            again, question = sent((task, item.question))
            error = InputError("broken") if item.number == self.broken else None
            outcomes.append(Outcome(item.number, sent(again(question)), error))
        yield from reversed(outcomes)
