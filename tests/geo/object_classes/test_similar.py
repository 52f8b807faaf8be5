"""Finding more objects like a few."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from colour_segmenter import ColourSegmenter
from object_scenes import GRID
from seeing_segmenters import SeesValues

import sam_geo
from sam_common.errors import InputError, OutputError, PromptError
from sam_geo.object_classes.request import candidate_options
from sam_geo.object_classes.similar import run_similar


def kinds_of(scene, path):
    """Kind of the true object under each object of a table."""
    found = geopandas.read_file(path)
    joined = gpd_join(found, scene.table)
    return found, joined


def gpd_join(found, truth):
    places = geopandas.GeoDataFrame(geometry=found.geometry.representative_point(), crs=found.crs)
    return places.sjoin(truth, predicate="within")["kind"].reindex(found.index)


def test_all_discs_and_no_square(similar, scene):
    record = run_similar(similar())
    found, kinds = kinds_of(scene, similar().output)
    assert (kinds == "disc").all()
    assert len(found) == record["written"] == (scene.table["kind"] == "disc").sum()
    assert list(found.columns) == [
        "id", "probability", "said", "accepted", "covered_by", "area_m2", "perimeter_m", "area_px",
        "geometry",
    ]  # fmt: skip
    assert (found["said"] == "example").sum() == 6
    others = found[found["said"].isna()]
    assert others["probability"].min() > 0.5
    # the polygons are those of the layer, in its place
    near = found.geometry.centroid.distance(scene.some("disc").geometry.union_all())
    assert near.max() == 0
    assert found["area_m2"].to_numpy() == pytest.approx(found["area_px"].to_numpy() / 4, rel=1e-2)
    assert not similar().parts.exists()


def test_every_candidate_has_a_probability(similar, scene):
    run_similar(similar(every=True))
    found, kinds = kinds_of(scene, similar().output)
    assert len(found) == len(scene.table)
    assert (found["probability"] > 0.5).to_numpy().tolist() == (kinds == "disc").tolist()
    # the sum of the probabilities says how many there are
    assert found["probability"].sum() == pytest.approx((kinds == "disc").sum(), abs=1.5)


def test_a_threshold_and_the_classifier_of_choice(similar):
    few = run_similar(similar(least_probability=1.0))
    all_of_them = run_similar(similar(least_probability=0.0, overwrite=True))
    assert few["written"] < all_of_them["written"] == 48
    other = run_similar(similar(classifier="logistic", overwrite=True))
    assert other["parameters"]["classifier"] == "logistic"


def test_negatives_as_a_layer_and_as_a_field(similar, scene, write):
    squares = write(scene.some("square", 4, points=True), "no.gpkg")
    record = run_similar(similar(negatives=squares))
    assert record["said"]["refused"] == 4
    both = pd.concat([scene.some("disc", 6, ok=1), scene.some("square", 4, ok=0)])
    table = write(both, "both.gpkg")
    again = run_similar(similar(examples=table, example_field="ok", overwrite=True))
    assert again["said"] == record["said"]


def test_points_are_examples_too(similar, scene, write):
    points = write(scene.some("disc", 5, points=True).to_crs(4326), "points.geojson")
    record = run_similar(similar(examples=points))
    assert record["said"]["examples"] == 5
    assert record["written"] == (scene.table["kind"] == "disc").sum()


def test_corrections_go_in_again_and_nothing_is_encoded(similar, scene, write, tmp_path, colours):
    # of two discs and a square, squares are wanted too
    mixed = write(pd.concat([scene.some("disc", 2), scene.some("square", 2)]), "mixed.gpkg")
    request = similar(examples=mixed, with_embedding=True, every=True)
    first = run_similar(request, lambda: colours)
    assert first["network"]["name"] == "fake"
    assert colours.embedded
    table = geopandas.read_file(request.output)
    _, kinds = kinds_of(scene, request.output)
    table["accepted"] = pd.array([None] * len(table), dtype="boolean")
    # the user says of some that they are discs, or are not
    for kind, says in (("disc", True), ("square", False)):
        rows = np.flatnonzero((kinds == kind).to_numpy())[:8]
        table.loc[rows, "accepted"] = says
    corrected = write(table, "corrected.gpkg")
    again = replace(request, corrections=corrected, overwrite=True)

    def no_network():
        raise AssertionError

    second = run_similar(again, no_network)
    assert second["candidates"]["kept"]
    assert second["said"]["refused"] >= 8
    found, kinds = kinds_of(scene, request.output)
    assert ((found["probability"] > 0.5) == (kinds == "disc")).all()
    assert found["id"].tolist() == table["id"].tolist()
    assert "seconds" in second


def test_the_embedding_is_among_the_features(similar, colours, write):
    record = run_similar(similar(with_embedding=True), lambda: colours)
    assert record["features"][-1] == "embedding 6"
    assert record["network"] == {"name": "fake", "sha256": "0" * 64}
    # an outline that no candidate shows needs the network again, and that is another one
    more = pd.concat([geopandas.read_file(similar().examples), outline_at(0, 36)])
    request = similar(with_embedding=True, overwrite=True, examples=write(more, "wider.gpkg"))
    with pytest.raises(InputError, match=r"measured with the network fake .* is another one"):
        run_similar(request, lambda: ColourSegmenter(model_size=64, sha256="1" * 64))
    again = run_similar(replace(request, resume=True), lambda: colours)
    assert again["candidates"]["count"] == record["candidates"]["count"] + 1


def outline_at(row, col, side=6):
    """A square that shows no object."""
    shape = shapely.box(*(GRID @ (col, row + side)), *(GRID @ (col + side, row)))
    return geopandas.GeoDataFrame(geometry=[shape], crs="EPSG:32633")


def test_everything_the_network_finds_is_a_candidate(similar, quiet, write):
    network = SeesValues(model_size=256)
    examples = write(quiet.some("disc", 6, points=True))
    options = candidate_options(256, 16)
    request = similar(image=str(quiet.raster), candidates=None, examples=examples, auto=options)
    record = run_similar(replace(request, with_embedding=True), lambda: network)
    assert record["candidates"]["count"] == len(quiet.table)
    found, kinds = kinds_of(quiet, request.output)
    assert (kinds == "disc").all()
    assert len(found) == (quiet.table["kind"] == "disc").sum()
    # the automatic job and the features see the same windows, each encoded once
    assert len(network.embedded) == record["candidates"]["windows"] == 2


def test_outlines_without_a_candidate_are_candidates(similar, scene, tmp_path):
    some = scene.table.drop(index=scene.some("disc", 2).index)
    some.to_file(tmp_path / "some.gpkg")
    record = run_similar(similar(candidates=tmp_path / "some.gpkg"))
    assert record["candidates"]["count"] == len(scene.table)
    assert any("2 examples meet no candidate" in note for note in record["notes"])
    assert record["written"] == (scene.table["kind"] == "disc").sum()


def test_it_is_judged_away_from_the_examples(similar, scene, write):
    truth = write(scene.some("disc"), "truth.gpkg")
    record = run_similar(similar(judge=truth))
    told = record["judgement"]
    assert (
        told["average_precision"] == told["precision"] == told["recall"] == told["reachable"] == 1
    )
    assert 0 < told["objects"] <= (scene.table["kind"] == "disc").sum() - 6
    squares = write(scene.some("square"), "wrong.gpkg")
    wrong = run_similar(similar(judge=squares, overwrite=True))["judgement"]
    assert wrong["recall"] == 0
    assert wrong["average_precision"] < 0.6


def test_the_same_bytes_again(similar, tmp_path):
    def digest():
        return hashlib.sha256(similar().output.read_bytes()).hexdigest()

    run_similar(similar())
    first = digest()
    run_similar(similar(overwrite=True))
    assert digest() == first
    similar().kept.unlink()
    run_similar(similar(overwrite=True))
    assert digest() == first


def test_kept_candidates_of_another_job_are_refused(similar, scene, tmp_path):
    run_similar(similar(keep_candidates=tmp_path / "kept.parquet"))
    scene.table.iloc[:40].to_file(tmp_path / "fewer.gpkg")
    other = similar(
        keep_candidates=tmp_path / "kept.parquet",
        candidates=tmp_path / "fewer.gpkg",
        overwrite=True,
    )
    with pytest.raises(InputError, match=r"another job \(candidates was .*name another file by"):
        run_similar(other)


def test_in_one_call(scene, similar):
    request = similar()
    record = sam_geo.find_more(
        scene.raster, request.examples, request.output, options=request, least_probability=0.9
    )
    assert record["parameters"]["least_probability"] == 0.9
    assert json.loads(request.output.with_suffix(".job.json").read_text()) == record


def test_bad_examples(similar, scene, write):
    far = scene.some("disc", 3)
    far["geometry"] = far.geometry.translate(10_000)
    with pytest.raises(
        PromptError, match=r"none of the 3 examples of .*far.gpkg lies on .*objects"
    ):
        run_similar(similar(examples=write(far, "far.gpkg")))
    with pytest.raises(PromptError, match="one example only"):
        run_similar(similar(examples=write(scene.some("disc", 1), "one.gpkg")))
    twice = pd.concat([scene.some("disc", 1)] * 2)
    with pytest.raises(PromptError, match="mean 1 object: 0 of them are points"):
        run_similar(similar(examples=write(twice, "twice.gpkg")))
    with pytest.raises(PromptError, match="has no column 'ok', which tells examples"):
        run_similar(similar(example_field="ok"))
    with pytest.raises(
        PromptError, match=r"column kind of .* says 'disc' in row 0: give 1 or true"
    ):
        run_similar(similar(example_field="kind"))
    nowhere = pd.concat([outline_at(0, col) for col in (37, 77, 117)])
    nowhere["geometry"] = nowhere.centroid
    with pytest.raises(PromptError, match="3 of them are points that no candidate holds"):
        run_similar(similar(examples=write(nowhere, "nowhere.gpkg")))


def test_no_candidate(similar, scene, write, tmp_path):
    far = scene.table.assign(geometry=scene.table.geometry.translate(10_000))
    with pytest.raises(PromptError, match="no candidate: none of the 48 rows"):
        run_similar(similar(candidates=write(far, "far.gpkg")))
    only = write(scene.some("disc", 3), "only.gpkg")
    with pytest.raises(PromptError, match="no candidate: beside the examples there is none"):
        run_similar(similar(examples=only, candidates=only))
    with rasterio.open(scene.raster) as dataset:
        profile, shape = dataset.profile, dataset.shape
    with rasterio.open(tmp_path / "black.tif", "w", **profile) as black:
        black.write(np.zeros((3, *shape), dtype=np.uint8))
    request = similar(
        image=str(tmp_path / "black.tif"), candidates=None, auto=candidate_options(128, 2)
    )
    with pytest.raises(PromptError, match=r"no candidate: the network finds nothing in .*black"):
        run_similar(request, lambda: SeesValues(model_size=128))
    with pytest.raises(InputError, match="need a network"):
        run_similar(replace(request, resume=True))


def test_an_input_is_not_written_over(similar, tmp_path):
    run_similar(similar())
    with pytest.raises(OutputError, match="output is an input"):
        run_similar(similar(corrections=similar().output, overwrite=True))
