from __future__ import annotations

import typer
from typer.testing import CliRunner

from sam_common import __version__
from sam_common.cli.options import Arch, Device, Engine, Json, Precision, Quiet, command_line

OPTIONS = ["--json", "--quiet", "-q", "--arch", "--device", "--engine", "--precision"]


def program():
    app = command_line("What it is for.")

    @app.command("run")
    def run(
        *,
        json: Json = False,
        quiet: Quiet = False,
        arch: Arch = None,
        device: Device = "auto",
        engine: Engine = "auto",
        precision: Precision = "auto",
    ) -> None:
        """Run."""
        typer.echo((json, quiet, arch, device, engine, precision))

    @app.command("fail")
    def fail() -> None:
        """Fail."""
        raise KeyError("defect")

    return app


def call(*arguments):
    return CliRunner().invoke(program(), arguments)


def test_the_version_is_that_of_the_suite_whatever_follows():
    done = call("--version")
    assert (done.exit_code, done.output) == (0, f"sam-geomed {__version__}\n")
    assert call("--version", "fail").output == f"sam-geomed {__version__}\n"


def test_without_a_command_the_help_is_shown():
    done = call()
    assert "What it is for." in done.output
    assert "run" in done.output


def test_shared_options_have_one_wording_and_their_defaults():
    shown = " ".join(call("run", "--help").output.split())
    assert all(option in shown for option in OPTIONS)
    assert call("run").output == "(False, False, None, 'auto', 'auto', 'auto')\n"
    given = call("run", "--json", "-q", "--arch", "vit_b", "--device", "cpu", "--engine", "torch")
    assert given.output == "(True, True, 'vit_b', 'cpu', 'torch', 'auto')\n"


def test_shells_are_not_completed():
    assert "completion" not in call("--help").output


def test_a_defect_is_not_decorated():
    assert isinstance(call("fail").exception, KeyError)
