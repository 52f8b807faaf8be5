from __future__ import annotations

from cards import CARD
from typer.testing import CliRunner

from sam_med.cli import main


def test_a_request_from_the_command_line(monkeypatch):
    asked = []

    def run(request, *, progress):
        del progress
        asked.append(request)
        return {**CARD, "notes": [], "judged": [], "output": None}

    monkeypatch.setattr("sam_med.finetuning.run.run_finetune", run)
    result = CliRunner().invoke(
        main.app,
        [
            "finetune",
            "l.csv",
            "-o",
            "m.safetensors",
            "--label",
            "liver",
            "--label",
            "3",
            "--learning-rate",
            "0.001",
        ],
    )
    assert result.exit_code == 0, result.output
    (request,) = asked
    assert request.names == ("liver", "3")
    assert request.job.model == "lite_medsam"
    assert request.job.options.learning_rate == 0.001
    assert "by box" in result.stdout
