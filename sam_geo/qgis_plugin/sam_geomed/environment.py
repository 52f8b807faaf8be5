"""Environment: the Python in which the suite is installed, beside QGIS's own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qgis.core import QgsSettings

from .installer import own_environment
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .suite_installation.environment import Environment

SETTING = "sam_geomed/environment"
"""Key in QGIS's settings: a folder of an environment, its Python, or `sam-common`."""
NAME = "sam-geomed"
BINARIES = ("bin", "Scripts", "")
"""Folders of programs in an environment: Unix, Windows, and conda on Windows."""
PLACES = (
    ".local/share/pipx/venvs",
    ".local/pipx/venvs",
    "pipx/venvs",
    ".local/share/uv/tools",
    ".virtualenvs",
    ".venvs",
    "venvs",
    "miniforge3/envs",
    "mambaforge/envs",
    "miniconda3/envs",
    "anaconda3/envs",
    "",
)
"""Folders below the home folder in which environments lie by habit."""
COMMANDS = f"""\
    python3 -m venv ~/{NAME}
    ~/{NAME}/bin/pip install "sam-geomed[geo,cpu,hf,server]"
"""
"""What makes an environment in a terminal."""


class EnvironmentMissingError(Exception):
    """The suite is not there; the message says what to do.

    Args:
        why: What was looked for in vain; empty where it is nowhere.
    """

    def __init__(self, why: str = "") -> None:
        how_to = translate(
            "SamGeomed",
            "The plugin needs the suite in a Python environment of its own: press Install the "
            "suite… in the panel Segment Anything. Or in a terminal:\n{commands}"
            "It is found there by itself; one that lies elsewhere is chosen on the tab Server of "
            "the panel, or with the setting {setting}.",
        ).format(commands=COMMANDS, setting=SETTING)
        super().__init__("\n".join(filter(None, (why, how_to))))


def find_command(
    chosen: str | None = None,
    *,
    variables: Mapping[str, str] = os.environ,
    home: Path | None = None,
    own: Environment | None = None,
) -> list[str]:
    """The command that starts the server, without options.

    Args:
        chosen: Folder of the environment, its Python or `sam-common`; from QGIS's settings where
            None.
        variables: Of this process.
        home: The user's home folder.
        own: The environment that the plugin made; that of QGIS's profile where None.

    Raises:
        EnvironmentMissingError: There is none, or what was chosen is none.
    """
    chosen = configured() if chosen is None else chosen.strip()
    if chosen:
        if (command := _command_at(Path(chosen).expanduser())) is None:
            raise EnvironmentMissingError(
                translate("SamGeomed", "No suite at {path}.").format(path=chosen)
            )
        return command
    made = own or own_environment()
    if made.about and (command := _command_at(made.folder)) is not None:
        return command
    if found := shutil.which("sam-common", path=variables.get("PATH", "")):
        return [found, "serve"]
    for folder in _known(home or Path.home()):
        if (command := _command_at(folder)) is not None:
            return command
    raise EnvironmentMissingError


def find_program(name: str, command: list[str] | None = None) -> list[str]:
    """The command of another program of the suite, such as `sam-geo`, in the server's environment.

    Args:
        name: Name of the program.
        command: The command that starts the server; that of `find_command` where None.

    Raises:
        EnvironmentMissingError: There is no environment, or the program is not in it.
    """
    server = find_command() if command is None else command
    if server[1:2] == ["-m"]:
        return [server[0], "-m", f"{name.replace('-', '_')}.cli"]
    common = Path(server[0])
    # a link in a folder of programs leads into the environment
    for place in (common, common.resolve()):
        if _is_program(beside := place.with_name(f"{name}{common.suffix}")):
            return [str(beside)]
    raise EnvironmentMissingError(
        translate("SamGeomed", "{name} is not beside {path}.").format(name=name, path=common)
    )


def configured() -> str:
    """What the user has chosen; empty where nothing."""
    return str(QgsSettings().value(SETTING, "") or "").strip()


def configure(chosen: str) -> None:
    """Remember a choice; empty to look for an environment again."""
    QgsSettings().setValue(SETTING, chosen.strip())


def _known(home: Path) -> Iterator[Path]:
    yield home / ".local" / "bin" / "sam-common"
    for place in PLACES:
        yield home / place / NAME
        yield home / place / NAME / ".venv"


def _command_at(path: Path) -> list[str] | None:
    """The command of a folder, of a Python or of `sam-common`; None where it is none of them."""
    suffix = ".exe" if sys.platform == "win32" else ""
    if path.is_dir():
        inside = [path / folder / f"sam-common{suffix}" for folder in BINARIES]
        return next(([str(each), "serve"] for each in inside if _is_program(each)), None)
    if not _is_program(path):
        return None
    if path.name.lower().startswith("python"):
        return [str(path), "-m", "sam_common.cli", "serve"]
    return [str(path), "serve"]


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
