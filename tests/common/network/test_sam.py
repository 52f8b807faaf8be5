from __future__ import annotations

import pytest
import torch

from sam_common.errors import UnknownModelError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.network.checkpoint import Uninitialised
from sam_common.network.lazy_network import as_lazy
from sam_common.network.sam import PATCH_STRIDES, build_sam


def test_unknown_architectures_are_named():
    with pytest.raises(UnknownModelError) as caught:
        build_sam("vit_t")
    assert str(caught.value) == (
        "unknown architecture 'vit_t': choose from vit_b, vit_l, vit_h, tiny_vit_1024, tiny_vit_256"
    )


def test_what_runs_has_no_batch_norms_and_no_gradients():
    network = build_sam("tiny_vit_256")
    assert torch.nn.BatchNorm2d in {type(module) for module in network.modules()}
    network.prepare_inference()
    kinds = {type(module) for module in network.modules()}
    assert torch.nn.Conv2d in kinds
    assert torch.nn.BatchNorm2d not in kinds
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_both_variants_of_tiny_vit_begin_with_a_grid_of_256():
    for arch, stride in PATCH_STRIDES.items():
        assert ARCHITECTURES[arch].preprocess.size / stride**2 == 256


@pytest.mark.parametrize("arch", [arch for arch, at in ARCHITECTURES.items() if not at.is_sam2])
def test_a_network_has_what_is_known_of_its_architecture(arch):
    with Uninitialised():
        network = build_sam(arch)
    assert as_lazy(network, "a" * 64).architecture == ARCHITECTURES[arch]
