"""Model files: what was saved is read again, and nothing that could run code."""

from __future__ import annotations

import json
import pickle
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import skops.io

from sam_common.errors import InputError
from sam_geo.bands.embedding_axes import EmbeddingAxes
from sam_geo.bands.features import Features
from sam_geo.bands.guide import Guide
from sam_geo.bands.indices import find_indices
from sam_geo.learning.classifier import Balance, Calibrated, make_classifier
from sam_geo.learning.model import LandcoverModel, load_model, save_model

BANDS = ("red", "green", "nir")


@pytest.fixture
def model():
    features = Features(BANDS, find_indices(["NDVI"], BANDS), (3,), over_superpixels=True)
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (40, len(features.names))).astype(np.float32)
    fitted = make_classifier("random-forest", 0, Balance({0: 1.0, 1: 1.0}, (0.5, 0.5))).fit(
        table, np.repeat([0, 1], 20)
    )
    guide = Guide(*(np.arange(3, dtype=np.float32) + n for n in range(2)), np.eye(3, dtype="f4"))
    ranges = np.stack([table.min(axis=0), table.max(axis=0)], axis=1)
    facts = {"samples": {"file": {"path": "a.gpkg"}}}
    return LandcoverModel(("wäter", "10"), features, guide, Calibrated(fitted, 0.8), ranges, facts)


def test_all_of_it_is_read_again(model, tmp_path):
    save_model(model, tmp_path / "a.skops")
    found = load_model(tmp_path / "a.skops")
    assert (found.classes, found.features, found.training) == (
        model.classes, model.features, model.training,
    )  # fmt: skip
    assert np.array_equal(found.ranges, model.ranges)
    for name in ("low", "high", "axes"):
        assert np.array_equal(getattr(found.guide, name), getattr(model.guide, name))
    table = np.random.default_rng(1).normal(0, 1, (9, len(model.features.names))).astype("f4")
    one, two = (each.classifier.predict_proba(table) for each in (model, found))
    assert np.array_equal(one, two)


def test_the_network_of_a_model_is_remembered(model, tmp_path):
    axes = EmbeddingAxes(
        "mobile_sam", "ab" * 32, np.arange(4, dtype="f4"), np.eye(4, 2, dtype="f4")
    )
    seen = replace(
        model, embedding=axes, features=replace(model.features, embedding_axes=axes.count)
    )
    save_model(seen, tmp_path / "a.skops")
    found = load_model(tmp_path / "a.skops")
    assert found.features == seen.features
    assert (found.embedding.network, found.embedding.sha256) == ("mobile_sam", "ab" * 32)
    assert np.array_equal(found.embedding.mean, axes.mean)
    assert np.array_equal(found.embedding.axes, axes.axes)
    found.check_network("mobile_sam", "ab" * 32)
    with pytest.raises(
        InputError, match=r"network mobile_sam \(sha256 abababababab\), and b is an"
    ):
        found.check_network("b", "cd" * 32)
    model.check_network("b", "cd" * 32)


@pytest.mark.parametrize("content", [b"", b"II*\0no model", b"PK\5\6" + bytes(18)])
def test_a_file_that_is_none(tmp_path, content):
    path = tmp_path / "a.skops"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.skops is no model of land cover"):
        load_model(path)


def test_a_damaged_file(model, tmp_path):
    path = tmp_path / "a.skops"
    save_model(model, path)
    whole = path.read_bytes()
    for end in (len(whole) // 3, len(whole) - 30):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match="is no model of land cover"):
            load_model(path)


def test_another_content_of_skops(tmp_path):
    path = tmp_path / "a.skops"
    path.write_bytes(skops.io.dumps({"note": json.dumps({"format": "other"})}))
    with pytest.raises(InputError, match="another version: other"):
        load_model(path)
    path.write_bytes(skops.io.dumps([1, 2]))
    with pytest.raises(InputError, match="is no model of land cover"):
        load_model(path)


def test_a_pickle_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "a.skops"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError):
        load_model(path)
    assert not (tmp_path / "ran").exists()


def test_strange_objects_are_named(tmp_path):
    path = tmp_path / "a.skops"
    path.write_bytes(skops.io.dumps({"classifier": subprocess.CalledProcessError(1, "x")}))
    with pytest.raises(InputError, match=r"may run code of their own.*CalledProcessError"):
        load_model(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"a\.skops"):
        load_model(tmp_path / "a.skops")


def test_other_bands(model):
    model.check_bands(BANDS, files="x.tif")
    with pytest.raises(InputError, match=r"3 bands \(red, green, nir\), and x.tif has 2 \(a, b\)"):
        model.check_bands(["a", "b"], files="x.tif")
    with pytest.raises(InputError, match="--band-names red,green,nir"):
        model.check_bands(["red", "nir", "green"], files="x.tif")
