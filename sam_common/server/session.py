"""A session: an open source, the log of its edits, and the masks that follow from it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError, PromptError, SuiteError
from sam_common.server.answers import figures, mask_json, object_json, window_json
from sam_common.server.history import Asked, History, fold
from sam_common.server.protocol import PROTOCOL
from sam_common.server.sources import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.segmenter import Segmenter
    from sam_common.server.history import Edit, ObjectState, State
    from sam_common.server.sources import LiveSource, Reporter
    from sam_common.window import Window

KEPT_RESULTS = 64
"""Results of a session that are kept beside those of its objects, for undo and redo."""


class NotFoundError(SuiteError):
    """No session, object, job or upload of this name."""


class ConflictError(SuiteError):
    """It cannot be done in this state."""


@dataclass(slots=True, eq=False)
class Session:
    """One source and the objects that a person finds in it."""

    id: str
    name: str
    """What the source is called in answers; never a path."""
    model: str
    segmenter: Segmenter
    source: LiveSource
    request: Mapping[str, Any]
    """How the source was opened, as the client asked for it."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    used: float = field(default_factory=time.monotonic)
    busy: int = 0
    """Jobs that need it."""
    _history: History = field(default_factory=History)
    _results: OrderedDict[Asked, Result] = field(default_factory=OrderedDict)

    def describe(self) -> dict[str, Any]:
        """The session as protocol 1 shows it."""
        with self.lock:
            return {
                "session": self.id,
                "kind": self.source.kind,
                "model": self.model,
                "prompts": sorted(self.segmenter.capabilities.kinds),
                "size": list(self.source.size),
                "frame": dict(self.source.frame),
                "objects": self.objects(),
                "can_undo": self._history.can_undo,
                "can_redo": self._history.can_redo,
                "source": {"fingerprint": self.source.fingerprint, "name": self.name},
            }

    def objects(self) -> list[dict[str, Any]]:
        """All objects with their prompts and what is known of their masks."""
        with self.lock:
            return [
                object_json(state, self.result(state.asked))
                for state in self._history.state.values()
            ]

    def edit(self, edit: Edit) -> dict[str, Any]:
        """Apply one edit; where it cannot be, nothing is changed.

        Raises:
            SuiteError: The edit makes no sense here.
        """
        with self.lock:
            ready = self.source.normalised(self._with_id(edit))
            before = self._history.state
            change = self._between(before, fold(before, ready))
            self._history.push(ready)
            return change | self._marks()

    def undo(self) -> dict[str, Any]:
        """One edit back.

        Raises:
            ConflictError: There is none.
        """
        return self._moved(-1, "nothing to undo")

    def redo(self) -> dict[str, Any]:
        """One edit forth.

        Raises:
            ConflictError: There is none.
        """
        return self._moved(1, "nothing to redo")

    def state_of(self, name: str) -> ObjectState:
        """An object.

        Raises:
            NotFoundError: There is none of this name.
        """
        with self.lock:
            if name not in self._history.state:
                raise NotFoundError(f"no object {name} in session {self.id}")
            return self._history.state[name]

    def result_of(self, name: str) -> Result:
        """What an object looks like."""
        with self.lock:
            return self.result(self.state_of(name).asked)

    def geometry(self, name: str) -> dict[str, Any]:
        """An object's outline as a GeoJSON Feature."""
        with self.lock:
            return self.source.geometry(self.state_of(name), self.result_of(name))

    def review(self, name: str) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first.

        Raises:
            PromptError: It was not propagated, or the session is on a raster.
        """
        with self.lock:
            return self.source.review(self.result_of(name))

    def all_results(self) -> list[tuple[ObjectState, Result]]:
        """Every object and what it looks like, in order."""
        with self.lock:
            return [(state, self.result(state.asked)) for state in self._history.state.values()]

    def log(self) -> dict[str, Any]:
        """Everything that makes the session, to be replayed."""
        with self.lock:
            return {
                "protocol": PROTOCOL,
                "source": {
                    "fingerprint": self.source.fingerprint,
                    "name": self.name,
                    "request": dict(self.request),
                },
                "model": {"name": self.model, "sha256": self.segmenter.sha256},
                "edits": [dict(edit) for edit in self._history.edits],
                "cursor": self._history.cursor,
            }

    def replay(self, edits: Sequence[Edit], cursor: int) -> None:
        """Take over the edits of a log; masks are made where they are first asked for.

        Raises:
            PromptError: The edits do not fit each other or this source.
        """
        with self.lock:
            for edit in edits:
                self._history.push(self.source.normalised(edit))
            self._history.move(cursor)
            for state in self._history.state.values():
                self.result(state.asked)

    def propagate(
        self, names: Sequence[str] | None, method: str, reporter: Reporter
    ) -> dict[str, Any]:
        """Follow objects through the volume: one edit at the end.

        Raises:
            ConflictError: The prompts were changed meanwhile.
            PromptError: There is nothing to follow.
        """
        with self.lock:
            state = self._history.state
            chosen = list(names or [n for n, one in state.items() if not one.asked.is_empty])
            if not chosen:
                raise PromptError("nothing to propagate: give an object a box or a mask first")
            before = {name: self.state_of(name).asked for name in chosen}
        found = {}
        for asked in before.values():
            wanted = replace(asked, method=method, corrections=())
            found[wanted] = self.source.propagate(wanted, reporter)
        with self.lock:
            now = {n: one.asked for n, one in self._history.state.items() if n in before}
            if now != before:
                raise ConflictError("the objects were changed while they were propagated: again")
            for asked, result in found.items():
                self._keep(asked, result)
            return self.edit({"op": "propagated", "objects": chosen, "method": method})

    def result(self, asked: Asked) -> Result:
        """What the prompts give: known, or made now."""
        with self.lock:
            if asked.is_empty:
                return Result("no_prompt")
            if asked not in self._results:
                self._keep(asked, self.source.segment(asked, self.result))
            self._results.move_to_end(asked)
            return self._results[asked]

    def close(self) -> None:
        """Let go of the source."""
        with self.lock:
            self._results.clear()
            self.source.close()

    def _keep(self, asked: Asked, result: Result) -> None:
        self._results[asked] = result
        while len(self._results) > KEPT_RESULTS + len(self._history.state):
            self._results.popitem(last=False)

    def _with_id(self, edit: Edit) -> Edit:
        if edit["op"] != "add_object" or edit.get("object") is not None:
            return edit
        taken = {each.get("object") for each in self._history.edits[: self._history.cursor]} | set(
            self._history.state
        )
        number = 1
        while f"o{number}" in taken:
            number += 1
        return {**edit, "object": f"o{number}"}

    def _moved(self, step: int, nothing: str) -> dict[str, Any]:
        with self.lock:
            history = self._history
            if not (history.can_undo if step < 0 else history.can_redo):
                raise ConflictError(f"{nothing}: the cursor is at {history.cursor}")
            cursor = history.cursor + step
            change = self._between(history.state, history.at(cursor))
            history.move(cursor)
            return change | self._marks()

    def _marks(self) -> dict[str, Any]:
        history = self._history
        return {
            "cursor": history.cursor,
            "can_undo": history.can_undo,
            "can_redo": history.can_redo,
        }

    def _between(self, before: State, after: State) -> dict[str, Any]:
        """What is to be redrawn where one state takes the place of another."""
        changed = []
        seconds = {"encode": 0.0, "decode": 0.0}
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            earlier = Result("no_prompt") if old is None else self.result(old.asked)
            known = new is None or new.asked in self._results
            result = Result("no_prompt") if new is None else self.result(new.asked)
            if not known:
                seconds = {step: seconds[step] + result.seconds.get(step, 0.0) for step in seconds}
            changed.append(
                {
                    "object": name,
                    "removed": new is None,
                    "masks": [mask_json(mask) for mask in result.masks],
                    "window": window_json(_union(earlier.window, result.window)),
                    **figures(result),
                }
            )
        return {"changed": changed, "seconds": seconds}


def _union(one: Window | None, other: Window | None) -> Window | None:
    if one is None or other is None:
        return one or other
    return one.union(other)


def check_log(log: Mapping[str, Any], session: Session) -> None:
    """Raise `InputError` unless a log was made on the source and with the model of a session."""
    if log["source"].get("fingerprint") != session.source.fingerprint:
        raise InputError("the log was made on another source: its fingerprint differs")
    if log["model"].get("sha256") != session.segmenter.sha256:
        raise InputError("the log was made with another model: its sha256 differs")
