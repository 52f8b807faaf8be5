from __future__ import annotations

import numpy as np
import pytest
import torch

from sam_common.errors import ModelError
from sam_common.network.sam import build_sam
from sam_common.prompts import Prompts
from sam_common.training.options import TrainingOptions
from sam_common.training.trainable import LowRank, Trainable
from sam_common.tuned.delta import apply_delta
from tests.oracles.random_weights import randomise
from tests.oracles.small_networks import patch_network, small_network


def changed(trainable, seed=3):
    """Give everything that learns another value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in trainable.parameters().values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.01)
    return trainable


def answer(trainable):
    pixels = np.random.default_rng(0).normal(size=(1, 3, 256, 256)).astype(np.float32)
    boxes = Prompts.from_boxes([[10, 20, 60, 70], [5, 5, 200, 90]])
    features = trainable.encode(pixels)
    return trainable.decode(features, boxes, np.ones(2), multimask=False)


@pytest.mark.parametrize("parts", ["decoder", "encoder", "both"])
def test_the_delta_gives_what_was_learned_to_the_bit(parts):
    options = TrainingOptions(parts=parts, rank=4)
    trainable = changed(Trainable(patch_network(7), options))
    delta = trainable.delta()
    trainable.round_as_kept()
    with torch.no_grad():
        expected = answer(trainable)
        merged = Trainable(apply_delta(patch_network(7), delta, source="d"), TrainingOptions())
        found = answer(merged)
        untouched = answer(Trainable(patch_network(7), TrainingOptions()))
    for one, other, first in zip(found, expected, untouched, strict=True):
        assert torch.equal(one, other)
        assert not torch.equal(one, first)


@pytest.mark.parametrize("parts", ["decoder", "encoder", "both"])
def test_everything_that_learns_gets_a_gradient_and_nothing_else(parts):
    trainable = changed(Trainable(patch_network(7), TrainingOptions(parts=parts)))
    logits, scores = answer(trainable)
    (logits.square().mean() + scores.sum()).backward()
    learned = {id(p) for p in trainable.parameters().values()}
    for name, parameter in trainable.network.named_parameters():
        assert parameter.requires_grad == (id(parameter) in learned), name
    # three of the four masks, and the heads of three scores, are not asked for here
    used = [n for n, p in trainable.parameters().items() if p.grad is not None and p.grad.any()]
    assert len(used) > 0.7 * len(trainable.parameters())


def test_low_rank_changes_reach_attention_that_reads_the_weight_itself():
    """An adapter around the module would be passed by: this attention calls no module."""
    network = randomise(build_sam("tiny_vit_256"), 3).prepare_inference()
    trainable = Trainable(network, TrainingOptions(parts="encoder", rank=2))
    names = [name for name in trainable.parameters() if "attn.qkv" in name]
    assert len(names) == 2 * 10  # a and b of each block of the stages 1 to 3
    changed(trainable)
    block = network.image_encoder.layers[1].blocks[0]
    block.attn(torch.randn(4, 49, 128)).sum().backward()
    grads = [p.grad for n, p in trainable.parameters().items() if "layers.1.blocks.0.attn" in n]
    assert len(grads) == 4
    assert all(grad is not None and grad.any() for grad in grads)


def test_a_low_rank_change_is_nothing_at_first():
    weight = torch.randn(6, 5)
    change = LowRank(weight, 9, torch.Generator().manual_seed(0))
    assert torch.equal(change(weight), weight)
    assert change.a.shape == (5, 5)


def test_an_encoder_without_a_linear_layer_is_refused():
    with pytest.raises(ModelError, match="has no linear layer to tune"):
        Trainable(small_network(0), TrainingOptions(parts="encoder"))


def test_mixed_precision_is_for_gpus():
    trainable = Trainable(patch_network(7), TrainingOptions())
    with trainable._mixed():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    trainable.device = "cuda:0"
    if torch.cuda.is_available():
        assert trainable._mixed()._enabled
    else:
        with pytest.warns(UserWarning, match="CUDA is not available"):
            trainable._mixed()
