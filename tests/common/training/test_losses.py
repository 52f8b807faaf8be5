from __future__ import annotations

import pytest
import torch

from sam_common.training.losses import mask_losses, overlap, prompt_loss

INSIDE = torch.ones(256, 256)


def square(first, last):
    target = torch.zeros(1, 256, 256)
    target[0, first:last, first:last] = 1
    return target


def test_a_perfect_mask_costs_nothing_and_a_wrong_one_much():
    target = square(40, 60)
    right = (target * 40 - 20)[:, None]
    assert mask_losses(right, target, INSIDE).item() < 0.01
    assert mask_losses(-right, target, INSIDE).item() > 1
    assert overlap(right, target, INSIDE).item() == 1
    assert overlap(-right, target, INSIDE).item() == 0


def test_the_size_of_an_object_does_not_weigh():
    """The same share of an object missed costs about the same, small or large."""
    costs = []
    for side in (12, 48):
        target, found = square(0, side), square(0, side // 2)
        costs.append(mask_losses((found * 12 - 6)[:, None], target, INSIDE).item())
    assert costs[0] == pytest.approx(costs[1], rel=0.1)


def test_what_lies_in_the_padding_does_not_count():
    target, inside = square(10, 30), INSIDE.clone()
    inside[128:] = 0
    logits = (target * 20 - 10)[:, None]
    dirty = logits.clone()
    dirty[..., 128:, :] = 50
    assert mask_losses(dirty, target, inside).item() == mask_losses(logits, target, inside).item()
    assert overlap(dirty, target, inside).item() == 1


def test_the_best_candidate_and_every_score_learn():
    target = square(40, 60)
    right, wrong = (target * 20 - 10)[:, None], (square(90, 99) * 20 - 10)[:, None]
    logits = torch.cat([wrong, right, wrong], dim=1).requires_grad_()
    scores = torch.tensor([[0.9, 0.2, 0.0]], requires_grad=True)
    prompt_loss(logits, scores, target, INSIDE).backward()
    # the first score is too high, the second too low, the third right
    assert scores.grad[0, 0] > 0 > scores.grad[0, 1]
    assert scores.grad[0, 2] == 0
    first = mask_losses(logits, target, INSIDE)
    assert first[0].argmin() == 1


def test_a_cell_that_is_covered_by_half_is_wanted_by_half():
    target = square(40, 60) * 0.5
    losses = [mask_losses((target * 0 + at)[:, None], target, INSIDE).item() for at in (-3, 3)]
    edge = torch.zeros(1, 1, 256, 256)
    alone = torch.zeros(256, 256)
    alone[40:60, 40:60] = 1
    assert mask_losses(edge, target, alone).item() < 0.05
    assert min(losses) > 0.05


def test_a_candidate_of_the_whole_image_does_not_outweigh_the_rest():
    """Divided by the cells of the object alone it would cost thousands."""
    everything = torch.full((1, 1, 256, 256), 5.0)
    assert mask_losses(everything, square(40, 44), INSIDE).item() < 7
