"""Training on scenes whose truth is known."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely
from cover_scenes import GRID, NAMES, cover_scene

from sam_common.errors import InputError, PromptError
from sam_geo.bands.blocks import blocks
from sam_geo.bands.indices import find_indices
from sam_geo.bands.stack import open_stack
from sam_geo.classification.block_classes import Classification
from sam_geo.learning import training as module
from sam_geo.learning.samples import read_samples
from sam_geo.learning.training import learn


def learned(scene, classifier="discriminant", **options):
    """Learn a scene; the quickest kind where the kind does not matter."""
    with open_stack([scene.raster]) as stack:
        samples = read_samples(scene.samples, stack.grid, class_field="cover")
        return learn(stack, samples, classifier=classifier, **options)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return cover_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def result(scene):
    return learned(scene, None)


def test_the_map_of_what_was_learned_is_right(scene, result):
    with open_stack([scene.raster]) as stack:
        work = Classification(stack, result.model)
        part = work.classify(0, work.read(0))
    names = np.array(result.model.classes)[part.arrays["classes"] - 1]
    assert (names == np.array(NAMES)[scene.truth]).mean() > 0.97
    assert part.notes["pixels"] == scene.truth.size
    right = part.arrays["per_cent"][names == np.array(NAMES)[scene.truth]]
    assert right.mean() > part.arrays["per_cent"].mean()


def test_both_accuracies_and_what_was_tried(result):
    assert result.blocked.overall > 0.9
    assert result.by_chance.overall > 0.9
    assert result.tried[0]["name"] == "values"
    assert sum(each["chosen"] for each in result.tried) == 1
    assert result.groups.side_px > 0
    record = result.blocked.as_record()
    assert np.array(record["counts"]).sum() == record["pixels"] == len(result.samples.cells)


def test_a_wrong_label_is_one_to_look_at(tmp_path):
    scene = cover_scene(tmp_path, noise=8.0)
    table = geopandas.read_file(scene.samples)
    assert table.loc[4, "cover"] == "water"
    table.loc[4, "cover"] = "town"
    table.to_file(scene.samples)
    found = learned(scene).doubts
    assert (found[0].row, found[0].said, found[0].found) == (4, "town", "water")
    assert found[0].probability > 0.7
    place = table.geometry[4]
    assert GRID @ (found[0].cell[1] + 0.5, found[0].cell[0] + 0.5) == (place.x, place.y)


def test_the_seed_makes_it_repeatable(scene, result):
    again = learned(scene, None)
    table = np.random.default_rng(0).uniform(0, 255, (50, len(result.model.features.names)))
    one, two = (
        each.model.classifier.predict_proba(table.astype(np.float32)) for each in (result, again)
    )
    assert np.array_equal(one, two)
    assert again.tried == result.tried


def test_indices_are_features(scene):
    indices = find_indices(["NDVI"], ("red", "green", "nir"))
    assert "NDVI" in learned(scene, indices=indices).model.features.names


def test_a_classifier_of_choice(scene):
    found = learned(scene, classifier="logistic")
    assert "LogisticRegression" in repr(found.model.classifier.estimator)
    with pytest.raises(InputError, match="no classifier 'x'"):
        learned(scene, classifier="x")


def test_samples_without_data_are_counted(tmp_path):
    scene = cover_scene(tmp_path, nodata=np.s_[:, :60])
    table = geopandas.read_file(scene.samples)
    table.loc[:4, "geometry"] = shapely.Point(GRID @ (10.5, 20.5))
    table.to_file(scene.samples)
    found = learned(scene)
    assert found.samples.left_out["nodata"] == 1
    assert found.samples.left_out["repeated"] == 4
    assert found.samples.left_out["contradicted"] == 0


def test_one_class_on_data_is_not_enough(tmp_path):
    scene = cover_scene(tmp_path, nodata=np.s_[:, :60])
    table = geopandas.read_file(scene.samples)
    table.loc[table["cover"] != "water", "geometry"] = [
        shapely.Point(GRID @ (10.5, n + 20.5)) for n in range(30)
    ]
    table.to_file(scene.samples)
    with pytest.raises(PromptError, match="pixels without data but for water"):
        learned(scene)


def test_classes_in_one_place_are_learned_untested(tmp_path):
    scene = cover_scene(tmp_path)
    table = geopandas.read_file(scene.samples)
    # one polygon for each class
    shapes = table.dissolve("cover").geometry.centroid.buffer(35)
    geopandas.GeoDataFrame({"cover": shapes.index}, geometry=shapes.values, crs=table.crs).to_file(
        scene.samples
    )
    found = learned(scene)
    assert found.blocked is None
    assert found.by_chance is None
    assert found.tried == []
    assert set(found.model.classes) == set(NAMES)


def test_steps_are_told(scene):
    told = []

    def progress(what, total):
        told.append((what, total))
        return module.silent(what, total)

    learned(scene, progress=progress)
    assert told[0] == ("features of the samples", len(blocks((120, 150))))
    assert "testing features" in [what for what, _ in told]
