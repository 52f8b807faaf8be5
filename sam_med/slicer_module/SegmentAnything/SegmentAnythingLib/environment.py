"""Environment: where the suite is installed, and the local server that is started from it.

Nothing is installed into Slicer's own Python: the networks run in a process of their own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import slicer

from .suite_client import Client, ServerError
from .suite_installation.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTING = "SegmentAnything/Environment"
"""Key in Slicer's settings: a folder of a Python environment, or a program in it."""
PROGRAM = "sam-common"
PLACES = ("bin/sam-common", "Scripts/sam-common.exe", "bin/python", "python.exe")
"""In the folder of an environment, the first one that is there."""
IDLE_MINUTES = "1440"
"""A volume stays open on the server while nobody does anything: a day."""
WHAT_TO_DO = (
    "press 'Install the suite' in this module; or make an environment (python3 -m venv sam; "
    "sam/bin/pip install 'sam-geomed[med,cpu,hf,server]'), and give its folder under 'Environment'"
)
FOLDER = "SegmentAnything"
"""Folder beside Slicer's settings in which the module makes an environment."""


class SetupError(RuntimeError):
    """The suite is not found or does not start; the message says what to do."""


def stored() -> str:
    """The environment as the settings have it; empty where there is none."""
    return str(slicer.app.userSettings().value(SETTING) or "")


def store(place: str) -> None:
    """Keep the environment in the settings."""
    slicer.app.userSettings().setValue(SETTING, place.strip())


def own_environment() -> Environment:
    """The environment beside the settings of this Slicer, which need not be there."""
    return Environment(Path(slicer.app.userSettings().fileName()).parent / FOLDER)


def find_command(place: str) -> list[str]:
    """The command that starts the server.

    Args:
        place: As `stored`; where it is empty, the one that this module made, and then PATH.

    Raises:
        SetupError: Nothing there.
    """
    if not place:
        made = own_environment()
        if made.about and made.program(PROGRAM).is_file():
            return [str(made.program(PROGRAM)), "serve"]
        found = shutil.which(PROGRAM)
        if found is None:
            raise SetupError(f"{PROGRAM} is not on PATH: {WHAT_TO_DO}")
        return [found, "serve"]
    path = Path(place).expanduser()
    if path.is_dir():
        inside = (path / name for name in PLACES)
        program = next((each for each in inside if each.is_file()), None)
    else:
        program = path if path.is_file() else None
    if program is None:
        raise SetupError(f"there is no {PROGRAM} in {place}: {WHAT_TO_DO}")
    if not os.access(program, os.X_OK):
        raise SetupError(f"{program} cannot be run: {WHAT_TO_DO}")
    if program.stem == PROGRAM:
        return [str(program), "serve"]
    return [str(program), "-m", "sam_common.cli", "serve"]


def start_server(place: str, variables: Mapping[str, str]) -> Client:
    """Start a server; it ends with Slicer.

    Args:
        place: As `find_command`.
        variables: Over those of Slicer, of which those that mislead another Python are left out.

    Raises:
        SetupError: It is not found, or does not start.
    """
    command = find_command(place)
    try:
        return Client.start([*command, "--idle-minutes", IDLE_MINUTES], env=variables)
    except ServerError as error:
        raise SetupError(f"{command[0]} does not start: {error}. Try: {WHAT_TO_DO}") from error
