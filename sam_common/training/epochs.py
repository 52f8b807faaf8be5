"""Epochs: passes over the images to learn from, until the stopping part no longer gains.

```
for each image, in one of its views: a few objects at once -> practice -> a step of the optimiser
after each epoch: mean IoU of the stopping part, by the mean of the last weights
                  -> the best epoch is kept
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sam_common.masks.region_overlap import region_iou
from sam_common.training.answers import answers
from sam_common.training.checkpoint_file import Epoch, TrainingState
from sam_common.training.optimizer import follow_mean, optimizer_of, state_after, step_size
from sam_common.training.practice import practise

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.training.course import Course

LONGEST = 1.0
"""Gradients are scaled down to this norm."""


def first_state(course: Course) -> TrainingState:
    """The state before the first epoch: the base, and how it does on the stopping part."""
    values = course.trainable.values()
    zeros = {name: torch.zeros_like(value) for name, value in values.items()}
    again = {name: value.clone() for name, value in zeros.items()}
    start = Epoch(0, None, stopping_score(course))
    mean, best = course.trainable.values(), course.trainable.values()
    return TrainingState(values, mean, best, zeros, again, 0, [start])


def is_over(course: Course, state: TrainingState) -> bool:
    """Whether the last epoch is done, or the stopping part has not gained for long."""
    done = state.history[-1].number
    return done >= course.epochs or done - state.best_epoch.number >= course.patience


def run_epoch(
    course: Course, state: TrainingState, told: Callable[[int], None] | None = None
) -> TrainingState:
    """Do one epoch more.

    Args:
        course: What is learned; its network is left as the mean of the last steps.
        state: After the epoch before.
        told: Called with 0 before each step of the optimiser; what it raises ends the epoch.
    """
    number = state.history[-1].number + 1
    random = np.random.default_rng([course.options.seed, number])
    course.trainable.load(state.values)
    optimizer = optimizer_of(course.trainable, state)
    mean = {name: value.clone() for name, value in state.mean.items()}
    done = 0
    losses, prompts = 0.0, 0
    images = [n for n, image in enumerate(course.views.images) if image.of("learn")]
    for n in random.permutation(images).tolist():
        v = int(random.integers(len(course.views.views)))
        regions = [course.views.region(n, v, one) for one in course.views.images[n].of("learn")]
        order = random.permutation(len(regions)).tolist()
        for first in range(0, len(order), course.options.batch):
            if told is not None:
                told(0)
            some = [regions[at] for at in order[first : first + course.options.batch]]
            share = (number - 1 + (done := done + 1) / course.batches) / course.epochs
            for group in optimizer.param_groups:
                group["lr"] = step_size(course.options.learning_rate, share)
            loss, count = practise(course, n, v, some, random)
            torch.nn.utils.clip_grad_norm_(course.trainable.parameters().values(), LONGEST)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            follow_mean(mean, course.trainable, state.steps + done, course.batches)
            losses, prompts = losses + loss, prompts + count
    after = state_after(course.trainable, optimizer, state)
    after.mean = mean
    course.trainable.load(mean)
    after.history = [*state.history, Epoch(number, losses / prompts, stopping_score(course))]
    if after.best_epoch.number == number:
        after.best = {name: value.clone() for name, value in mean.items()}
    return after


def stopping_score(course: Course) -> float:
    """Mean IoU of the stopping part by the network as it is now, over all kinds of prompts."""
    segmenter = course.segmenter()
    overlaps: list[float] = []
    for n, image in enumerate(course.views.images):
        if not (wanted := [one.mask for one in image.of("stop")]):
            continue
        embedding = course.embedding(segmenter, n)
        for kind in course.kinds:
            found = answers(segmenter, embedding, wanted, kind, course.pick)
            overlaps += [region_iou(*pair) for pair in zip(wanted, found, strict=True)]
    return float(np.mean(overlaps))
