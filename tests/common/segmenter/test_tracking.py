from __future__ import annotations

import pytest
import torch
from meta_names import checkpoint_of_meta
from safetensors.torch import load_file
from sam2_models import seeded_image_model, seeded_video_model

from sam_common.errors import CapabilityError, CheckpointError, InputError, ModelError
from sam_common.network.sam import build_sam
from sam_common.segmenter.located import locate
from sam_common.segmenter.predictor import load_segmenter
from sam_common.segmenter.tracking import load_tracker
from sam_common.support.files import sha256_of
from tests.oracles.random_weights import randomise


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small SAM 2 with its memory, as `save_pretrained` writes it."""
    path = tmp_path_factory.mktemp("models") / "my_sam2"
    seeded_video_model(size=128).save_pretrained(path)
    return path


def test_a_folder_is_a_tracker(folder):
    loaded = load_tracker(folder, device="cpu")
    assert (loaded.name, loaded.engine, loaded.precision, loaded.device) == (
        "my_sam2",
        "torch",
        "fp32",
        "cpu",
    )
    assert loaded.sha256 == sha256_of(folder / "model.safetensors")
    assert loaded.model_size == 128
    assert loaded.capabilities.kinds == {"points", "boxes"}
    state = loaded.tracker._model.state_dict()
    assert all(
        torch.equal(state[name], value)
        for name, value in load_file(folder / "model.safetensors").items()
    )


def test_an_input_that_no_mask_has_is_no_segmenter(folder):
    with pytest.raises(ModelError) as caught:
        load_segmenter(folder)
    assert str(caught.value) == (
        'model "my_sam2" (input of 128 pixels) only follows objects through slices: '
        "sam-med segment --method memory"
    )


def test_a_folder_says_its_architecture_itself(folder):
    assert locate(folder).arch == locate(folder, "hiera").arch == "hiera"
    with pytest.raises(ModelError, match="says its sizes itself: leave --arch out"):
        load_tracker(folder, arch="hiera_tiny")
    with pytest.raises(ModelError, match=r"does not say its sizes: give --arch hiera_tiny\|"):
        load_tracker(folder / "model.safetensors", arch="hiera")


def test_a_checkpoint_of_meta_of_another_size_is_refused(tmp_path):
    path = tmp_path / "own.pt"
    state = seeded_video_model(size=128).state_dict()
    torch.save({"model": checkpoint_of_meta(state)}, path)
    with pytest.raises(CheckpointError, match=r"own\.pt does not fit this architecture"):
        load_tracker(path, arch="hiera_tiny_512")


def test_networks_without_memory(tmp_path):
    other = tmp_path / "own.pth"
    torch.save(randomise(build_sam("tiny_vit_256"), 3).state_dict(), other)
    with pytest.raises(CapabilityError, match=r'model "own\.pth" is no SAM 2 and has no memory'):
        load_tracker(other, arch="tiny_vit_256")
    seeded_image_model().save_pretrained(tmp_path / "images")
    with pytest.raises(CheckpointError, match="it has no memory, so it cannot follow objects"):
        load_tracker(tmp_path / "images")
    segmenter = load_segmenter(tmp_path / "images", device="cpu", engine="torch")
    assert (segmenter.name, segmenter.model_size) == ("images", 1024)
    assert segmenter.capabilities.kinds == {"points", "boxes", "masks"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "openvino"}, 'the memory of a SAM 2 runs on engine torch only, got "openvino"'),
        ({"precision": "bf16"}, 'the memory of a SAM 2 runs in fp32 only, got "bf16"'),
    ],
)
def test_what_does_not_run_the_memory(folder, settings, message):
    with pytest.raises(ModelError) as caught:
        load_tracker(folder, **settings)
    assert str(caught.value) == message


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(InputError, match=r"is no model: it has no config\.json"):
        load_tracker(tmp_path)
