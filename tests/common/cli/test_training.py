from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import typer
from cards import CARD

from sam_common.cli.training import EXIT_NOT_BETTER, parse_prompts, tell
from sam_common.errors import InputError

OUTPUT = Path("mine.safetensors")


def record(**more):
    return {**copy.deepcopy(CARD), "notes": [], "judged": [], "output": "mine.safetensors", **more}


def test_kinds_of_prompts():
    assert parse_prompts("points, boxes") == ("boxes", "points")
    assert parse_prompts("points") == ("points",)
    with pytest.raises(InputError) as caught:
        parse_prompts("box")
    assert str(caught.value) == "--prompts are boxes, points or boxes,points, got 'box'"


def test_a_better_model_is_told(capsys):
    tell(record(notes=["3 objects are left out: outside"]), OUTPUT, json_output=False, quiet=False)
    out, err = capsys.readouterr()
    assert "mine.safetensors, from mobile_sam: --model mine.safetensors" in out
    assert "by box" in out
    assert "+0.100 to +0.300" in out
    assert err == "warning: 3 objects are left out: outside\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [(None, "Nothing is written (--keep-anyway)."), ("mine.safetensors", "It is kept as asked.")],
)
def test_a_model_that_is_not_better_has_an_exit_code_of_its_own(capsys, output, said):
    refused = record(output=output)
    refused["verdict"] |= {"is_better": False, "text": "Not to be taken."}
    with pytest.raises(typer.Exit) as caught:
        tell(refused, OUTPUT, json_output=True, quiet=False)
    assert caught.value.exit_code == EXIT_NOT_BETTER == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["output"] == output
    assert err == f"Not to be taken. {said}\n"
