"""Requests: what is refused before a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError, OutputError
from sam_geo.change.request import ChangeRequest, check_options
from sam_geo.comparison.polygons import Least
from sam_geo.raster.source import open_raster


def test_numbers_out_of_their_range():
    check_options(0.5, Least(0, 1))
    for least, told in (
        (Least(-1, 1), "--min-area-m2 must be a finite number from 0 up, got -1"),
        (Least(float("nan"), 1), "--min-area-m2 must be a finite number from 0 up, got nan"),
        (Least(0, 0), "--min-pixels must be 1 or more, got 0"),
    ):
        with pytest.raises(InputError) as caught:
            check_options(0.5, least)
        assert str(caught.value) == told
    with pytest.raises(InputError, match="--misregistration must be from 0 to 5 pixels, got 7"):
        check_options(7, Least())


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"output": "c.txt"}, "cannot write .txt"),
        ({"report": "c.pdf"}, "a report is written as .html, got c.pdf"),
        ({"report": "c.qml.html", "misregistration": -1}, "--misregistration must be"),
        ({"min_pixels": 0}, "--min-pixels must be 1 or more"),
        ({"layer": "x", "output": "c.parquet"}, "--layer is for a .gpkg"),
    ],
)
def test_what_makes_no_sense(tmp_path, more, told):
    paths = {name: tmp_path / more[name] for name in ("output", "report") if name in more}
    request = ChangeRequest(
        before="a.tif", after="b.tif", **({"output": tmp_path / "c.gpkg"} | more | paths)
    )
    with pytest.raises((InputError, OutputError), match=told):
        request.check_files()


@pytest.mark.parametrize("name", ["c.gpkg", "c.job.json", "c.qml", "r.html"])
def test_no_file_is_replaced_unasked(tmp_path, name):
    files = {"output": tmp_path / "c.gpkg", "report": tmp_path / "r.html"}
    ChangeRequest(before="a", after="b", **files).check_files()
    (tmp_path / name).write_text("x")
    with pytest.raises(OutputError, match=f"output exists: .*{name}"):
        ChangeRequest(before="a", after="b", **files).check_files()
    if name != "c.gpkg":  # that is no GeoPackage, to which a layer could be added
        ChangeRequest(before="a", after="b", overwrite=True, **files).check_files()


def test_no_map_and_no_record_of_a_map_is_written_over(make_map, tmp_path):
    """The table `one.gpkg` would have the record of the map `one.tif`."""
    one, two = make_map("one.tif", np.ones((4, 5))), make_map("two.tif", np.ones((4, 5)))
    for output, report in (("one.gpkg", None), ("two.gpkg", None), ("c.gpkg", "two.html")):
        request = ChangeRequest(
            before=str(one),
            after=str(two),
            output=tmp_path / output,
            report=None if report is None else tmp_path / report,
            overwrite=True,
        )
        with open_raster(one) as before, open_raster(two) as after:
            if report is not None:
                (tmp_path / report).hardlink_to(two)
            with pytest.raises(OutputError, match="output is an input of the job"):
                request.check_sources(before, after)


def test_a_table_that_cannot_be_written_is_refused_before_the_work(make_map, tmp_path):
    moon = make_map("moon.tif", np.ones((4, 5)), crs="IAU_2015:30110")
    request = ChangeRequest(before=str(moon), after=str(moon), output=tmp_path / "c.geojson")
    with open_raster(moon) as source, pytest.raises((InputError, OutputError), match="GeoJSON"):
        request.check_sources(source, source)


def test_two_outputs_are_two_files(tmp_path):
    (tmp_path / "c.gpkg").write_text("x")
    (tmp_path / "r.html").symlink_to(tmp_path / "c.gpkg")
    request = ChangeRequest(
        before="a",
        after="b",
        output=tmp_path / "c.gpkg",
        layer="x",
        report=tmp_path / "r.html",
        overwrite=True,
    )
    with pytest.raises(OutputError, match="two outputs are one file"):
        request.check_files()


def test_the_files_of_a_request(tmp_path):
    request = ChangeRequest(
        before="a", after="b", output=tmp_path / "c.gpkg", report=tmp_path / "r.html"
    )
    assert [path.name for path in request.outputs] == ["c.gpkg", "c.job.json", "c.qml", "r.html"]
