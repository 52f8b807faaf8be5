"""The program `sam-med` in this process, to test its commands."""

from __future__ import annotations

from typer.testing import CliRunner

from sam_med.cli import main

LESION = "162,84,11,208,153,17"
"""The box of the lesion of mr_brain1."""


def invoke(*arguments):
    return CliRunner().invoke(main.app, [str(argument) for argument in arguments])
