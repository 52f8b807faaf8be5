"""Assessments: classes by name or value, strata of the file, and what is told."""

from __future__ import annotations

import json
from contextlib import contextmanager

import geopandas
import numpy as np
import pytest
import shapely
from class_maps import NAMES, TRANSFORM

from sam_common.errors import PromptError
from sam_geo.accuracy.assess import assess, record_of
from sam_geo.accuracy.draw import draw_sample
from sam_geo.accuracy.sample_table import sample_table
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.training_pixels import pack_pixels
from sam_geo.tables.write import write_table


@pytest.fixture
def drawn(write_map, thirds, tmp_path):
    """A map, and a sample of it of which every point is checked and right."""
    path = write_map(thirds, names=NAMES)
    with open_class_map(path) as classes:
        table = sample_table(draw_sample(classes, 120, "equal"), classes.source)
    table["reference"] = table["stratum"]
    points = tmp_path / "points.gpkg"
    write_table(table, points)
    return path, points, table


def test_a_map_that_is_right_has_its_own_areas(drawn, thirds):
    path, points, _ = drawn
    steps = []

    @contextmanager
    def progress(_description, _total):
        yield steps.append

    found = assess(path, points, progress=progress)
    assert found.estimates.overall.value == 1
    areas = [one.area_m2.value for one in found.estimates.classes]
    pixels = [np.count_nonzero(thirds == value) for value in (1, 2, 7)]
    assert areas == pytest.approx([100 * count for count in pixels], rel=1e-3)
    assert [one.name for one in found.estimates.classes] == ["water", "forest", "town"]
    assert (found.points, found.notes, steps) == (120, (), [1])


def test_classes_may_be_the_values_of_the_map(drawn, tmp_path):
    path, _, table = drawn
    values = {name: int(value) for value, name in NAMES.items()}
    table["reference"] = [values[name] for name in table["stratum"]]
    write_table(table, tmp_path / "numbers.gpkg")
    assert assess(path, tmp_path / "numbers.gpkg").estimates.overall.value == 1


def test_a_true_class_that_the_map_does_not_have(drawn, tmp_path):
    path, _, table = drawn
    table.loc[:11, "reference"] = "snow"
    write_table(table, tmp_path / "snow.gpkg")
    found = assess(path, tmp_path / "snow.gpkg")
    snow = found.estimates.classes[-1]
    assert (snow.name, snow.mapped_m2) == ("snow", 0)
    assert snow.area_m2.value > 0
    assert snow.producers.value == 0
    assert found.notes == ("the map does not have these true classes: snow",)
    assert record_of(found)["classes"][-1]["users"] == dict.fromkeys(
        ("value", "standard_error", "low", "high")
    )


def test_points_of_another_map_count_as_they_were_drawn(drawn, write_map, thirds):
    """The map has changed since: its classes are the other way round where it was forest."""
    _, points, table = drawn
    changed = np.where(thirds == 2, 7, thirds)
    found = assess(write_map(changed, names=NAMES), points)
    share = np.count_nonzero(thirds == 2) / np.count_nonzero(thirds)
    assert found.estimates.overall.value == pytest.approx(1 - share, rel=1e-3)
    assert [one.name for one in found.estimates.classes] == ["water", "town", "forest"]
    assert found.estimates.classes[2].mapped_m2 == 0
    # without the columns, the classes of the new map are the strata
    bare = points.with_name("bare.gpkg")
    write_table(table.drop(columns=["stratum", "weight_m2"]), bare)
    other = assess(write_map(changed, names=NAMES), bare).estimates.overall.value
    assert other != pytest.approx(1 - share, rel=1e-2)


def test_points_of_a_larger_map_are_told(drawn, write_map, thirds):
    path, points, _ = drawn
    thirds[40:] = 0
    (note, other) = assess(write_map(thirds, names=NAMES), points).notes
    assert note.startswith("points that do not count: ")
    assert other.startswith("the points were drawn from a map of 1.07")
    assert path.is_file()


def test_a_simple_random_sample_needs_no_columns(write_map, thirds, tmp_path):
    rng = np.random.default_rng(5)
    rows, cols = rng.integers(0, 90, 400), rng.integers(0, 119, 400)
    shapes = [
        shapely.Point(TRANSFORM @ (c + 0.5, r + 0.5)) for r, c in zip(rows, cols, strict=True)
    ]
    truth = np.where(rng.random(400) < 0.8, thirds[rows, cols], 2)
    table = geopandas.GeoDataFrame({"k": truth}, geometry=shapes, crs="EPSG:32633")
    table.to_file(tmp_path / "random.gpkg")
    found = assess(write_map(thirds), tmp_path / "random.gpkg", class_field="k")
    right = 0.8 + 0.2 * np.count_nonzero(thirds == 2) / np.count_nonzero(thirds)
    assert abs(found.estimates.overall.value - right) < 2 * found.estimates.overall.margin


def _train(path, cells):
    """Say in the record of a map that it was learned from some pixels."""
    record = json.loads(path.with_suffix(".job.json").read_text())
    record["training"] = {"pixels": pack_pixels(np.array(cells))}
    path.with_suffix(".job.json").write_text(json.dumps(record))


def test_samples_that_trained_the_map_are_refused(drawn):
    path, points, table = drawn
    index = ~TRANSFORM @ (table.geometry.x.to_numpy(), table.geometry.y.to_numpy())
    cells = np.floor(np.stack([index[1], index[0]], axis=1)).astype(int)
    _train(path, cells)
    with pytest.raises(PromptError, match=r"120 of 120 points lie on pixels .*map\.tif"):
        assess(path, points)
    _train(path, cells[:10])
    (note,) = assess(path, points).notes
    assert note.startswith("10 of 120 points lie on pixels that trained the map")


def test_a_random_sample_of_a_map_that_was_learned_whole_is_one(drawn, thirds):
    path, points, _ = drawn
    _train(path, np.argwhere(thirds > 0))
    assert assess(path, points).points == 120
