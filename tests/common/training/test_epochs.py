from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sam_common.training.checkpoint_file import Epoch, read_state, write_state
from sam_common.training.epochs import first_state, is_over, run_epoch
from sam_common.training.options import TrainingOptions
from sam_common.training.practice import practise

QUICK = TrainingOptions(epochs=3, patience=3, views=2, learning_rate=1e-3, rank=2)


def run(course, state, epochs):
    for _ in range(epochs):
        state = run_epoch(course, state)
    return state


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one) and one.keys() == other.keys()


def test_what_is_practised_gets_better(make_course):
    """The same prompts, before and after."""
    course = make_course(replace(QUICK, epochs=4, learning_rate=2e-5))
    regions = [course.views.region(0, 0, one) for one in course.views.images[0].of("learn")]
    start = first_state(course)
    before, _ = practise(course, 0, 0, regions, np.random.default_rng(0))
    course.trainable.network.zero_grad()
    state = run(course, start, 4)
    after, _ = practise(course, 0, 0, regions, np.random.default_rng(0))
    assert after < before
    assert [epoch.loss is None for epoch in state.history] == [True, *[False] * 4]
    assert state.steps == 4  # four objects are one batch


@pytest.mark.parametrize("parts", ["decoder", "both"])
def test_an_interrupted_run_goes_on_to_the_same_weights(make_course, tmp_path, parts):
    options = replace(QUICK, parts=parts)
    course = make_course(options)
    whole = run(course, first_state(course), 2)
    other = make_course(options)
    write_state(tmp_path / "s.safetensors", run(other, first_state(other), 1))
    resumed = run(make_course(options), read_state(tmp_path / "s.safetensors"), 1)
    assert resumed.history == whole.history
    for name in ("values", "mean", "best", "first", "second"):
        assert same(getattr(resumed, name), getattr(whole, name)), name


def test_what_is_judged_is_the_mean_of_the_last_steps(make_course):
    """The course has one step in an epoch, so the third epoch still sees the base."""
    course = make_course(QUICK)
    state = first_state(course)
    seen = [state.values]
    for _ in range(2):
        state = run_epoch(course, state)
        seen.append(state.values)
    assert course.batches == 1
    for name, value in state.mean.items():
        torch.testing.assert_close(value, sum(one[name] for one in seen) / 3)
    assert same(course.trainable.values(), state.mean)


def test_another_seed_gives_other_weights(make_course):
    states = []
    for seed in (0, 1):
        course = make_course(replace(QUICK, seed=seed))
        states.append(run(course, first_state(course), 1))
    assert not same(states[0].values, states[1].values)


def test_the_encoder_learns_alone(make_course):
    course = make_course(replace(QUICK, parts="encoder"))
    before = {n: p.clone() for n, p in course.trainable.network.mask_decoder.named_parameters()}
    state = run(course, first_state(course), 1)
    assert all(
        torch.equal(before[n], p)
        for n, p in course.trainable.network.mask_decoder.named_parameters()
    )
    assert any(value.any() for name, value in state.values.items() if name.startswith("low_rank_b"))


def test_the_best_epoch_is_kept(make_course):
    course = make_course(replace(QUICK, learning_rate=0.5))  # ruins the network
    state = run(course, first_state(course), 1)
    assert state.history[1].stop < state.history[0].stop
    assert state.best_epoch.number == 0
    untouched = make_course().trainable.values()
    assert same(state.best, untouched)


def test_training_ends_without_a_gain(make_course):
    course = make_course(replace(QUICK, epochs=9, patience=2))
    state = first_state(course)
    assert not is_over(course, state)
    state.history = [Epoch(0, None, 0.5), Epoch(1, 1.0, 0.6), Epoch(2, 1.0, 0.6)]
    assert not is_over(course, state)
    state.history.append(Epoch(3, 1.0, 0.59))
    assert is_over(course, state)
    state.history.append(Epoch(9, 1.0, 0.7))
    assert is_over(course, state)


def test_each_step_of_an_epoch_is_told_and_can_end_it(make_course):
    course = make_course(replace(QUICK, batch=1))
    heard = []
    run_epoch(course, first_state(course), heard.append)
    assert heard == [0] * course.batches == [0] * 4

    def stop(_done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_epoch(course, first_state(course), stop)
