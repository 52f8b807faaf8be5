"""Optimizer: AdamW that goes on from a kept state, and its step size.

Decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101) draws low-rank changes towards
zero, which is the base; the decoder has none, as zero is no place to go for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from sam_common.training.checkpoint_file import TrainingState

if TYPE_CHECKING:
    from sam_common.training.trainable import Trainable

RISE = 0.15
"""Part of all steps in which the step size rises to its value: the moments of the optimiser begin
at zero, and its first steps would be the largest."""
LOWEST = 0.05
"""Step size at the end, as a part of the highest."""
DECAY = 0.01
"""Weight decay of low-rank changes."""
BETAS = (0.9, 0.99)
"""Part of the moments that stays at each step; there are few steps, so the second forgets faster
than is usual."""
AVERAGED = 3
"""Epochs over which weights are averaged."""


def step_size(highest: float, share: float) -> float:
    """Step size after a share of all steps: a rise, then half a cosine (arXiv 1608.03983).

    >>> [round(step_size(1.0, share), 3) for share in (0.03, 0.15, 0.575, 1.0)]
    [0.2, 1.0, 0.525, 0.05]
    """
    if share <= RISE:
        return highest * share / RISE
    fallen = (1 + math.cos(math.pi * (share - RISE) / (1 - RISE))) / 2
    return highest * (LOWEST + (1 - LOWEST) * fallen)


def optimizer_of(trainable: Trainable, state: TrainingState) -> torch.optim.AdamW:
    """AdamW that goes on from a state."""
    parameters = trainable.parameters()
    whole = [parameter for name, parameter in parameters.items() if ":" not in name]
    low_rank = [parameter for name, parameter in parameters.items() if ":" in name]
    groups = [
        {"params": some, "lr": 0.0, "weight_decay": decay}
        for some, decay in ((whole, 0.0), (low_rank, DECAY))
        if some
    ]
    optimizer = torch.optim.AdamW(groups, betas=BETAS)
    if state.steps:
        for name, parameter in parameters.items():
            optimizer.state[parameter] = {
                "step": torch.tensor(float(state.steps)),
                "exp_avg": state.first[name].to(parameter.device).clone(),
                "exp_avg_sq": state.second[name].to(parameter.device).clone(),
            }
    return optimizer


def state_after(
    trainable: Trainable, optimizer: torch.optim.AdamW, state: TrainingState
) -> TrainingState:
    """The state of the network and the optimiser now; a weight that was not used has no moments.

    The mean is that of the state, and goes on by `running_mean` after each step.
    """
    first, second, steps = {}, {}, state.steps
    for name, parameter in trainable.parameters().items():
        known = optimizer.state.get(parameter, {})
        first[name] = known.get("exp_avg", state.first[name])
        second[name] = known.get("exp_avg_sq", state.second[name])
        steps = max(steps, int(known.get("step", 0)))
    return TrainingState(trainable.values(), state.mean, state.best, first, second, steps)


@torch.no_grad()
def follow_mean(
    mean: dict[str, torch.Tensor], trainable: Trainable, steps: int, per_epoch: int
) -> None:
    """Move the running mean of the weights on by the network as it is now, in place.

    With few objects the weights swing from step to step by more than an epoch gains; their mean
    does not (Polyak and Juditsky 1992; as an exponential mean, Tarvainen and Valpola 2017, arXiv
    1703.01780). It begins as the plain mean of all steps, the base among them.

    Args:
        mean: By name, the base before the first step.
        trainable: After a step.
        steps: Steps so far, this one included.
        per_epoch: Steps of an epoch.
    """
    share = 1 / min(steps + 1, AVERAGED * per_epoch)
    for name, parameter in trainable.parameters().items():
        mean[name].lerp_(parameter.detach(), share)
