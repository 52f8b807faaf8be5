"""Learning: a network taught the segments of the scene by the server, beside all other work.

```
thread of the window    learning(work, ...)  a copy of the segments        Learned, in the window
worker of its own                            the server trains, judges  ->
```
Corrections go on meanwhile: the worker of the panel is another one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qt

from .button import button
from .steps import TOLD, Step, Worker
from .suite_client import taught_lines
from .volumes import SceneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .work import VolumeWork

WHICH = ("all segments", "locked segments alone")
ABOUT = (
    "Teaches a network the segments as they are now: correct them first. Some slices are learned, "
    "others judge. It takes minutes; go on with your work meanwhile."
)


@dataclass(frozen=True)
class Learned:
    """What came of teaching a network."""

    model: str | None
    """Name under which it can be chosen; None where it was not better, and so was refused."""
    path: str | None
    """Its file, on the machine of the server."""
    lines: tuple[str, ...]
    """How well slices were found that took no part, before and after, and the verdict."""
    summary: dict[str, Any]
    """All that the server tells."""

    @classmethod
    def of(cls, summary: dict[str, Any]) -> Learned:
        """From the summary of a job."""
        lines = tuple(taught_lines(summary, "slices of objects"))
        return cls(summary["model"], summary["path"], lines, summary)


def learning(
    work: VolumeWork,
    name: str,
    segment_ids: Sequence[str] | None = None,
    **options: Any,
) -> Step:
    """Teach a network segments; the step gives a `Learned`, or None where it was cancelled.

    Args:
        work: The volume that is open.
        name: Of the new model.
        segment_ids: Segments of the segmentation, also those that a person drew; all that have
            voxels where None.
        options: Of `VolumeSession.finetune`: `overwrite`, `keep_anyway`, `epochs` and so on.

    Raises:
        SceneError: There is no name, or there are no voxels.
    """
    if not name.strip():
        raise SceneError("a model needs a name, e.g. liver-2")
    masks = work.view.masks(segment_ids)
    session = work.session

    def ask(progress: Callable[[int, int, str], bool | None]) -> dict[str, Any] | None:
        state = session.finetune(name.strip(), masks, **options).wait(progress)
        return state["summary"] if state["state"] == "done" else None

    return Step(ask, lambda summary: None if summary is None else Learned.of(summary))


class Learning:
    """Widgets, and what they do.

    Args:
        logic: `SegmentAnythingLogic`.
        use: Called with the name of a new model that the user wants to segment with.
    """

    def __init__(self, logic: Any, use: Callable[[str], None]) -> None:
        self._logic, self._use = logic, use
        self.worker = Worker()
        self.learned: Learned | None = None
        self.options: dict[str, Any] = {}
        """Options of the training that the window does not show, for scripts."""
        self.about, self.state = qt.QLabel(ABOUT), qt.QLabel()
        self.about.wordWrap = self.state.wordWrap = True
        self.name = qt.QLineEdit()
        self.name.placeholderText = "such as liver-2"
        self.which = qt.QComboBox()
        for text in WHICH:
            self.which.addItem(text)
        self.replace = qt.QCheckBox("Replace my model of this name")
        self.learn = button("Learn from these", self._learn)
        self.cancel = button("Cancel", self.worker.cancel)
        self.use = button("Use this model", self._take)
        self.bar = qt.QProgressBar()
        self.poll()

    @property
    def rows(self) -> tuple[tuple[str, Any], ...]:
        """The widgets from top to bottom, each with its label."""
        return (
            ("", self.about), ("Name of the model", self.name), ("Learn from", self.which),
            ("", self.replace), ("", self.learn), ("", self.bar), ("", self.cancel),
            ("", self.state), ("", self.use),
        )  # fmt: skip

    def poll(self) -> None:
        """Show how far it is, and what came of it; called by a timer."""
        self.worker.poll()
        is_busy = self.worker.is_busy
        if is_busy:
            done, total, what = self.worker.progress
            # a bar without an end moves by itself
            self.bar.maximum, self.bar.value = total, done
            self.state.text = f"{what}: {done} of {total}" if total else "starting ..."
        self.learn.enabled, self.cancel.enabled = not is_busy, is_busy
        self.use.enabled = not is_busy and self.learned is not None and bool(self.learned.model)

    def close(self) -> None:
        """Nobody looks any more."""
        self.worker.close()

    def _learn(self) -> None:
        self.learned = None
        try:
            work = self._logic.current
            chosen = None if self.which.currentIndex == 0 else work.view.all_locked()
            step = learning(
                work,
                self.name.text,
                chosen,
                overwrite=bool(self.replace.checked),
                **self.options,
            )
            self.worker.start(step, self._ended)
        except TOLD as error:
            self.state.text = self._logic.explain(error)
        self.poll()

    def _ended(self, learned: Learned | None, error: Exception | None) -> None:
        self.bar.maximum, self.bar.value = 1, 0
        if error is not None:
            if not isinstance(error, TOLD):
                logging.getLogger(__name__).error("unexpected", exc_info=error)
            self.state.text = self._logic.explain(error)
            return
        self.learned = learned
        if learned is None:
            self.state.text = "Cancelled: nothing was learned."
            return
        last = f"The new model is {learned.model}." if learned.model else "No model was made."
        self.state.text = "\n".join((*learned.lines, last))

    def _take(self) -> None:
        if self.learned is not None and self.learned.model:
            self._use(self.learned.model)
