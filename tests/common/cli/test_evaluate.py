from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sam_common.cli import main
from sam_common.evaluation import run

SUMMARY = {
    "model": {"name": "fake"},
    "images": 2,
    "protocols": {
        "box": {
            "objects": 4,
            "mean_iou": 0.75,
            "mean_boundary_iou": 0.5,
            "recall": {"0.5": 1.0, "0.75": 0.5},
        }
    },
    "notes": ["1 annotations left out: crowds"],
    "failures": {},
}


@pytest.fixture
def asked(monkeypatch):
    seen = []

    def evaluate(wanted, *, progress=None):
        seen.append(wanted)
        return SUMMARY

    monkeypatch.setattr(run, "evaluate", evaluate)
    return seen


def call(*arguments):
    return CliRunner().invoke(main.app, ["evaluate", "mobile_sam", "data", "-o", "out", *arguments])


def test_a_table_and_notes(asked):
    done = call()
    assert done.exit_code == 0
    assert "0.750" in done.stdout
    assert "crowds" in done.stderr
    assert asked[0].protocols == ("box", "1 click", "3 clicks", "5 clicks", "everything")


def test_json_is_the_summary(asked):
    assert json.loads(call("--json").stdout) == SUMMARY


def test_protocols_are_repeated(asked):
    call("--protocol", "box", "--protocol", "3 clicks")
    assert asked[0].protocols == ("box", "3 clicks")


def test_failed_images_have_an_exit_code(asked, monkeypatch):
    monkeypatch.setitem(SUMMARY, "failures", {"a.jpg": "cannot be read"})
    assert call().exit_code == 3
