"""The program `sam-geo`, run within the test."""

from __future__ import annotations

from typer.testing import CliRunner

from sam_geo.cli import main


def invoke(*arguments):
    """What a command prints, and its exit code."""
    return CliRunner().invoke(main.app, [str(argument) for argument in arguments])
