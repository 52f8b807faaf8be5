"""Requests that make no sense, each with its message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sam_common.errors import InputError, OutputError


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rasters": ()}, "give a raster"),
        ({"learn": None}, "samples to learn from, or a model with --apply"),
        ({"apply": Path("m.skops")}, "one of the two"),
        ({"output": Path("map.png")}, r"give a \.tif, got map\.png"),
        ({"report": Path("r.pdf")}, r"give an \.html, got r\.pdf"),
        ({"smallest": 0}, "1 to 64 pixels, got 0"),
        ({"smallest": 65}, "1 to 64 pixels, got 65"),
        ({"check": Path("none.gpkg")}, r"none\.gpkg"),
        ({"objects": "none.gpkg"}, r"none\.gpkg"),
    ],
)
def test_what_makes_no_sense(request_of, change, why):
    with pytest.raises(InputError, match=why):
        replace(request_of(), **change).check_files()


def test_a_model_that_is_applied_is_not_saved_again(request_of, tmp_path):
    path = tmp_path / "m.skops"
    path.write_bytes(b"x")
    request = replace(request_of(), learn=None, apply=path, save=tmp_path / "n.skops")
    with pytest.raises(InputError, match=r"--save .*n\.skops"):
        request.check_files()


@pytest.mark.parametrize("name", ["map.tif", "map.job.json", "map.qml", "m.skops", "r.html"])
def test_nothing_is_written_over(request_of, tmp_path, name):
    (tmp_path / name).write_text("mine")
    request = request_of(save=tmp_path / "m.skops", report=tmp_path / "r.html")
    with pytest.raises(OutputError, match=name.replace(".", r"\.")):
        request.check_files()
    replace(request, overwrite=True).check_files()


def test_outputs_are_apart_from_each_other_and_from_inputs(request_of, tmp_path, scene):
    with pytest.raises(OutputError):
        request_of(polygons=scene.samples, overwrite=True).check_files()
    same = tmp_path / "map.html"
    with pytest.raises(OutputError):
        replace(request_of(), report=same, save=same).check_files()


def test_a_map_and_polygons_of_one_name_share_a_style(request_of, tmp_path):
    request = request_of(polygons=tmp_path / "map.gpkg")
    request.check_files()
    assert len(request.outputs) == len(set(request.outputs))
