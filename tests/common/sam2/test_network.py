"""What surrounds the parity of `tests/oracles/test_sam2_parity.py`."""

from __future__ import annotations

import torch
from sam2_models import few_config, seeded_image_model

from sam_common.network.lazy_network import as_lazy
from sam_common.sam2.network import Sam2, _stable, fold, unfold


def test_levels_are_folded_and_unfolded():
    random = torch.Generator().manual_seed(0)
    levels = [torch.randn(2, c, n, n, generator=random) for c, n in ((256, 3), (64, 6), (32, 12))]
    folded = fold(levels)
    assert folded.shape == (2, 1024, 3, 3)
    assert torch.equal(folded[:, :256], levels[0])
    # the cell in row 1, column 2 holds the places (2, 4) to (3, 5) of the middle level
    assert torch.equal(folded[0, 256 + 64 : 256 + 128, 1, 2], levels[1][0, :, 2, 5])
    assert all(torch.equal(a, b) for a, b in zip(levels, unfold(folded), strict=True))


def test_an_unstable_mask_gives_way_to_the_best_candidate():
    logits = torch.full((2, 4, 4, 4), 1.0)
    logits[0, 0] = 0.01  # between the thresholds: nothing of it is sure
    logits[:, 2] = 2.0
    scores = torch.tensor([[0.9, 0.1, 0.6, 0.3], [0.2, 0.1, 0.6, 0.3]])
    chosen, known = _stable(logits, scores)
    assert chosen.shape == (2, 1, 4, 4)
    assert (chosen[0] == 2).all()
    assert (chosen[1] == 1).all()
    assert torch.equal(known, torch.tensor([[0.6], [0.2]]))
    # an empty mask is stable, as published
    empty, _ = _stable(torch.full((1, 4, 4, 4), -1.0), scores[:1])
    assert (empty == -1).all()


def test_what_is_known_of_a_network_by_hand():
    network = Sam2(seeded_image_model(config=few_config(512)))
    assert (network.grid, network.channels, network.preprocess.size) == (32, 1024, 512)
    known = as_lazy(network, "a" * 64).architecture
    assert (known.is_sam2, known.channels, known.has_exact_parts) == (True, 1024, False)
