"""A class for each object of a layer."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
import pytest

import sam_geo
from sam_common.errors import InputError, PromptError
from sam_geo.object_classes.classify import feature_sets, run_classify
from sam_geo.object_features.measure import ObjectFeatures


def test_each_object_has_its_class(classify, scene):
    record = run_classify(classify())
    found = geopandas.read_file(classify().output)
    assert (found["class"] == scene.table["kind"]).all()
    assert (found["row"] == np.arange(len(scene.table))).all()
    assert found["probability"].between(0.5, 1).all()
    assert found["sample"].notna().sum() == 20
    assert record["counts"] == scene.table["kind"].value_counts().to_dict()
    assert record["accuracies"]["blocked"]["overall"] > 0.9
    assert [one["name"] for one in record["tried"]] == ["bands", "bands and form"]
    assert not classify().parts.exists()


def test_form_tells_apart_where_colours_do_not(classify, scene, tmp_path):
    import rasterio

    with rasterio.open(scene.raster) as dataset:
        profile, values = dataset.profile, dataset.read()
    grey = tmp_path / "grey.tif"
    with rasterio.open(grey, "w", **profile) as dataset:
        dataset.write(np.random.default_rng(0).integers(90, 110, values.shape, dtype=np.uint8))
    record = run_classify(classify(rasters=(str(grey),)))
    found = geopandas.read_file(classify().output)
    assert (found["class"] == scene.table["kind"]).mean() > 0.9
    assert [one["chosen"] for one in record["tried"]] == [False, True]


def test_outlines_of_samples_are_no_objects_of_the_layer(classify, scene, write):
    """Where the samples lie on other ground than the objects, as those of an older survey do."""
    drawn, away = scene.table.iloc[::2], scene.table.iloc[1::2]
    request = classify(
        samples=write(drawn, "drawn.gpkg"), objects=write(away, "away.gpkg"), class_field="kind"
    )
    record = run_classify(request)
    assert record["objects"] == len(geopandas.read_file(request.output)) == len(away)
    assert sum(record["counts"].values()) == len(away)


def test_an_embedding_is_tried(classify, colours):
    record = run_classify(classify(features=("embedding",)), lambda: colours)
    assert [one["name"] for one in record["tried"]][-1] == "bands, form and embedding"
    assert colours.embedded
    with pytest.raises(InputError, match="no features 'colour': --features knows embedding"):
        run_classify(classify(features=("colour",), overwrite=True))


def test_sets_hold_each_other():
    every = feature_sets(ObjectFeatures(("red", "nir"), 3))
    assert set(every[0].names) < set(every[1].names) < set(every[2].names)
    assert every[-1].names == ObjectFeatures(("red", "nir"), 3).names


def test_in_one_call(classify, scene):
    request = classify()
    record = sam_geo.classify_objects(
        scene.raster, scene.objects, request.samples, request.output, class_field="kind"
    )
    assert record["parameters"]["classifier"] == "ensemble"
    assert record["accuracies"]["random"]["overall"] > 0.9


def test_bad_samples(classify, scene, write):
    with pytest.raises(PromptError, match="has no column 'colour': choose the one"):
        run_classify(classify(class_field="colour"))
    one = write(scene.some("disc", 5), "one.gpkg")
    with pytest.raises(PromptError, match="of one class only, disc: to tell objects apart"):
        run_classify(classify(samples=one))
    far = scene.table.assign(geometry=scene.table.geometry.translate(10_000))
    with pytest.raises(PromptError, match=r"none of the 48 rows of .*far.gpkg is a polygon"):
        run_classify(classify(objects=write(far, "far.gpkg")))
    with pytest.raises(InputError, match="no classifier 'tree'"):
        run_classify(classify(classifier="tree"))


def test_what_lies_beside_is_told(classify, scene, write):
    far = scene.table.iloc[:2].assign(geometry=scene.table.geometry.iloc[:2].translate(10_000))
    objects = write(pd.concat([scene.table, far]), "some.gpkg")
    record = run_classify(classify(objects=objects))
    assert record["objects"] == len(scene.table)
    assert any("2 of 50 rows" in note for note in record["notes"])
