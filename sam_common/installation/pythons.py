"""Pythons: one of 3.10 or newer on this machine, or one that `uv` brings.

```
places by habit + PATH -> ask each one -> the best that can make environments
                                       -> else uv finds or fetches one
                                       -> else an error that says how to get one
```
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from .commands import HIDDEN, ISOLATED, CancelledError, Feedback, InstallError, clean_variables, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OLDEST, NEWEST = (3, 10), (3, 14)
"""Versions of Python for which the suite and the packages that it needs are published."""
FETCHED = "3.12"
"""The version that `uv` fetches where there is none."""
ASK_SECONDS = 20.0
"""Seconds in which a Python must answer."""
ASK = (
    "import importlib.util as u, json, struct, sys;"
    "print(json.dumps([list(sys.version_info[:2]), struct.calcsize('P') * 8,"
    "all(u.find_spec(n) for n in ('venv', 'ensurepip')), sys.base_prefix]))"
)
"""What a Python is asked: its version, its bits, whether it can make environments, its home."""
SYSTEM = (Path("/usr"), Path("/usr/local"))
"""Where a system has its own Python, which stays."""
PROGRAM = re.compile(r"python(3(\.\d+)?)?(\.exe)?")
"""Name of the program of a Python."""
HOW_TO = {
    "Linux": (
        "Install Python 3.10 or newer together with its module venv, such as\n"
        "    sudo apt install python3 python3-venv     (Debian, Ubuntu)\n"
        "    sudo dnf install python3                  (Fedora)\n"
        "and try again."
    ),
    "Darwin": (
        "Install Python 3.10 or newer from www.python.org/downloads, or by\n"
        "    brew install python\n"
        "and try again."
    ),
    "Windows": (
        "Install Python 3.10 or newer (64 bits) from www.python.org/downloads, or by\n"
        "    winget install Python.Python.3.12\n"
        "and try again."
    ),
}
"""How to get a Python, for each system."""


@dataclass(frozen=True)
class Python:
    """A Python of this machine."""

    path: Path
    """Its program."""
    version: tuple[int, int]
    """Such as (3, 12)."""
    trouble: str = ""
    """Why it cannot be used; empty where it can."""


def find_python(
    feedback: Feedback,
    versions: Sequence[tuple[int, int]] = (),
    candidates: Optional[Sequence[Path]] = None,
    uv: Optional[Sequence[Path]] = None,
) -> Python:
    """The best Python of this machine for an environment, fetched by `uv` where there is none.

    Args:
        feedback: Told what was found.
        versions: Versions that will do; all that are published for where empty.
        candidates: Where Pythons may lie; `python_places` where not given.
        uv: Where `uv` may lie; `uv_places` where not given.

    Raises:
        InstallError: There is none; the message says what was found and how to get one.
    """
    here = platform.system()
    paths = list(python_places(here)) if candidates is None else candidates
    found = _asked(paths, versions, feedback)
    usable = [python for python in found if not python.trouble]
    if usable:
        best = min(usable, key=_rank)
        feedback.say(f"Python {_text(best.version)}: {best.path}")
        return best
    for program in uv_places(here) if uv is None else uv:
        if program.is_file():
            return _by_uv(program, versions, feedback)
    wanted = " or ".join(map(_text, versions)) or "3.10 or newer"
    seen = "\n".join(f"    {each.path}: {each.trouble}" for each in found) or "    none"
    raise InstallError(f"No Python {wanted} was found. Found were\n{seen}\n{_how_to()}")


def python_places(
    system: str, home: Optional[Path] = None, variables: Mapping[str, str] = os.environ
) -> Iterator[Path]:
    """Programs that may be a Python: on PATH, and where installers put them.

    Args:
        system: "Linux", "Darwin" or "Windows", as `platform.system` says.
        home: The user's folder.
        variables: Environment variables.
    """
    home = home or Path.home()
    seen: set[Path] = set()
    for folder, pattern in _folders(system, home, variables):
        for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
            if not PROGRAM.fullmatch(path.name) or path in seen:
                continue
            seen.add(path)
            # one of size zero on Windows opens the shop, and that of macOS offers a compiler
            if path.is_file() and path.stat().st_size and not _is_stub(system, path):
                yield path


def uv_places(
    system: str, home: Optional[Path] = None, variables: Mapping[str, str] = os.environ
) -> list[Path]:
    """Where `uv` may lie: on PATH, and where its installers put it."""
    home = home or Path.home()
    name = "uv.exe" if system == "Windows" else "uv"
    folders = [*_path(variables), home / ".local/bin", home / ".cargo/bin"]
    if system == "Darwin":
        folders += [Path("/opt/homebrew/bin"), Path("/usr/local/bin")]
    return [folder / name for folder in folders]


def _folders(system: str, home: Path, variables: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for folder in _path(variables):
        yield folder, "python*"
    if system == "Windows":
        for name in ("LOCALAPPDATA", "ProgramFiles"):
            if value := variables.get(name):
                inner = "Programs/Python" if name == "LOCALAPPDATA" else "."
                yield Path(value) / inner, "Python3*/python.exe"
        yield home, "AppData/Roaming/uv/python/*/python.exe"
    elif system == "Darwin":
        yield Path("/Library/Frameworks/Python.framework/Versions"), "3.*/bin/python3"
        yield Path("/opt/homebrew/bin"), "python3*"
    else:
        yield Path("/usr/bin"), "python3*"
    if system != "Windows":
        yield Path("/usr/local/bin"), "python3*"
        yield home, ".local/share/uv/python/*/bin/python3"
        yield home, ".pyenv/versions/*/bin/python3"
    base = "python.exe" if system == "Windows" else "bin/python3"
    for conda in ("miniforge3", "mambaforge", "miniconda3", "anaconda3"):
        yield home / conda, base


def _path(variables: Mapping[str, str]) -> list[Path]:
    return [Path(each) for each in variables.get("PATH", "").split(os.pathsep) if each]


def _is_stub(system: str, path: Path) -> bool:
    return system == "Darwin" and path.parent == Path("/usr/bin")


def _asked(
    paths: Sequence[Path], versions: Sequence[tuple[int, int]], feedback: Feedback
) -> list[Python]:
    """Ask each Python, those of one home once."""
    found: dict[tuple[str, tuple[int, int]], Python] = {}
    for path in paths:
        feedback.check()
        answer = _answer(path)
        if answer is not None:
            version, bits, can, prefix = (answer[0][0], answer[0][1]), *answer[1:]
            trouble = _trouble(version, bits, versions)
            if not trouble and not can:
                trouble = "it lacks the module venv or ensurepip"
            found.setdefault((prefix, version), Python(path, version, trouble))
    return list(found.values())


def _answer(path: Path) -> Optional[list]:  # type: ignore[type-arg]  # JSON
    try:
        done = subprocess.run(
            [str(path), *ISOLATED, "-c", ASK],
            env=clean_variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASK_SECONDS,
            check=False,
            creationflags=HIDDEN,
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        # what does not answer is no Python
        return None
    return answer if isinstance(answer, list) else None


def _trouble(version: tuple[int, int], bits: int, versions: Sequence[tuple[int, int]]) -> str:
    if versions and version not in versions:
        return f"it is {_text(version)}"
    if version < OLDEST:
        return f"it is {_text(version)}, which is too old"
    if version > NEWEST:
        return f"it is {_text(version)}, which is newer than the packages that are needed"
    return "" if bits == 64 else f"it has {bits} bits, 64 are needed"


def _rank(python: Python) -> tuple[bool, bool, int]:
    """The host's own Python last, as it goes with the host's next version; the system's first."""
    own = Path(sys.base_prefix)
    is_own = own not in SYSTEM and own in python.path.parents
    is_systems = python.path.parent.parent in SYSTEM
    return is_own, not is_systems, abs(python.version[1] - 12)


def _by_uv(program: Path, versions: Sequence[tuple[int, int]], feedback: Feedback) -> Python:
    """The Python that `uv` finds, or else fetches."""
    wanted = _text(versions[-1]) if versions else FETCHED
    # the others were asked already
    own = ["--no-project", "--python-preference", "only-managed"]
    find = [str(program), "python", "find", *own, wanted]
    try:
        told = run(find, feedback)
    except CancelledError:
        raise
    except InstallError:
        feedback.say(f"no Python that will do; {program} fetches Python {wanted}")
        _fetch([str(program), "python", "install", wanted], feedback)
        told = run(find, feedback)
    path = Path(told[-1] if told else "")
    (found,) = _asked([path], versions, feedback) or (Python(path, (0, 0), "it does not run"),)
    if found.trouble:
        raise InstallError(f"uv gave {path}, but {found.trouble}")
    return found


def _fetch(command: Sequence[str], feedback: Feedback) -> None:
    try:
        run(command, feedback)
    except CancelledError:
        raise
    except InstallError as error:
        raise InstallError(f"{error}\n{_how_to()}") from error


def _how_to() -> str:
    return HOW_TO.get(platform.system(), HOW_TO["Linux"])


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
