from __future__ import annotations

import json

import pytest
from cards import CARD
from typer.testing import CliRunner

from sam_geo.cli import main


@pytest.fixture
def asked(monkeypatch):
    """Requests, each answered by a card."""
    found = []

    def run(request, *, progress):
        found.append(request)
        with progress("epochs", 2) as advance:
            advance(2)
        return {**CARD, "notes": [], "judged": [], "output": str(request.job.output)}

    monkeypatch.setattr("sam_geo.finetuning.run.run_finetune", run)
    return found


def test_a_request_from_the_command_line(asked):
    result = CliRunner().invoke(
        main.app,
        [
            "finetune",
            "a.tif",
            "b.gpkg",
            "-o",
            "m.safetensors",
            "--parts",
            "both",
            "--json",
            "--prompts",
            "points",
            "--bands",
            "1,2,3",
            "--seed",
            "4",
        ],
    )
    assert result.exit_code == 0, result.output
    (request,) = asked
    assert request.bands == (1, 2, 3)
    assert request.job.options.tuned == ("decoder", "encoder")
    assert request.job.options.prompts == ("points",)
    assert request.job.options.seed == 4
    assert json.loads(result.stdout)["output"] == "m.safetensors"
