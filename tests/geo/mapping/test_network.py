"""Land-cover jobs that try what a network makes of the image."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pickle import dumps, loads

import numpy as np
import pytest
import rasterio
from colour_segmenter import ColourSegmenter

from sam_common.errors import InputError, OutputError
from sam_common.executors.executor import Outcome
from sam_geo.bands.blocks import blocks
from sam_geo.classification.block_classes import Classification
from sam_geo.learning import fitting
from sam_geo.learning.model import load_model
from sam_geo.mapping.dry_run import dry_run_landcover
from sam_geo.mapping.run import run_landcover

SIDE = 64
SEEN = {"features": ("embedding",)}


def colours(**options):
    return ColourSegmenter(model_size=SIDE, **options)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def helps(monkeypatch):
    """The embedding counts as the best set, whatever the folds say."""

    def chosen(trials, *_):
        named = {trial.candidate.name: trial for trial in trials}
        return named["values, surroundings and embedding"]

    monkeypatch.setattr(fitting, "chosen", chosen)


def test_the_folds_decide_and_the_record_says_so(request_of):
    found = run_landcover(request_of(learn=SEEN), colours)
    tried = {each["name"]: each["chosen"] for each in found["training"]["tried"]}
    assert list(tried) == [
        "values",
        "values and surroundings",
        "values, surroundings and superpixels",
        "values, surroundings and embedding",
        "values, surroundings, superpixels and embedding",
    ]
    assert sum(tried.values()) == 1
    assert found["parameters"]["tried_features"] == ["embedding"]


def test_nothing_is_embedded_for_a_map_that_does_not_need_it(request_of, monkeypatch):
    def chosen(trials, *_):
        return trials[1]

    monkeypatch.setattr(fitting, "chosen", chosen)
    segmenter = colours()
    record = run_landcover(request_of(learn=SEEN), lambda: segmenter)
    assert "network" not in record
    assert not any("embedding" in name for name in record["training"]["features"])
    plain = run_landcover(request_of(overwrite=True))
    assert [t["overall"] for t in plain["training"]["tried"]] == [
        t["overall"] for t in record["training"]["tried"][:3]
    ]


def test_a_map_with_an_embedding(request_of, scene, helps, tmp_path):
    segmenter = colours()
    request = request_of(learn=SEEN, save=tmp_path / "m.skops", report=tmp_path / "r.html")
    record = run_landcover(request, lambda: segmenter)
    assert record["network"]["sha256"] == segmenter.sha256
    windows = record["embedding"]["windows"]
    # samples lie all over the image: what was embedded to learn is not embedded again
    assert len(segmenter.embedded) == windows == record["embedding"]["encoded"]
    assert "embedding 1 over object" in record["training"]["features"]
    assert not request.parts.exists()
    assert "what a network makes of the object" in (tmp_path / "r.html").read_text()
    model = load_model(tmp_path / "m.skops")
    assert (model.embedding.network, model.embedding.sha256) == ("fake", segmenter.sha256)
    assert model.features.embedding_axes == model.embedding.count == 6


def test_a_model_uses_the_network_that_it_was_trained_with(request_of, helps, tmp_path):
    first = request_of(learn=SEEN, save=tmp_path / "m.skops")
    run_landcover(first, colours)
    again = replace(
        first, learn=None, apply=tmp_path / "m.skops", save=None, output=tmp_path / "two.tif"
    )
    record = run_landcover(again, colours)
    assert digest(again.output) == digest(first.output)
    assert record["embedding"]["encoded"] == record["embedding"]["windows"]
    other = replace(again, output=tmp_path / "three.tif")
    with pytest.raises(InputError, match=r"network fake \(sha256 0{12}\), and fake is another one"):
        run_landcover(other, lambda: colours(sha256="1" * 64))
    with pytest.raises(InputError, match="needs a network: say how to load one"):
        run_landcover(replace(other, overwrite=True, output=tmp_path / "four.tif"))


def test_workers_and_an_interrupt_change_no_byte(request_of, small_blocks, helps):
    request = request_of(learn=SEEN)
    run_landcover(request, colours)
    whole = digest(request.output)
    run_landcover(replace(request, workers=3, overwrite=True), colours)
    assert digest(request.output) == whole
    for fail_at in (2, 5):
        request.output.unlink()
        broken = colours(fail_at=fail_at)
        with pytest.raises(KeyboardInterrupt):
            run_landcover(replace(request, overwrite=True), lambda broken=broken: broken)
        run_landcover(replace(request, resume=True), colours)
        assert digest(request.output) == whole
        assert not request.parts.exists()


class Pickled:
    """An executor of which all that it is given crosses to another process, as by a network."""

    def __init__(self):
        self.asked = 0

    def run(self, task, items, *, kind, retried, speculative):
        assert (kind, speculative) == ("window", True)
        there = loads(dumps(task))  # noqa: S301  # bytes of our own
        for item in items:
            self.asked += 1
            try:
                asked = loads(dumps(item.question))  # noqa: S301
                yield Outcome(item.number, there(asked))
            except retried as error:
                yield Outcome(item.number, error=error)

    def facts_from_now(self):
        return lambda: {"asked": self.asked}


def test_blocks_with_an_embedding_are_classified_by_workers(request_of, small_blocks, helps):
    request, executor = request_of(learn=SEEN), Pickled()
    record = run_landcover(request, colours)
    whole = digest(request.output)
    with rasterio.open(request.output) as made:
        count = len(list(blocks(made.shape)))
    again = run_landcover(replace(request, executor=executor, overwrite=True), colours)
    assert digest(request.output) == whole
    # every window of the network, once to learn and once on the axes, and every block
    assert again["executor"] == {"asked": 2 * record["embedding"]["windows"] + count}
    assert "executor" not in record


def test_a_resumed_map_embeds_nothing_again(request_of, small_blocks, helps, monkeypatch):
    request = request_of(learn=SEEN)
    run_landcover(request, colours)
    whole = digest(request.output)
    request.output.unlink()
    real, calls = Classification.classify, []

    def broken(self, n, found):
        calls.append(n)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, n, found)

    with monkeypatch.context() as patch:
        patch.setattr(Classification, "classify", broken)
        with pytest.raises(KeyboardInterrupt):
            run_landcover(replace(request, overwrite=True), colours)
    again = colours()
    record = run_landcover(replace(request, resume=True), lambda: again)
    assert again.embedded == []
    assert record["embedding"]["encoded"] == record["embedding"]["windows"]
    assert digest(request.output) == whole


def test_embeddings_are_kept_and_used_again(request_of, helps, tmp_path):
    request = request_of(learn=SEEN, embeddings=tmp_path / "kept")
    run_landcover(request, colours)
    second = colours()
    record = run_landcover(replace(request, overwrite=True), lambda: second)
    assert second.embedded == []
    assert record["embedding"]["stored"] == record["embedding"]["windows"]
    with pytest.raises(OutputError, match="keep embeddings in another folder"):
        run_landcover(replace(request, embeddings=request.parts, overwrite=True), colours)


def test_it_is_pooled_over_objects(request_of, scene, helps, tmp_path):
    import geopandas
    import rasterio
    import shapely

    with rasterio.open(scene.raster) as dataset:
        transform = dataset.transform
    square = shapely.box(*(transform @ (0, 0)), *(transform @ (150, 120)))
    geopandas.GeoDataFrame(geometry=[square], crs="EPSG:32633").to_file(tmp_path / "o.gpkg")
    request = request_of(learn=SEEN, save=tmp_path / "a.skops")
    run_landcover(request, colours)
    with_objects = replace(
        request, objects=str(tmp_path / "o.gpkg"), save=tmp_path / "b.skops", overwrite=True
    )
    run_landcover(with_objects, colours)
    one, two = (load_model(tmp_path / name) for name in ("a.skops", "b.skops"))
    # in one object all samples have the same mean
    assert np.ptp(one.ranges[-6], axis=-1) > 100
    assert np.ptp(two.ranges[-6:], axis=-1).max() < 1e-3
    assert np.array_equal(one.ranges[:-6], two.ranges[:-6])


def test_a_window_that_fails_is_told(request_of, helps, monkeypatch):
    request = request_of(learn=SEEN)
    real = ColourSegmenter.embed

    def damaged(self, image):
        if len(self.embedded) >= 3:
            raise RuntimeError("out of order")
        return real(self, image)

    monkeypatch.setattr(ColourSegmenter, "embed", damaged)
    with pytest.raises(InputError, match=r"window at row .* could not be embedded: .*out of order"):
        run_landcover(request, colours)


def test_a_dry_run_writes_nothing(request_of, small_blocks, helps, tmp_path):
    found = dry_run_landcover(request_of(learn=SEEN, embeddings=tmp_path / "kept"), colours)
    assert found["encoder_calls"] == 9
    assert found["seconds"] > 0
    assert list(tmp_path.iterdir()) == []


def test_features_that_nobody_knows(request_of):
    with pytest.raises(InputError, match="no features 'colour': --features knows embedding"):
        run_landcover(request_of(learn={"features": ("colour",)}))


def test_a_network_is_a_part_of_the_job(request_of, helps):
    request = request_of(learn=SEEN)
    with pytest.raises(KeyboardInterrupt):
        run_landcover(request, lambda: colours(fail_at=5))
    with pytest.raises(InputError, match=r"network was mobile_sam, is sam_vit_b"):
        run_landcover(replace(request, network="sam_vit_b", resume=True), colours)
    assert json.loads((request.parts / "plan.json").read_text())["signature"]["network"]
