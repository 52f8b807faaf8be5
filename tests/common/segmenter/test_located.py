"""Tuned files over their bases; names and checkpoints of one's own are in `test_load.py`."""

from __future__ import annotations

import copy
import hashlib

import numpy as np
import pytest
import torch
from cards import CARD

from sam_common.errors import CheckpointError, ModelError
from sam_common.network.sam import build_sam
from sam_common.prompts import Prompts
from sam_common.published import checkpoints
from sam_common.segmenter.located import locate
from sam_common.segmenter.predictor import load_segmenter
from sam_common.tuned import catalogue
from sam_common.tuned.tuned_file import write_delta
from tests.oracles.random_weights import randomise

NAME = "mask_decoder.iou_prediction_head.layers.2.bias"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "own.pth"
    torch.save(randomise(build_sam("tiny_vit_256"), 3, deviation=0.1).state_dict(), path)
    return path


@pytest.fixture
def tune(base):
    """A tuned file beside its base, whose scores are larger by a quarter."""

    def make(name="own.pth", sha256=None, arch="tiny_vit_256", parts=("decoder",)):
        card = copy.deepcopy(CARD)
        found = sha256 or hashlib.sha256(base.read_bytes()).hexdigest()
        card["base"] |= {"name": name, "sha256": found, "arch": arch}
        card["parts"] = list(parts)
        path = base.with_name("mine.safetensors")
        write_delta(path, {f"difference:{NAME}": torch.full((4,), 0.25)}, card)
        return path

    return make


def load(path, **more):
    return load_segmenter(path, device="cpu", precision="fp32", **more)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_tuned_file_is_a_model_like_any_other(
    base, tune, image, engine, openvino_cache, monkeypatch
):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(openvino_cache))
    path = tune()
    tuned = load(path, engine=engine)
    assert (tuned.name, tuned.model_size) == ("mine.safetensors", 256)
    assert tuned.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert tuned.capabilities.kinds == {"boxes"}
    own = load(base, arch="tiny_vit_256", engine="torch")
    boxes = Prompts.from_boxes([[10, 10, 90, 60]])
    before = own.decode(own.embed(image), boxes)
    after = tuned.decode(tuned.embed(image), boxes)
    np.testing.assert_allclose(after.scores, before.scores + 0.25, atol=1e-3)


def test_the_encoder_of_a_tuned_decoder_is_that_of_the_base(base, tune):
    sha256 = hashlib.sha256(base.read_bytes()).hexdigest()
    found = locate(tune())
    assert found.network().encoder_sha256 == sha256
    other = locate(tune(parts=("decoder", "encoder")))
    assert other.network().encoder_sha256 == other.sha256 != sha256


def test_another_base_is_refused(base, tune):
    path = tune(sha256="0" * 64)
    with pytest.raises(CheckpointError) as caught:
        load(path, engine="torch")
    sha256 = hashlib.sha256(base.read_bytes()).hexdigest()
    assert str(caught.value) == (
        f"{path} was tuned from another own.pth than {base}: its sha256 begins with "
        f"000000000000, that of the file with {sha256[:12]}"
    )


def test_a_base_that_is_not_there(tune):
    path = tune(name="gone.pth")
    with pytest.raises(CheckpointError, match=r"was tuned from gone\.pth .* put that file beside"):
        locate(path)


def test_a_published_base_of_another_sha256(tune):
    path = tune(name="lite_medsam", sha256="0" * 64)
    with pytest.raises(CheckpointError, match='"lite_medsam" is asked for with a sha256 that begi'):
        locate(path)


def test_a_published_base_is_fetched_by_its_sha256(tune, base, monkeypatch):
    (file,) = checkpoints.model_info("lite_medsam").files
    asked = []

    def fetch_file(name, sha256):
        asked.append((name, sha256))
        return base.with_name(file.name)

    monkeypatch.setattr(checkpoints, "fetch_file", fetch_file)
    found = locate(tune(name="lite_medsam", sha256=file.sha256))
    assert asked == [("lite_medsam", file.sha256)]
    assert (found.licence, found.path.name) == ("Apache-2.0", file.name)


def test_an_architecture_that_is_not_that_of_the_base(tune):
    path = tune()
    with pytest.raises(ModelError) as caught:
        locate(path, "vit_b")
    assert str(caught.value) == f"{path} is a tiny_vit_256, not a vit_b: leave --arch out"


def test_a_tuned_model_with_a_name(tune, base, tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))
    path = catalogue.add(tune(), "scores")
    with pytest.raises(CheckpointError, match="put that file beside it"):
        locate("scores")  # a base of one's own is looked for beside the copy
    path.with_name("own.pth").symlink_to(base)
    found = locate("scores")
    assert (found.name, found.tuned.path) == ("scores", path)
