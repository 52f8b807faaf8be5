"""Pip: the pip of an environment, with the user's settings, or from a folder of wheels alone."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Optional

from .commands import ISOLATED, CancelledError, Feedback, InstallError, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TORCH = "torch>=2.4"
RAW_PROGRESS = (24, 1)
"""The first version of pip that tells its progress in lines."""
BEGIN = 0.1
"""Share of an installation that is done when pip begins."""
STEP = 0.03
"""Share of what is left by which the bar moves with each package that pip collects."""
PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
COLLECTING = re.compile(r"\s*(?:Collecting|Downloading|Processing|Using cached) (\S+)")


def from_index(address: str) -> list[str]:
    """Options by which pip takes packages from an address, and soon says where it cannot."""
    return ["--index-url", address, "--retries", "1", "--timeout", "10"]


class Pip:
    """The pip of an environment.

    Args:
        python: The environment's Python.
        feedback: Told each line.
        variables: Environment variables that are added, such as those of a proxy.
        wheels: Folder from which alone packages come; the user's indexes where None.
    """

    def __init__(
        self,
        python: Path,
        feedback: Feedback,
        variables: Mapping[str, str],
        wheels: Optional[Path] = None,
    ) -> None:
        self._command = [str(python), *ISOLATED, "-m", "pip"]
        self._feedback = feedback
        self._wheels = wheels
        self._share = BEGIN
        self._variables = {**variables, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if wheels is not None:
            # settings of the user may name indexes, constraints and other folders
            self._variables["PIP_CONFIG_FILE"] = os.devnull
            cleared = [name for name in os.environ if name.startswith("PIP_")]
            self._variables.update(
                dict.fromkeys((each for each in cleared if each not in self._variables), "")
            )

    def update(self) -> None:
        """A pip that tells its progress in lines; an older one does too, with fewer words."""
        if self._version() < RAW_PROGRESS:
            self._feedback.progress(self._share, "updating pip")
            try:
                self._run(["install", *self._from(), "--upgrade", "pip"])
            except CancelledError:
                raise
            except InstallError as error:
                self._feedback.say(f"pip stays as it is: {error}")

    def install(self, what: Sequence[str], *, until: float, what_for: str = "installing") -> None:
        """Install packages.

        Args:
            what: Requirements, files and options.
            until: Share of all that is done in the end.
            what_for: What is told while it goes on.

        Raises:
            InstallError: Pip failed; with its last lines.
        """
        raw = ["--progress-bar", "raw"] if self._version() >= RAW_PROGRESS else []
        self._feedback.progress(self._share, what_for)
        self._run(["install", *raw, *self._from(), *what], until, what_for)
        self._share = until

    def install_torch(self, index: str) -> None:
        """Install torch from an index of its own; where that does not deliver, the user's decides.

        Args:
            index: Address of the index, such as that of the small builds for CPUs.
        """
        try:
            self.install([*from_index(index), TORCH], until=0.4, what_for="installing torch")
        except CancelledError:
            raise
        except InstallError as error:
            self._feedback.say(f"{error}\n{index} does not deliver: the torch of your own index")

    def check(self) -> None:
        """Say which packages do not fit together."""
        try:
            self._run(["check"])
        except CancelledError:
            raise
        except InstallError as error:
            self._feedback.say(f"warning: {error}")

    def _from(self) -> list[str]:
        if self._wheels is None:
            return []
        return ["--no-index", "--find-links", str(self._wheels), "--no-cache-dir"]

    def _version(self) -> tuple[int, ...]:
        quiet = Feedback(is_cancelled=self._feedback.is_cancelled)
        told = run([*self._command, "--version"], quiet, variables=self._variables)
        found = re.match(r"pip (\d+)\.(\d+)", told[-1] if told else "")
        return tuple(map(int, found.groups())) if found else (0,)

    def _run(self, arguments: Sequence[str], until: float = 0.0, what: str = "") -> None:
        package = ""

        def heard(line: str) -> bool:
            nonlocal package
            if found := COLLECTING.match(line):
                package = found[1].rsplit("/", 1)[-1]
                self._share += (until - self._share) * STEP
                self._feedback.progress(self._share, f"{what}: {package}")
            if found := PROGRESS.match(line):
                done, total = (int(each) / 1e6 for each in found.groups())
                if total:
                    told = f"{what}: {package}, {done:.0f} of {total:.0f} MB"
                    self._feedback.progress(self._share, told)
                return True
            return False

        is_told = heard if until else None
        run([*self._command, *arguments], self._feedback, variables=self._variables, heard=is_told)


__all__ = ["TORCH", "Pip", "from_index"]
