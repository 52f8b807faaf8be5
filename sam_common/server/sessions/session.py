"""A session: an open source, the log of its edits, and the masks that result from them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sam_common.errors import ConflictError, InputError, NotFoundError, PromptError
from sam_common.server.jobs.prefetch import Prefetch
from sam_common.server.sessions.answers import figures, mask_json, object_json, window_json
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.history import History, size_of
from sam_common.server.sessions.live_source import Result, StepReporter
from sam_common.server.sessions.object_state import Asked, fold
from sam_common.server.sessions.protocol import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.live_source import LiveSource, Reporter
    from sam_common.server.sessions.object_state import Edit, ObjectState, State
    from sam_common.window import Window

RESULT_BYTES = 1 << 30
"""Most bytes of the masks of all sessions; those that are dropped are made again for an undo."""
HISTORY_BYTES = 256 << 20
"""Most bytes of the edits of one session."""


@dataclass(slots=True, eq=False)
class Session:
    """One open source and its objects; threads may share it."""

    id: str
    name: str
    """Name of the source in answers; never a path."""
    model: str
    segmenter: Segmenter
    source: LiveSource
    request: Mapping[str, Any]
    """The request by which the source was opened."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while the history is read or changed."""
    used: float = field(default_factory=time.monotonic)
    """Time of the last use, of the monotonic clock."""
    results: EmbeddingPool = field(default_factory=lambda: EmbeddingPool(RESULT_BYTES))
    """Results by session and prompts; the server shares one pool among all sessions."""
    prefetch: Prefetch = field(default_factory=Prefetch)
    """Does work ahead of edits; the server shares one among all sessions."""
    most_history_bytes: int = HISTORY_BYTES
    _history: History = field(default_factory=History)
    _jobs: int = 0
    """Number of jobs that need the session, those that are queued included."""
    _is_closed: bool = False
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_held(self) -> bool:
        """Whether a job needs the session."""
        return self._jobs > 0

    def hold(self) -> None:
        """Count a job that needs the session until it calls `release`."""
        with self._counting:
            self._jobs += 1

    def release(self) -> None:
        """Count a job as ended, which is a use; then let go of a session that was closed."""
        with self._counting:
            self._jobs -= 1
            self.used = time.monotonic()
            is_over = self._is_closed and self._jobs == 0
        if is_over:
            self._let_go()

    def describe(self) -> dict[str, Any]:
        """The session in the JSON of protocol 1."""
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
        """All objects with their prompts and figures, in the JSON of protocol 1."""
        with self.lock:
            return [
                object_json(state, self.result(state.asked))
                for state in self._history.state.values()
            ]

    def edit(self, edit: Edit) -> dict[str, Any]:
        """Apply one edit; where that fails, nothing is changed.

        Returns:
            The changed objects with their masks, in the JSON of protocol 1.

        Raises:
            ConflictError: The edits of the session would take too many bytes.
            SuiteError: The edit makes no sense for this session.
        """
        with self.prefetch.paused(), self.lock:
            ready = self.source.normalised(self._history.with_names(edit))
            if self._history.size_bytes + size_of(ready) > self.most_history_bytes:
                raise ConflictError(
                    f"the edits of this session take {self._history.size_bytes} bytes, and no more "
                    "are kept: export it, and go on in a new one"
                )
            before = self._history.state
            change = self._between(before, fold(before, ready))
            self._history.push(ready)
            self._prepare(change["changed"])
            return change | self._marks()

    def undo(self) -> dict[str, Any]:
        """Go one edit back, and give the changed objects.

        Raises:
            ConflictError: There is no edit to undo.
        """
        return self._moved(-1, "nothing to undo")

    def redo(self) -> dict[str, Any]:
        """Go one edit forth, and give the changed objects.

        Raises:
            ConflictError: There is no edit to redo.
        """
        return self._moved(1, "nothing to redo")

    def state_of(self, name: str) -> ObjectState:
        """The object with an identifier.

        Raises:
            NotFoundError: There is no such object.
        """
        with self.lock:
            if name not in self._history.state:
                raise NotFoundError(f"no object {name} in session {self.id}")
            return self._history.state[name]

    def result_of(self, name: str) -> Result:
        """The masks of the object with an identifier."""
        with self.lock:
            return self.result(self.state_of(name).asked)

    def geometry(self, name: str) -> dict[str, Any]:
        """The outline of an object of a raster as a GeoJSON Feature."""
        with self.lock:
            return self.source.geometry(self.state_of(name), self.result_of(name))

    def review(self, name: str) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first.

        Raises:
            PromptError: The object was not propagated, or the session is on a raster.
        """
        with self.lock:
            return self.source.review(self.result_of(name))

    def candidates(self, name: str) -> list[dict[str, Any]]:
        """The answers that a propagated object was chosen from, the chosen one first.

        Raises:
            PromptError: The object was not propagated, or the session is on a raster.
        """
        with self.lock:
            return self.source.candidates(self.result_of(name))

    def all_results(
        self, reporter: Reporter, *, more_steps: int = 0
    ) -> list[tuple[ObjectState, Result]]:
        """Every object with its masks, in order.

        Args:
            reporter: Hears of each object.
            more_steps: Steps of the job that follow, for the announced total.
        """
        with self.lock:
            states = list(self._history.state.values())
        reporter.begin("objects", len(states) + more_steps)
        found = []
        for state in states:
            found.append((state, self._made(state.asked, reporter)))
            reporter.step(1)
        return found

    def log(self) -> dict[str, Any]:
        """Everything from which the session can be made again, in the JSON of protocol 1."""
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

    def replay(self, edits: Sequence[Edit], cursor: int, reporter: Reporter) -> None:
        """Apply the edits of a log, and make the masks of its objects.

        Args:
            edits: The edits, in order.
            cursor: Number of edits that count; the others were undone.
            reporter: Hears of each edit and each object.

        Raises:
            ConflictError: The edits would take too many bytes.
            PromptError: The edits do not fit each other or this source.
        """
        if (size := sum(map(size_of, edits))) > self.most_history_bytes:
            raise ConflictError(f"the edits of the log take {size} bytes: replay a part of them")
        reporter.begin("edits", len(edits))
        with self.lock:
            for edit in edits:
                self._history.push(self.source.normalised(edit))
                reporter.step(1)
            self._history.move(cursor)
            states = list(self._history.state.values())
        reporter.begin("objects", len(states))
        for state in states:
            self._made(state.asked, reporter)
            reporter.step(1)

    def propagate(
        self, names: Sequence[str] | None, method: str, reporter: Reporter
    ) -> dict[str, Any]:
        """Propagate objects through the volume, as one edit at the end.

        Args:
            names: Identifiers of the objects; all that have prompts where None.
            method: `planes` or `litemedsam`.
            reporter: Hears of each slice.

        Raises:
            ConflictError: The prompts were changed meanwhile.
            PromptError: No object has a prompt.
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
        """The masks of an object's prompts, from the pool or made now."""
        with self.lock:
            if asked.is_empty:
                return Result("no_prompt")
            if (known := self._known(asked)) is not None:
                return known
            with self.prefetch.paused():
                made = self.source.segment(asked, self.result)
            self._keep(asked, made)
            return made

    def close(self) -> None:
        """Close the source, once no job needs it; nothing more is done ahead."""
        self.prefetch.cancel(self.id)
        with self._counting:
            self._is_closed = True
            is_over = self._jobs == 0
        if is_over:
            self._let_go()

    def _let_go(self) -> None:
        """Drop the results of the session, and close its source."""
        with self.lock:
            self.results.drop(lambda key: key[0] == self.id)
            self.source.close()

    def _known(self, asked: Asked) -> Result | None:
        """The result of an object's prompts, None where the pool does not hold it."""
        found: Result | None = self.results.get((self.id, asked))
        return found

    def _keep(self, asked: Asked, result: Result) -> None:
        """Put a result into the pool."""
        self.results.put((self.id, asked), result, self.source.size_of(result))

    def _made(self, asked: Asked, reporter: Reporter) -> Result:
        """The masks of an object for a job; a propagation takes no lock and can be cancelled."""
        if asked.method is None or asked.is_empty or self._known(asked) is not None:
            return self.result(asked)
        whole = replace(asked, corrections=())
        if self._known(whole) is None:
            self._keep(whole, self.source.propagate(whole, StepReporter(reporter)))
        return self.result(asked)

    def _moved(self, step: int, nothing: str) -> dict[str, Any]:
        """Move the cursor by one edit, and give the changed objects."""
        with self.prefetch.paused(), self.lock:
            history = self._history
            if not (history.can_undo if step < 0 else history.can_redo):
                raise ConflictError(f"{nothing}: the cursor is at {history.cursor}")
            cursor = history.cursor + step
            change = self._between(history.state, history.at(cursor))
            history.move(cursor)
            self._prepare(change["changed"])
            return change | self._marks()

    def _prepare(self, changed: Sequence[Mapping[str, Any]]) -> None:
        """Let be prepared what the next edits may need, of objects that have just changed first."""
        state = self._history.state
        latest = [one["object"] for one in changed if one["object"] in state]
        asked = [state[name].asked for name in dict.fromkeys([*latest, *state])]
        known = [result for one in asked if (result := self._known(one)) is not None]
        self.prefetch.start(self.id, self.source.prefetch(known))

    def _marks(self) -> dict[str, Any]:
        """The cursor, and whether there is anything to undo or redo."""
        history = self._history
        return {
            "cursor": history.cursor,
            "can_undo": history.can_undo,
            "can_redo": history.can_redo,
        }

    def _between(self, before: State, after: State) -> dict[str, Any]:
        """The objects that differ between two states, with the windows to redraw."""
        changed = []
        seconds = {"encode": 0.0, "decode": 0.0}
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            earlier = Result("no_prompt") if old is None else self.result(old.asked)
            known = new is None or self._known(new.asked) is not None
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
    """The smallest window around two windows, of which either may be missing."""
    if one is None or other is None:
        return one or other
    return one.union(other)


def check_log(log: Mapping[str, Any], session: Session) -> None:
    """Raise `InputError` unless a log was made on the source and with the model of a session."""
    if log["source"].get("fingerprint") != session.source.fingerprint:
        raise InputError("the log was made on another source: its fingerprint differs")
    if log["model"].get("sha256") != session.segmenter.sha256:
        raise InputError("the log was made with another model: its sha256 differs")
