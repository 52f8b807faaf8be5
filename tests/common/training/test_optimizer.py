from __future__ import annotations

import pytest
import torch
from small_networks import learning_network

from sam_common.training.checkpoint_file import TrainingState
from sam_common.training.optimizer import (
    AVERAGED,
    LOWEST,
    RISE,
    follow_mean,
    optimizer_of,
    state_after,
    step_size,
)
from sam_common.training.options import TrainingOptions
from sam_common.training.trainable import Trainable


def test_the_step_size_rises_and_falls():
    assert step_size(2.0, RISE) == pytest.approx(2.0)
    assert step_size(2.0, RISE / 2) == pytest.approx(1.0)
    assert step_size(2.0, 1.0) == pytest.approx(2.0 * LOWEST)
    sizes = [step_size(1.0, n / 40) for n in range(1, 41)]
    top = sizes.index(max(sizes))
    assert sizes[:top] == sorted(sizes[:top])
    assert sizes[top:] == sorted(sizes[top:], reverse=True)


def steps(trainable, optimizer, count, seed):
    generator = torch.Generator().manual_seed(seed)
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[-1]["lr"] = 0.01
    for _ in range(count):
        for parameter in trainable.parameters().values():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def test_moments_go_on_where_they_were():
    """Two steps with a stop between are two steps."""
    found = []
    for stops in (False, True):
        trainable = Trainable(learning_network(3), TrainingOptions(parts="both", rank=2))
        values = trainable.values()
        zeros = {name: torch.zeros_like(value) for name, value in values.items()}
        state = TrainingState(values, values, values, zeros, dict(zeros))
        optimizer = optimizer_of(trainable, state)
        steps(trainable, optimizer, 1, 0)
        if stops:
            state = state_after(trainable, optimizer, state)
            optimizer = optimizer_of(trainable, state)
        steps(trainable, optimizer, 1, 1)
        found.append(state_after(trainable, optimizer, state))
    for name, value in found[0].values.items():
        assert torch.equal(value, found[1].values[name])
        assert torch.equal(found[0].second[name], found[1].second[name])
    assert found[0].steps == found[1].steps == 2


def test_only_low_rank_changes_decay():
    trainable = Trainable(learning_network(3), TrainingOptions(parts="both", rank=2))
    state = TrainingState(trainable.values(), {}, {}, {}, {})
    whole, low_rank = optimizer_of(trainable, state).param_groups
    assert (whole["weight_decay"], low_rank["weight_decay"] > 0) == (0.0, True)
    assert len(whole["params"]) + len(low_rank["params"]) == len(trainable.parameters())


def test_the_mean_forgets_what_is_long_ago():
    trainable = Trainable(learning_network(3), TrainingOptions())
    mean = {name: torch.zeros_like(value) for name, value in trainable.values().items()}
    follow_mean(mean, trainable, 1, 5)
    for name, value in trainable.values().items():
        torch.testing.assert_close(mean[name], value / 2)  # of the base, zero here, and one step
    before = {name: value.clone() for name, value in mean.items()}
    follow_mean(mean, trainable, 1000, 5)
    for name, value in trainable.values().items():
        share = 1 / (AVERAGED * 5)
        torch.testing.assert_close(mean[name], before[name] * (1 - share) + value * share)
