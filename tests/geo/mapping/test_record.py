"""The record of a map, and what is told of its samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sam_geo.class_maps.training_pixels import training_pixels
from sam_geo.mapping.record import failure_list, outside_shares, range_notes
from sam_geo.mapping.run import run_landcover


@pytest.fixture
def record(request_of):
    request = request_of()
    run_landcover(request)
    return json.loads(request.output.with_suffix(".job.json").read_text())


def test_a_record_says_what_the_map_was_made_from(record, scene):
    assert record["inputs"]["raster"]["sha256"]
    assert record["inputs"]["samples.gpkg"]["sha256"]
    assert record["training"]["samples"]["file"]["sha256"]
    assert record["training"]["features"][:3] == ["red", "green", "nir"]
    assert next(each["name"] for each in record["training"]["tried"]) == "values"
    assert record["versions"]["scikit-learn"][0].isdigit()
    assert record["seconds"]["total"] > record["seconds"]["learn"] > 0
    assert record["parameters"]["table"] == "map.tif"
    assert record["pixels"] == (scene.truth >= 0).sum()


def test_the_training_pixels_are_those_of_the_samples(request_of, record):
    cells = training_pixels(request_of().output)
    assert len(cells) == sum(record["training"]["samples"]["pixels"].values()) == 45


class Named:
    def __init__(self, names):
        self.features = type("Names", (), {"names": names})


def test_features_out_of_range_are_named_the_worst_first():
    model = Named([f"f{n}" for n in range(8)])
    outside = np.array([0, 30, 4, 90, 6, 50, 20, 10])
    shares = outside_shares(outside, 95, 100, model)
    assert shares["share"] == 0.95
    assert list(shares["features"]) == ["f3", "f5", "f1", "f6", "f7", "f4", "f2"]
    (note,) = range_notes(shares, samples=1000, is_own=False)
    assert note == (
        "features out of the range of the samples in 95% of the pixels, most often f3 (90%), "
        "f5 (50%), f1 (30%), f6 (20%), f7 (10%) and 1 more; the classes there are guesses"
    )
    (own,) = range_notes(shares, samples=1000, is_own=True)
    assert own == f"{note}: the samples cover a part of the map only, draw some there"
    few = outside_shares(np.full(8, 4), 30, 100, model)
    assert range_notes(few, samples=1000, is_own=True) == []
    assert outside_shares(np.zeros(8), 0, 0, model) == {"share": 0.0, "features": {}}


@pytest.mark.parametrize(
    ("samples", "told"), [(1000, ["a", "b", "c"]), (45, ["a", "b"]), (20, ["a"]), (3, ["a"])]
)
def test_few_samples_leave_much_out_of_their_range_by_chance(samples, told):
    shares = {"share": 0.5, "features": {"a": 0.3, "b": 0.14, "c": 0.06, "d": 0.04}}
    (note,) = range_notes(shares, samples=samples, is_own=True)
    assert [name for name in "abcd" if f" {name} (" in note] == told


def test_failures_say_where():
    class Window:
        start = (512, 1024)

    assert failure_list({1: "cannot read"}, [None, Window]) == [
        "block at row 512, column 1024: cannot read"
    ]
