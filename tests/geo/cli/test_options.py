"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import pytest
from geo_program import invoke
from typer.testing import CliRunner

from sam_common.errors import InputError
from sam_common.segmenter import predictor
from sam_geo.cli import main
from sam_geo.cli.options import _output, loader, parse_bands


def test_an_equals_sign_behind_a_short_option_is_explained(grey_raster, tmp_path):
    for name, words in (("=x.gpkg", "takes no '=': -o x.gpkg"), ("-x.gpkg", "begin with '-'")):
        arguments = ["prompt", str(grey_raster), "p.csv", f"-o{name}"]
        done = CliRunner().invoke(main.app, arguments)
        assert done.exit_code == 2
        told = " ".join(done.output.replace("│", " ").split())
        assert words in told


@pytest.mark.parametrize("name", ["o.gpkg", "a=b.gpkg", "-x.fgb", "a/=x.gpkg"])
def test_other_names_of_tables_are_taken(name):
    assert _output(Path(name)) == Path(name)


@pytest.mark.parametrize("command", ["prompt", "auto"])
def test_jobs_share_the_wording_of_their_options(command):
    words = " ".join(invoke(command, "--help").output.replace("│", " ").split())
    for option in ("--output", "--layer", "--dst-crs", "--simplify", "--regularize", "--resume"):
        assert option in words
    assert "Go on with an interrupted job; try failed windows again." in words


def test_bands_are_numbers_with_commas():
    assert parse_bands(None) is None
    assert parse_bands("4,3,2") == (4, 3, 2)
    for wrong in ("", "red", "1,", "1.5", "1;2"):
        with pytest.raises(InputError, match="bands are numbers with commas, such as 4,3,2, got"):
            parse_bands(wrong)


def test_the_network_is_loaded_when_it_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(
        predictor, "load_segmenter", lambda name, **more: asked.append((name, more))
    )
    load = loader("mobile_sam", arch=None, device="cpu")
    assert asked == []
    load()
    assert asked == [("mobile_sam", {"arch": None, "device": "cpu"})]
