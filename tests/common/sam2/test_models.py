"""Checkpoints of every kind become the same networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from meta_names import checkpoint_of_meta
from safetensors.torch import save_file
from sam2_models import FEW, few_config, seeded_video_model

from sam_common.errors import CheckpointError
from sam_common.sam2.models import image_model, image_network, video_model

VIDEO = {"memory_attention_feed_forward_hidden_size": 32}


@pytest.fixture(scope="module")
def model():
    return seeded_video_model(size=128)


def test_networks_for_images_and_slices_come_from_one_checkpoint(model, tmp_path):
    config, state = few_config(128), model.state_dict()
    pixels = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    for given in (state, checkpoint_of_meta(state)):
        for made in (image_model(config, given, "x"), video_model(config | VIDEO, given, "x")):
            assert not made.training
            assert not any(parameter.requires_grad for parameter in made.parameters())
            assert all(
                torch.equal(made.state_dict()[name], state[name]) for name in made.state_dict()
            )
    torch.save({"model": checkpoint_of_meta(state)}, tmp_path / "own.pt")
    network = image_network(config, tmp_path / "own.pt")
    save_file({name: value.clone() for name, value in state.items()}, tmp_path / "m.safetensors")
    other = image_network(config, tmp_path / "m.safetensors")
    features = network.image_encoder(pixels)
    assert features.shape == (1, 1024, 8, 8)
    assert torch.equal(features, other.image_encoder(pixels))
    assert np.isfinite(features.numpy()).all()


def test_what_does_not_fit_is_listed(model):
    state = dict(model.state_dict())
    del state["mask_decoder.iou_token.weight"]
    with pytest.raises(
        CheckpointError, match=r"^own.pt does not fit this architecture: 1 keys miss"
    ):
        image_model(few_config(128), state, "own.pt")
    larger = FEW.__class__(16, 1, FEW.blocks, FEW.global_blocks)
    with pytest.raises(CheckpointError, match="keys of another shape: vision_encoder"):
        image_model(larger.config(128), model.state_dict(), "own.pt")


def test_a_network_for_images_follows_nothing(model):
    state = image_model(few_config(128), model.state_dict(), "x").state_dict()
    with pytest.raises(CheckpointError, match="it has no memory, so it cannot follow objects"):
        video_model(few_config(128), state, "own.pt")
