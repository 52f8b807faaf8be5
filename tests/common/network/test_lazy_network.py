from __future__ import annotations

import torch

from sam_common.network.architecture import LITE_MEDSAM_PREPROCESS, SAM_PREPROCESS, Architecture
from sam_common.network.lazy_network import as_lazy
from sam_common.network.sam import Sam
from sam_common.network.tiny_vit import PatchMerging


def test_a_network_in_memory_is_given_as_it_is(network):
    lazy = as_lazy(network, "ab" * 32)
    assert lazy.load() is network
    assert lazy.sha256 == "ab" * 32
    assert lazy.arch == "made by hand"
    assert lazy.architecture.preprocess == network.preprocess


def test_exact_parts_are_found_at_any_depth():
    plain, nested = torch.nn.Identity(), torch.nn.Sequential(torch.nn.Sequential(PatchMerging(2)))
    found = [
        as_lazy(Sam(encoder, preprocess), "").architecture
        for encoder, preprocess in ((plain, SAM_PREPROCESS), (nested, LITE_MEDSAM_PREPROCESS))
    ]
    assert found == [
        Architecture(SAM_PREPROCESS, has_exact_parts=False),
        Architecture(LITE_MEDSAM_PREPROCESS, has_exact_parts=True),
    ]
