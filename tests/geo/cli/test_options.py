"""Options that several commands have."""

from __future__ import annotations

from typer.testing import CliRunner

from sam_geo.cli import main


def test_an_equals_sign_behind_a_short_option_is_explained(grey_raster, tmp_path):
    for name, words in (("=x.gpkg", "takes no '=': -o x.gpkg"), ("-x.gpkg", "begin with '-'")):
        arguments = ["prompt", str(grey_raster), "p.csv", f"-o{name}"]
        done = CliRunner().invoke(main.app, arguments)
        assert done.exit_code == 2
        told = " ".join(done.output.replace("│", " ").split())
        assert words in told
