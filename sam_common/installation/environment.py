"""Environment: a Python environment of the suite's own in a folder, made without a terminal.

```
FOLDER/                          such as in the profile of QGIS
    sam-geomed.lock              held while it is changed
    sam-geomed-unpacked/         a bundle, while it is installed
    environment/                 the environment
        sam-geomed.json          what it is; written last, so that what has it is whole
```
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from .commands import ISOLATED, CancelledError, Feedback, InstallError, run
from .offline import copy_cache, read_manifest, unpack
from .pip_client import Pip
from .pythons import find_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = "sam-geomed"
RECORD = "sam-geomed.json"
"""In an environment that is whole: what it was made from."""
MARK = "sam-geomed-begun"
"""In an environment from its first moment on: it was made here, and may be removed."""
FREE_BYTES = 3_500_000_000
"""Room on the disk that is asked for where packages come from an index."""
FREE_SHARE = 5
"""Room that is asked for in sizes of a bundle, which is unpacked beside what is installed."""
MODULES = {
    "": ("torch", "sam_common"),
    "geo": ("rasterio", "geopandas", "sam_geo"),
    "med": ("SimpleITK", "pydicom", "sam_med"),
    "server": ("fastapi", "uvicorn"),
    "cpu": ("openvino",),
    "hf": ("transformers",),
}
"""What must be importable, for each extra."""
PROGRAMS = {"": "sam-common", "geo": "sam-geo", "med": "sam-med"}
"""Programs that must start, for each extra."""


TORCH_HINT = (
    "On Linux the usual PyTorch brings gigabytes for NVIDIA's GPUs. Without such a GPU, give the "
    "address of the builds for CPUs, which pytorch.org shows under Get Started."
)
"""What is told beside the place where an address of torch is given."""


@dataclass(frozen=True)
class Wanted:
    """What is to be installed."""

    extras: tuple[str, ...]
    """Extras of the suite."""
    wheel: Optional[Path] = None
    """The suite's wheel; not needed with a bundle."""
    offline: Optional[Path] = None
    """A bundle, from which everything is installed without any index."""
    torch_index: str = ""
    """Address of an index that is asked for torch first, as for its small builds for CPUs; the
    user's own where empty."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables for pip, such as those of a proxy."""


class Environment:
    """An environment in a folder, which need not be there yet.

    Args:
        folder: The user's own folder, in which `environment` is made.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.folder = folder / "environment"

    @property
    def about(self) -> dict[str, Any]:
        """What it was made from; empty where it is not there or not whole."""
        try:
            told = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    @property
    def is_begun(self) -> bool:
        """Whether there is something, whole or not, that was made here."""
        return (self.folder / MARK).is_file()

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.program("python")

    def program(self, name: str) -> Path:
        """A program in it."""
        if sys.platform == "win32":
            return self.folder / "Scripts" / f"{name}.exe"
        return self.folder / "bin" / name

    def is_of(self, wheel: Path) -> bool:
        """Whether it was made from this very wheel."""
        return self.about.get("wheel") == _sha256(wheel)

    def state(self, wheel: Optional[Path]) -> str:
        """How it stands, in one line.

        Args:
            wheel: The suite's wheel that the host's plugin brings, where it brings one.
        """
        about = self.about
        if not about:
            return "not whole: install it again" if self.is_begun else "not installed"
        is_old = wheel is not None and about.get("wheel") is not None and not self.is_of(wheel)
        update = "; the plugin brings another version: install it" if is_old else ""
        return f"{about.get('version')}{update}"

    def install(self, wanted: Wanted, feedback: Feedback, *, is_fresh: bool = False) -> None:
        """Make it, or bring one that is whole to another wheel.

        Args:
            wanted: What to install.
            feedback: Told how it goes on.
            is_fresh: Whether to make it anew, whatever there is.

        Raises:
            CancelledError: The user cancelled; a new environment was removed.
            InstallError: It failed; a new environment was removed.
        """
        with self._changing():
            self._check_room(wanted)
            is_new = is_fresh or not self.about or self._is_dead()
            try:
                with self._sources(wanted, feedback) as sources:
                    self._make(wanted, sources, feedback, is_new=is_new)
            except BaseException:
                if is_new and self.is_begun:
                    self._delete()
                raise

    def repair(self, wanted: Wanted, feedback: Feedback) -> None:
        """Make it anew."""
        self.install(wanted, feedback, is_fresh=True)

    def verify(self, extras: Sequence[str], feedback: Feedback) -> str:
        """Import what was installed and start each program.

        Returns:
            The version of the suite, as its programs tell it.

        Raises:
            InstallError: Something is missing; the message has the last lines of what failed.
        """
        names = [name for extra in ("", *extras) for name in MODULES.get(extra, ())]
        run([str(self.python), *ISOLATED, "-c", f"import {', '.join(names)}"], feedback)
        version = ""
        for extra in ("", *extras):
            if extra in PROGRAMS:
                told = run([str(self.program(PROGRAMS[extra])), "--version"], feedback)
                version = told[-1] if told else ""
        return version

    def remove(self) -> None:
        """Remove it, and nothing that was not made here.

        Raises:
            InstallError: The folder is there, but was not made here, or is in use.
        """
        with self._changing():
            if self.folder.exists() and not self.is_begun:
                raise InstallError(
                    f"{self.folder} was not made by this program, so that it stays: move it away"
                )
            self._delete()

    def _make(self, wanted: Wanted, sources: _Sources, feedback: Feedback, *, is_new: bool) -> None:
        if is_new:
            feedback.progress(0.02, "looking for a Python")
            self._begin(sources, feedback)
        (self.folder / RECORD).unlink(missing_ok=True)
        pip = Pip(self.python, feedback, sources.variables, sources.wheels)
        pip.update()
        if wanted.torch_index and is_new and wanted.offline is None:
            pip.install_torch(wanted.torch_index)
        suite = f"{sources.suite}[{','.join(wanted.extras)}]"
        pip.install([suite], until=0.9, what_for="installing the suite")
        if not is_new:
            # the same version may be another file
            pip.install(["--force-reinstall", "--no-deps", sources.suite], until=0.92)
        feedback.progress(0.92, "verifying")
        version = self.verify(wanted.extras, feedback)
        pip.check()
        self._take_cache(sources, feedback)
        self._record(wanted, sources, version)
        feedback.progress(1.0, "done")
        feedback.say(f"{version} is installed in {self.folder}")

    def _begin(self, sources: _Sources, feedback: Feedback) -> None:
        base = find_python(feedback, sources.pythons)
        if self.folder.exists() and not self.is_begun:
            raise InstallError(f"{self.folder} is there and was not made here: move it away")
        self._delete()
        self.folder.mkdir(parents=True)
        (self.folder / MARK).touch()
        feedback.progress(0.05, "making an environment")
        run([str(base.path), *ISOLATED, "-m", "venv", str(self.folder)], feedback)

    def _record(self, wanted: Wanted, sources: _Sources, version: str) -> None:
        wheel = Path(sources.suite)
        about = {
            "version": version,
            "extras": list(wanted.extras),
            "wheel": _sha256(wheel) if wheel.is_file() else None,
            "offline": None if wanted.offline is None else str(wanted.offline),
        }
        part = self.folder / f"{RECORD}.part"
        part.write_text(json.dumps(about, indent=2), encoding="utf-8")
        part.replace(self.folder / RECORD)

    def _take_cache(self, sources: _Sources, feedback: Feedback) -> None:
        """Put the networks and samples of a bundle where the suite looks for them."""
        if sources.unpacked is None:
            return
        ask = "from sam_common.support.cache_folder import cache_dir; print(cache_dir())"
        told = run([str(self.python), *ISOLATED, "-c", ask], feedback)
        for name in copy_cache(sources.unpacked, Path(told[-1])):
            feedback.say(f"{name} is in {told[-1]}")

    def _is_dead(self) -> bool:
        """Whether its Python does not run any more, such as after an update of the system."""
        try:
            run([str(self.python), *ISOLATED, "-c", ""], Feedback())
        except InstallError:
            return True
        return False

    def _delete(self) -> None:
        if not self.folder.exists():
            return
        # moved first, as it may be in use, and half an environment is worse than a whole one
        gone = self.home / "environment-removed"
        try:
            shutil.rmtree(gone, ignore_errors=True)
            self.folder.replace(gone)
        except OSError as error:
            raise InstallError(
                f"{self.folder} is in use ({error.strerror}): end the server, and try again"
            ) from error
        shutil.rmtree(gone, ignore_errors=True)

    def _check_room(self, wanted: Wanted) -> None:
        needed = FREE_BYTES
        if wanted.offline is not None:
            files = read_manifest(wanted.offline).files
            needed = FREE_SHARE * sum(size for size, _ in files.values())
        free = shutil.disk_usage(self.home).free
        if free < needed:
            raise InstallError(
                f"{self.home} has {free / 1e9:.1f} GB of free space, and "
                f"{needed / 1e9:.1f} GB are needed: make room on that disk"
            )

    @contextlib.contextmanager
    def _sources(self, wanted: Wanted, feedback: Feedback) -> Iterator[_Sources]:
        """Where pip takes packages from; a bundle is unpacked, and removed in the end."""
        variables = dict(wanted.variables)
        if wanted.offline is None:
            if wanted.wheel is None or not wanted.wheel.is_file():
                raise InstallError(
                    f"the suite's wheel is missing ({wanted.wheel}): take a bundle, or the zip of "
                    "the plugin as make plugins writes it"
                )
            yield _Sources(str(wanted.wheel), variables)
            return
        folder = self.home / "sam-geomed-unpacked"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            manifest = unpack(wanted.offline, folder, feedback)
            if missing := sorted(set(wanted.extras) - set(manifest.extras)):
                raise InstallError(
                    f"{wanted.offline} is for {manifest.host} and lacks {', '.join(missing)}"
                )
            wheels = folder / "wheels"
            suite = f"{NAME}=={manifest.suite}"
            found = sorted(wheels.glob(f"{NAME.replace('-', '_')}-{manifest.suite}-*.whl"))
            yield _Sources(
                str(found[0]) if found else suite, variables, wheels, folder, manifest.pythons
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Let nobody else change it: two windows may have the same button."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "sam-geomed.lock").open("a+b") as lock:
            try:
                _lock(lock.fileno())
            except OSError as error:
                raise InstallError(
                    f"another window is changing {self.folder}: wait until it has ended"
                ) from error
            yield


@dataclass(frozen=True)
class _Sources:
    suite: str
    variables: Mapping[str, str]
    wheels: Optional[Path] = None
    unpacked: Optional[Path] = None
    pythons: tuple[tuple[int, int], ...] = ()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lock(number: int) -> None:
    """Lock a file until it is closed; raises OSError where another process has it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (of Windows alone)

        os.lseek(number, 0, os.SEEK_SET)
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 (not of Windows)

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


__all__ = ["TORCH_HINT", "CancelledError", "Environment", "Wanted"]
