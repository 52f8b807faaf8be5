"""The command `sam-geo auto`."""

from __future__ import annotations

import dataclasses
import inspect
import json

import geopandas
import pytest
import rasterio
from geo_program import invoke

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import GeometryError
from sam_geo.automatic.options import AutoOptions
from sam_geo.cli.auto import auto_command
from sam_geo.jobs.request import AutoRequest
from sam_geo.results.finish import Finish

SMALL = ("--tile-size", "64", "--overlap", "16", "--points-per-side", "2")


def given(options):
    """Values that an option of the command stands for, where they are not its own."""
    default = {
        name: one.default for name, one in inspect.signature(auto_command).parameters.items()
    }
    return {name: default[name] for name in options if name in default}


@pytest.mark.parametrize("options", [EverythingOptions, AutoOptions, Finish, AutoRequest])
def test_defaults_are_those_of_the_job(options):
    """They stand in the signature, so that --help shows them and loads nothing."""
    fields = {one.name: one.default for one in dataclasses.fields(options)}
    own = given(fields)
    # asked for in another form: paths, texts and names
    for name in ("image", "output", "bands", "model", "options", "finish", "executor"):
        own.pop(name, None)
    assert len(own) >= 4
    assert own == {name: fields[name] for name in own}


def test_everything_goes_to_its_files(grey_raster, segmenter, tmp_path):
    out, labels, picture = (tmp_path / name for name in ("o.gpkg", "o.tif", "o.png"))
    result = invoke(
        "auto", grey_raster, "-o", out, "--labels", labels, "--overlay", picture, *SMALL
    )
    assert result.exit_code == 0, result.output
    table = geopandas.read_file(out)
    counts = f"{len(table)} objects: {len(table)} ok; 4 windows, "
    assert result.stdout.startswith(counts)
    with rasterio.open(labels) as found:
        assert found.shape == (80, 100)
    assert picture.stat().st_size
    assert json.loads((tmp_path / "o.job.json").read_text())["parameters"]["auto"] == {
        **dataclasses.asdict(AutoOptions(64, 16, EverythingOptions(points_per_side=2)))
    }


def test_a_dry_run_prints_its_figures_and_writes_nothing(grey_raster, segmenter, tmp_path):
    out = tmp_path / "o.gpkg"
    result = invoke("auto", grey_raster, "-o", out, *SMALL, "--dry-run", "--json")
    figures = json.loads(result.stdout)
    assert list(figures) == ["windows", "encoder_calls", "seconds", "ram_bytes", "disk_bytes"]
    assert figures["windows"] == 4
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_options_that_make_no_sense_are_told_before_the_network(grey_raster, segmenter, tmp_path):
    arguments = ("auto", grey_raster, "-o", tmp_path / "o.gpkg", "--tile-size", "64")
    result = invoke(*arguments, "--overlap", "33")
    assert isinstance(result.exception, GeometryError)
    assert "give --overlap 32 or less" in str(result.exception)
    assert invoke(*arguments, "--workers", "0").exit_code == 2
    assert segmenter.calls == []
