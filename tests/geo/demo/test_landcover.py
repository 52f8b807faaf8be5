"""Land cover of the demo: three accuracies from known classes, and the samples that ship."""

from __future__ import annotations

import csv
import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from sam_geo.demo import landcover
from sam_geo.mapping.request import SampleChoice

SHIPPED = Path(landcover.__file__).parent


def rows_of(name):
    return list(csv.DictReader((SHIPPED / name).read_text().splitlines()))


@pytest.fixture(scope="module")
def done(scene, tmp_path_factory):
    """The part of a scene whose classes are known."""
    folder, made = scene
    out = tmp_path_factory.mktemp("cover")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sam_common.published.samples.fetch", lambda _name, progress: made.raster)  # noqa: ARG005
        patch.setattr(landcover, "HERE", folder)
        patch.setattr(landcover, "SampleChoice", partial(SampleChoice, classifier="discriminant"))
        part, figures = landcover.run_cover(out, quiet=True)
    return out, part, figures, made


def test_three_accuracies(done):
    out, part, figures, made = done
    assert (figures["samples"], figures["classes"]) == (12, 3)
    assert 0.5 < figures["blocked"] <= 1
    assert 0.5 < figures["random"] <= 1
    with rasterio.open(out / "landcover.tif") as dataset:
        right = float(np.mean(dataset.read(1) - 1 == _value(out, made)))
    # sixty points of the scene stand for it
    assert figures["design_based"] == pytest.approx(right, abs=0.1)
    assert figures["low"] <= figures["design_based"] <= figures["high"]
    names = [figure.name for figure in part.figures]
    assert names == ["design-based accuracy", "spatially blocked", "random cross-validation"]
    assert "60 points" in part.figures[0].note


def _value(out, made):
    """The true class of each pixel as the map counts it, from 0."""
    record = json.loads((out / "landcover.job.json").read_text())
    number = {name: int(value) - 1 for value, name in record["classes"].items()}
    return np.array([number[name] for name in ("water", "field", "town")])[made.truth]


def test_every_file_that_is_named_is_there(done):
    out, part, _, _ = done
    assert {name for name in part.files if not (out / name).is_file()} == set()
    assert set(part.files) >= {"landcover.tif", "landcover.gpkg", "landcover.html"}
    assert list(part.seconds) == [
        "fetch or verify the sheet", "learn", "classify", "polygons, accuracy, report", "draw",
    ]  # fmt: skip


def test_the_map_is_drawn_in_the_colours_of_its_classes(done):
    out, part, _, _ = done
    record = json.loads((out / "landcover.job.json").read_text())
    with rasterio.open(out / "landcover.tif") as dataset:
        mapped = dataset.read(1)
    picture = np.asarray(Image.open(out / part.pictures[1].file)).astype(float)
    step = picture.shape[1] / mapped.shape[1]
    row, col = np.argwhere(mapped == 3)[len(np.argwhere(mapped == 3)) // 2]
    found = picture[int((row + 0.5) * step), int((col + 0.5) * step)]
    # the direction of the colour: its brightness is that of the sheet
    distance = {
        value: np.linalg.norm(found / found.max() - np.array(rgb) / max(rgb))
        for value, rgb in record["colours"].items()
    }
    assert min(distance, key=distance.get) == "3"


def test_areas_of_the_map_stand_beside_those_of_the_points(done):
    _, part, _, _ = done
    assert [row[0] for row in part.table.rows] == ["field", "town", "water"]
    assert all("(" in row[2] for row in part.table.rows)


def test_the_samples_that_ship_are_17_boxes_on_the_sheet():
    rows = rows_of("samples.csv")
    assert len(rows) == 17
    assert set(Counter(row["class"] for row in rows)) == {
        "Soil", "Agriculture", "Forest", "Water", "Buildings", "Road", "Rim",
    }  # fmt: skip
    for row in rows:
        x0, y0, x1, y1 = (float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
        assert 0 <= x0 < x1 <= 1085
        assert 0 <= y0 < y1 <= 575


def test_the_points_that_ship_stand_for_the_whole_sheet():
    rows = rows_of("points.csv")
    classes = {row["class"] for row in rows_of("samples.csv")}
    assert len(rows) == 150
    assert {row["reference"] for row in rows} <= classes
    # 1085 x 575 pixels of some 64 m2
    assert sum(float(row["weight_m2"]) for row in rows) == pytest.approx(39.9e6, rel=0.01)


def test_no_point_lies_on_a_sample():
    """Points that trained a map say nothing of it."""
    boxes = [
        [float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")]
        for row in rows_of("samples.csv")
    ]
    places = [(float(row["x"]), float(row["y"])) for row in rows_of("points.csv")]
    inside = [
        (x, y) for x, y in places for x0, y0, x1, y1 in boxes if x0 <= x <= x1 and y0 <= y <= y1
    ]
    assert inside == []


@pytest.mark.slow
def test_the_demo_learns_the_sheet_itself(data, tmp_path, monkeypatch):
    """17 boxes of the real sheet: random cross-validation is too high, as the points show."""
    sheet = data / "geo/historical_map_landcover/map_compress.tif"
    monkeypatch.setattr("sam_common.published.samples.fetch", lambda _name, progress: sheet)  # noqa: ARG005
    _, figures = landcover.run_cover(tmp_path, quiet=True)
    assert figures["samples"] == 17
    assert figures["high"] < figures["random"]
    assert figures["blocked"] < figures["random"]
    assert figures["low"] > 0.7
