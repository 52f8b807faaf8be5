from __future__ import annotations

import pytest
import torch
from small_networks import patch_network

from sam_common.errors import CheckpointError
from sam_common.tuned.delta import apply_delta, low_rank

NAME = "mask_decoder.iou_token.weight"
CONV = "image_encoder.neck.0.weight"


def test_differences_and_low_rank_changes_are_added():
    network, base = patch_network(7), dict(patch_network(7).named_parameters())
    change, a, b = torch.randn(1, 256).half(), torch.randn(2, 16), torch.randn(256, 2)
    delta = {f"difference:{NAME}": change, f"low_rank_a:{CONV}": a, f"low_rank_b:{CONV}": b}
    found = dict(apply_delta(network, delta, source="d").named_parameters())
    assert torch.equal(found[NAME], base[NAME] + change.float())
    assert torch.equal(found[CONV], base[CONV] + (b @ a)[..., None, None])
    assert torch.equal(found[CONV], low_rank(base[CONV], a, b))
    others = [name for name in found if name not in {NAME, CONV}]
    assert all(torch.equal(found[name], base[name]) for name in others)
    assert not any(parameter.requires_grad for parameter in found.values())


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        ({"difference:neck.weight": torch.ones(1)}, "it has no parameter for difference:neck"),
        ({f"other:{NAME}": torch.ones(1)}, "it has no parameter for other:"),
        ({f"difference:{NAME}": torch.ones(256)}, f"{NAME} is incomplete or of another shape"),
        ({f"low_rank_a:{CONV}": torch.ones(2, 16)}, f"{CONV} is incomplete or of another shape"),
        (
            {f"low_rank_a:{CONV}": torch.ones(2, 9), f"low_rank_b:{CONV}": torch.ones(256, 2)},
            f"{CONV} is incomplete or of another shape",
        ),
    ],
)
def test_a_delta_of_another_network(delta, words):
    with pytest.raises(CheckpointError) as caught:
        apply_delta(patch_network(7), delta, source="mine.safetensors")
    assert str(caught.value).startswith("mine.safetensors")
    assert words in str(caught.value)
