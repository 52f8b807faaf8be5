"""History: the log of a session's edits, a cursor in it, and the state that they result in.

```
edits    a   b   c   d          undo moves the cursor back, redo forth
state    fold of a, b, c        a new edit at the cursor cuts off what lies beyond
cursor               ^
```
As an object's mask follows from its state alone, the same log on the same source always gives the
same masks.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError
from sam_common.server.sessions.object_state import fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.server.sessions.object_state import Edit, State

KEPT_STATES = 64
"""Most states that are kept; the ones that were used longest ago are dropped."""
ENTRY_BYTES, NUMBER_BYTES = 512, 40
"""Bytes in memory of an edit, and of each run length or object in it."""


def size_of(edit: Edit) -> int:
    """Bytes that an edit takes in memory, roughly.

    >>> size_of({"op": "clear", "object": "o1"})
    512
    """
    if edit["op"] == "add_objects":
        return sum(size_of({"op": "set_mask", **each}) for each in edit["objects"])
    mask = edit.get("mask")
    listed = len(edit.get("objects", ())) + 3 * len(edit.get("points", ()))
    numbers = listed if mask is None else len(mask["counts"])
    return ENTRY_BYTES + NUMBER_BYTES * numbers


class History:
    """The edits of a session, with a cursor, and the states between them.

    Only the latest states are kept. Others are made again from the nearest state before them, so
    that memory grows with the number of edits, not with edits times objects.

    Law:
        `n` times `undo`, then `n` times `redo`, gives the same state.
    """

    def __init__(self) -> None:
        self._edits: list[Edit] = []
        self._states: OrderedDict[int, State] = OrderedDict({0: {}})
        self.cursor = 0
        self.size_bytes = 0
        """Bytes that all edits take in memory, roughly."""

    @property
    def state(self) -> State:
        """The state after the edits before the cursor."""
        return self.at(self.cursor)

    @property
    def edits(self) -> list[Edit]:
        """All edits, those after the cursor too."""
        return list(self._edits)

    @property
    def can_undo(self) -> bool:
        """Whether an edit lies before the cursor."""
        return self.cursor > 0

    @property
    def can_redo(self) -> bool:
        """Whether an edit lies after the cursor."""
        return self.cursor < len(self._edits)

    def push(self, edit: Edit) -> State:
        """Add an edit at the cursor, drop the edits after it, and give the new state."""
        after = fold(self.state, edit)
        self.size_bytes += size_of(edit) - sum(map(size_of, self._edits[self.cursor :]))
        del self._edits[self.cursor :]
        for cursor in [at for at in self._states if at > self.cursor]:
            del self._states[cursor]
        self._edits.append(edit)
        self.cursor += 1
        self._keep(self.cursor, after)
        return after

    def at(self, cursor: int) -> State:
        """The state after the first `cursor` edits."""
        near = max(at for at in self._states if at <= cursor)
        state = self._states[near]
        for n in range(near, cursor):
            state = fold(state, self._edits[n])
            if cursor - n <= KEPT_STATES // 2:
                self._keep(n + 1, state)
        return state

    def move(self, cursor: int) -> None:
        """Put the cursor after the first `cursor` edits.

        Raises:
            PromptError: There are not as many edits.
        """
        if not 0 <= cursor <= len(self._edits):
            raise PromptError(f"the log has the cursors 0 to {len(self._edits)}, got {cursor}")
        self.cursor = cursor

    def with_names(self, edit: Edit) -> Edit:
        """An edit that adds objects, with identifiers that were never used where it has none."""
        if edit["op"] not in {"add_object", "add_objects"}:
            return edit
        taken = set(self.state)
        for each in self._edits[: self.cursor]:
            taken |= {one["object"] for one in _new_objects(each)}
        free = (name for number in itertools.count(1) if (name := f"o{number}") not in taken)
        named = [
            each if each.get("object") is not None else {**each, "object": next(free)}
            for each in _new_objects(edit)
        ]
        return named[0] if edit["op"] == "add_object" else {**edit, "objects": named}

    def _keep(self, cursor: int, state: State) -> None:
        """Keep the state at a cursor, and drop the one that was used longest ago."""
        self._states[cursor] = state
        self._states.move_to_end(cursor)
        # never the state of no edits, from which all others can be made
        while len(self._states) > KEPT_STATES:
            del self._states[next(at for at in self._states if at)]


def _new_objects(edit: Edit) -> Sequence[Mapping[str, Any]]:
    """What an edit says of each object that it adds."""
    if edit["op"] == "add_objects":
        found: Sequence[Mapping[str, Any]] = edit["objects"]
        return found
    return [edit] if edit["op"] == "add_object" else []
