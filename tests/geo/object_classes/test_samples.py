"""Samples and the objects that they are on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from sam_common.errors import PromptError
from sam_geo.object_classes.samples import read_object_samples
from sam_geo.object_features.placed import read_placed
from sam_geo.prompt_files.table import Wanted
from sam_geo.raster.source import open_raster


@pytest.fixture
def read(classify, scene):
    def do(samples):
        with open_raster(scene.raster) as grid:
            objects = read_placed(scene.objects, grid, Wanted("objects")).shapes
            return read_object_samples(classify(samples=samples), grid, objects), objects

    return do


def test_points_and_outlines(read, scene, write):
    rows = pd.concat([scene.some("disc", 3, points=True), scene.some("square", 2)])
    found, objects = read(write(rows))
    assert found.classes == ("disc", "square")
    assert found.places.tolist() == rows.index.tolist()
    assert found.class_of.tolist() == [0, 0, 0, 1, 1]
    labels = found.of_objects(len(objects))
    assert [labels[n] for n in rows.index] == rows["kind"].tolist()
    samples = found.as_samples(objects)
    assert np.abs(samples.cells - rows[["row", "col"]].to_numpy()).max() <= 1
    assert found.as_record()["objects"] == {"disc": 3, "square": 2}


def test_what_does_not_count_is_told(read, scene, write):
    discs = scene.some("disc", 3, points=True)
    wrong = discs.iloc[:1].assign(kind="square")
    again = discs.iloc[1:2]
    beside = discs.iloc[:1].assign(geometry=shapely.Point(500_000.2, 5_799_999.8))
    none = discs.iloc[:1].assign(kind=None)
    rows = pd.concat([discs, wrong, again, beside, none, scene.some("square", 2)])
    found, _ = read(write(rows))
    assert found.as_record()["objects"] == {"disc": 2, "square": 2}
    told = found.notes[0]
    for words in ("2 contradicted", "1 on an object that", "1 points on no object", "1 without a"):
        assert words in told


def test_an_outline_that_is_no_object_teaches(read, scene, write):
    drawn = scene.some("disc", 1).assign(
        geometry=shapely.box(500_000, 5_799_996, 500_004, 5_800_000)
    )
    found, objects = read(write(pd.concat([drawn, scene.some("square", 2)])))
    assert found.places.tolist() == [len(objects), *scene.some("square", 2).index]
    assert len(found.outlines) == 1
    assert found.of_objects(len(objects)).count("disc") == 0


def test_no_class_is_left(read, scene, write):
    both = pd.concat([scene.some("disc", 1), scene.some("disc", 1).assign(kind="square")])
    with pytest.raises(PromptError, match=r"are of no class: .*2 contradicted"):
        read(write(both))
