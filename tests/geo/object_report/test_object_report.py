"""Reports of jobs: what the table says stands on the page, for prompts and for everything."""

from __future__ import annotations

import json
import re

import geopandas
import numpy as np
import pytest
from geo_jobs import ask, moon, request_of
from pages import Page, picture, words
from seeing_segmenters import seeing

from sam_common.errors import OutputError
from sam_geo.jobs.run import run_auto
from sam_geo.map_report.figures import area_text
from sam_geo.object_report.gallery import MOST
from sam_geo.object_report.object_report import COLUMNS, OVERVIEW_PX


def cells(page):
    """Cells of the rows of the list, without pictures."""
    rows = [row for row in page.find("tr") if "tbody" in row["within"]]
    return [words(row) for row in rows]


def test_everything_found_is_counted_and_the_lowest_scores_shown(fields, tmp_path):
    out, report = tmp_path / "out.gpkg", tmp_path / "out.html"
    run_auto(request_of(fields, out, report=report), seeing)
    page, table = Page(report.read_text(encoding="utf-8")), geopandas.read_file(out)
    assert page.fetched == []
    assert f"{len(table)}: {len(table)} ok" in page.text
    assert f"Of {len(table)} objects" in page.section("scores")
    lowest = table.sort_values(["score", "id"], kind="stable").head(MOST)
    shown = cells(page)
    assert [int(row.split()[0]) for row in shown] == lowest["id"].tolist()
    for row, score in zip(shown, lowest["score"], strict=True):
        assert f" {score:.3f} " in row
    # 400 pixels of half a metre
    whole = picture(page.find("img")[0]["src"])
    assert whole.shape[:2] == (1200, 1200)
    assert max(whole.shape) <= OVERVIEW_PX
    assert len(page.find("img")) == 1 + len(lowest)
    assert f"{area_text(table['area_m2'].sum())} ha" in page.text


def test_prompts_without_an_object_come_first(grey_raster, boxes, tmp_path):
    out, report = tmp_path / "out.gpkg", tmp_path / "out.html"
    _, record = ask(grey_raster, boxes, out, report=report)
    page = Page(report.read_text(encoding="utf-8"))
    shown = cells(page)
    assert len(shown) == 3
    assert "outside pond" in shown[0]
    assert re.search(r"\d+\.\d+° E, \d+\.\d+° N", shown[1])
    assert {word for row in shown[1:] for word in ("tree", "roof") if word in row} == {
        "tree",
        "roof",
    }
    heads = [words(head) for head in page.find("th", scope="col")]
    assert heads == list(COLUMNS)
    assert record["model"]["name"] in page.text
    assert json.loads((tmp_path / "out.job.json").read_text())["counts"] == record["counts"]


def test_a_raster_of_another_world_has_areas_and_no_longitude(make_raster, boxes, tmp_path):
    report = tmp_path / "out.html"
    ask(moon(make_raster), boxes, tmp_path / "out.gpkg", report=report)
    page = Page(report.read_text(encoding="utf-8"))
    assert "° E" not in page.text
    assert " ha" in page.text


def test_a_raster_without_a_reference_system_has_pixels(make_raster, boxes, tmp_path):
    image = make_raster(np.zeros((1, 80, 100), dtype=np.uint8), crs=None)
    report = tmp_path / "out.html"
    ask(image, boxes, tmp_path / "out.gpkg", report=report, prompts_crs="pixel")
    page = Page(report.read_text(encoding="utf-8"))
    assert "none: pixels" in page.text
    assert re.search(r"\d px", page.section("look"))


def test_a_report_that_cannot_be_is_refused_before_the_work(grey_raster, boxes, tmp_path):
    out = tmp_path / "out.gpkg"
    with pytest.raises(OutputError, match=r"give an \.html, got .*o.pdf"):
        ask(grey_raster, boxes, out, report=tmp_path / "o.pdf")
    (tmp_path / "there.html").write_text("mine")
    with pytest.raises(OutputError, match=r"there\.html"):
        ask(grey_raster, boxes, out, report=tmp_path / "there.html")
    with pytest.raises(OutputError, match="no-such"):
        ask(grey_raster, boxes, out, report=tmp_path / "no-such" / "o.html")
    assert not out.exists()
    assert (tmp_path / "there.html").read_text() == "mine"
