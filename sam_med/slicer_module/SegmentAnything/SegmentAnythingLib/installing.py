"""Installing: the section of the window that makes the suite's environment, with log and cancel.

```
thread of the window    Installing.poll           <- a timer of the module
thread                  suite_installation        venv, pip, verification
```
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from .button import button
from .environment import own_environment
from .suite_installation.background import CANCELLED, FAILED, FINISHED, Background
from .suite_installation.environment import TORCH_HINT, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRAS = ("med", "cpu", "hf", "server")
"""Extras of the suite that the module uses."""
WHEELS = Path(__file__).with_name("suite_wheel")
"""Where the zip of the module has the suite's wheel."""
STEPS = 1000
ENDS = {FINISHED: "Done.", CANCELLED: "Cancelled."}
ABOUT = (
    "The networks run in a Python environment beside Slicer, about 2.4 GB. Nothing is installed "
    "into Slicer's own Python. Packages come as your pip is configured, or from a bundle."
)


def own_wheel() -> Path | None:
    """The suite's wheel in this module; None in a checkout."""
    return next(iter(sorted(WHEELS.glob("*.whl"))), None)


class Installing:
    """Widgets, and what they do.

    Args:
        before: Called before anything is changed: a running server holds files.
    """

    def __init__(self, before: Callable[[], Any]) -> None:
        self._before = before
        self.work: Background | None = None
        self.about = qt.QLabel(ABOUT)
        self.about.wordWrap = True
        self.state, self.step = qt.QLabel(), qt.QLabel()
        self.step.wordWrap = True
        self.bundle = qt.QLineEdit()
        self.bundle.placeholderText = "none: packages come by pip"
        self.torch_index = qt.QLineEdit()
        self.torch_index.placeholderText = "none: your own index"
        self.torch_index.toolTip = TORCH_HINT
        self.install = button("Install the suite", self._install)
        self.repair = button("Repair", self._repair)
        self.remove = button("Remove", self._remove)
        self.cancel = button("Cancel", self._cancel)
        self.choose = button("Choose a bundle...", self._choose)
        self.bar = qt.QProgressBar()
        self.bar.maximum = STEPS
        self.log = qt.QPlainTextEdit()
        self.log.readOnly = True
        self._show()

    @property
    def rows(self) -> tuple[tuple[str, Any], ...]:
        """The widgets from top to bottom, each with its label."""
        return (
            ("", self.about), ("Installed", self.state), ("Bundle", self.bundle),
            ("", self.choose), ("PyTorch from", self.torch_index), ("", self.install),
            ("", self.repair), ("", self.remove), ("", self.cancel), ("", self.bar),
            ("", self.step), ("", self.log),
        )  # fmt: skip

    def poll(self) -> None:
        """Show what was told since the last time; called by a timer."""
        for kind, what in [] if self.work is None else self.work.news():
            if kind == "line":
                self.log.appendPlainText(what)
                newest = self.log.verticalScrollBar()
                newest.value = newest.maximum
            elif kind == "share":
                self.bar.value, self.step.text = round(STEPS * what[0]), what[1]
            else:
                self._end(kind, what)

    def close(self) -> None:
        """Cancel, and wait for the end: Slicer ends."""
        if self.work is not None:
            self.work.cancel()
            self.work.wait()

    def _install(self) -> None:
        wanted = self._wanted()
        self._start(lambda feedback: own_environment().install(wanted, feedback))

    def _repair(self) -> None:
        wanted = self._wanted()
        self._start(lambda feedback: own_environment().repair(wanted, feedback))

    def _remove(self) -> None:
        self._start(lambda _feedback: own_environment().remove())

    def _cancel(self) -> None:
        if self.work is not None:
            self.work.cancel()
            self.step.text = "cancelling ..."

    def _choose(self) -> None:
        told = qt.QFileDialog.getOpenFileName(None, "Bundle", "", "Bundles (*.zip)")
        # a pair in other bindings of Qt
        path = told[0] if isinstance(told, tuple) else told
        if path:
            self.bundle.text = path

    def _wanted(self) -> Wanted:
        path = self.bundle.text.strip()
        return Wanted(
            extras=EXTRAS,
            wheel=own_wheel(),
            offline=Path(path) if path else None,
            torch_index=self.torch_index.text.strip(),
        )

    def _start(self, work: Callable[[Any], Any]) -> None:
        if self.work is not None:
            return
        self._before()
        self.log.clear()
        self.bar.value = 0
        self.work = Background(work)
        self._show()

    def _end(self, kind: str, why: str) -> None:
        self.work = None
        self.step.text = ENDS.get(kind, why)
        if kind == FAILED:
            self.log.appendPlainText(why)
        else:
            self.bar.value = STEPS if kind == FINISHED else 0
        self._show()

    def _show(self) -> None:
        is_busy, environment = self.work is not None, own_environment()
        self.state.text = "working ..." if is_busy else environment.state(own_wheel())
        self.install.enabled = not is_busy
        self.repair.enabled = self.remove.enabled = not is_busy and environment.is_begun
        self.cancel.enabled = is_busy
