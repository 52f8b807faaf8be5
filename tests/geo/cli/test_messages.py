"""What commands print, and how they end."""

from __future__ import annotations

import json

import pytest
import typer

from sam_geo.cli.messages import EXIT_FAILED, show, tell_result

RECORD = {
    "counts": {"ok": 2, "outside": 1},
    "windows": 1,
    "embeddings": 2,
    "seconds": {"total": 1.25},
    "notes": [],
    "failures": [],
}


def told(capsys, output, *, json_output=False, quiet=False, **changes):
    """stdout and stderr of the last words of a job."""
    tell_result(RECORD | changes, "3 prompts", output, json_output=json_output, quiet=quiet)
    found = capsys.readouterr()
    return found.out, found.err


def test_a_job_ends_with_one_line(capsys, tmp_path):
    out = tmp_path / "o.gpkg"
    line = f"3 prompts: 2 ok, 1 outside; 1 window, 2 embeddings, 1.2 s; {out}\n"
    assert told(capsys, out) == (line, "")
    assert told(capsys, out, counts={})[0].startswith("3 prompts: none; ")
    assert told(capsys, out, quiet=True) == ("", "")


def test_json_is_the_record(capsys, tmp_path):
    out = tmp_path / "o.gpkg"
    printed, error = told(capsys, out, json_output=True, quiet=True)
    assert json.loads(printed) == {"output": str(out), **RECORD}
    assert error == ""


def test_notes_and_short_names_are_warnings_that_quiet_leaves(capsys, tmp_path):
    printed, error = told(capsys, tmp_path / "o.SHP", quiet=True, notes=["it is dark"])
    assert printed == ""
    first, second = error.splitlines()
    assert first.startswith("warning: a Shapefile's column names have 10 characters at most: ")
    assert "perimeter_m is perim_m" in first
    assert second == "warning: it is dark"


def test_failed_windows_are_an_exit_code(capsys, tmp_path):
    with pytest.raises(typer.Exit) as ended:
        told(capsys, tmp_path / "o.gpkg", quiet=True, windows=9, failures=["cannot read", "more"])
    assert ended.value.exit_code == EXIT_FAILED == 3
    assert capsys.readouterr().err == (
        "error: 2 of 9 windows failed: cannot read (run again with --resume to try them once "
        "more)\n"
    )


def test_facts_are_a_table_of_plain_values(capsys):
    facts = {
        "size": (30, 40), "crs": None, "half": 0.5, "third": 1 / 3, "notes": [],
        "job": {"windows": 2, "bands": [1, 2]},
    }  # fmt: skip
    show(facts, json_output=False)
    cells = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    assert cells == [
        ["size", "30, 40"],
        ["crs", "none"],
        ["half", "0.5"],
        ["third", "0.333333333333"],
        ["notes", "none"],
        ["job", "windows 2, bands 1, 2"],
    ]
    show(facts, json_output=True)
    assert json.loads(capsys.readouterr().out)["size"] == [30, 40]
