"""Trials of features, and the choice among them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from sam_geo.learning.classifier import KINDS
from sam_geo.learning.folds import Groups
from sam_geo.learning.sample_pixels import SamplePixels, pixel_weights
from sam_geo.learning.samples import Samples
from sam_geo.learning.trials import USUAL, Material, Outcome, Trial, candidates, chosen


def samples_of(count=40):
    classes = np.arange(count) % 2
    cells = np.stack([np.arange(count)] * 2, axis=1)
    return Samples(("a", "b"), cells, np.arange(count), classes, tuple(range(count)), {}, 0)


@pytest.fixture
def material():
    samples = samples_of()
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (40, 6)).astype(np.float32)
    table[:, 2] = samples.pixel_classes
    pixels = SamplePixels(table, np.ones(40, dtype=bool))
    return Material(samples, pixels, pixel_weights(samples), "random-forest", 0)


def test_richer_candidates_hold_the_poorer():
    every = candidates(("red", "nir"), ())
    for poor, rich in itertools.pairwise(every):
        assert set(poor.features.names) < set(rich.features.names)


def test_what_was_tested_was_not_learned(material):
    splits = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    # a feature that names each pixel helps nobody who has not learned the pixel
    rows, chances = material.tested(np.array([2]), splits, lambda _: None)
    assert rows.tolist() == [*range(20, 40), *range(20)]
    truth = material.samples.pixel_classes[rows]
    assert (chances.argmax(axis=1) == truth).all()
    _, blind = material.tested(np.array([0, 1]), splits, lambda _: None)
    assert (blind.argmax(axis=1) == truth).mean() < 0.8


def test_a_class_that_was_not_learned_has_no_chance(material):
    of_one = np.flatnonzero(material.samples.pixel_classes == 0)
    mixed = np.append(of_one[:-1], np.flatnonzero(material.samples.pixel_classes == 1)[:1])
    _, chances = material.tested(np.array([0]), [(mixed, of_one[-1:])], lambda _: None)
    assert chances.shape == (1, 2)
    assert chances.sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_tested_where_a_class_was_not_learned(material, kind):
    samples = samples_of()
    classes = np.repeat([0, 1, 2, 3], 10)
    samples = replace(samples, classes=("a", "b", "c", "d"), class_of=classes)
    table = np.random.default_rng(0).normal(0, 0.1, (40, 3)).astype(np.float32)
    table += 5 * classes[:, None]
    pixels = SamplePixels(table, material.pixels.has_data)
    found = replace(material, samples=samples, pixels=pixels, kind=kind)
    learned = np.flatnonzero((classes != 1) & (np.arange(40) % 10 < 8))
    tested = np.flatnonzero(np.arange(40) % 10 >= 8)
    rows, chances = found.tested(np.arange(3), [(learned, tested)], lambda _: None)
    assert (chances[:, 1] == 0).all()
    others = classes[rows] != 1
    assert (chances.argmax(axis=1) == classes[rows])[others].all()


def trial(n, right, rng=None):
    """A trial whose probability of the true class is given for each pixel."""
    truth = samples_of().pixel_classes
    chances = np.empty((40, 2))
    chances[np.arange(40), truth] = right
    chances[np.arange(40), 1 - truth] = 1 - chances[np.arange(40), truth]
    return Trial(candidates(("x",), ())[n], np.array([0]), np.arange(40), chances)


def test_the_usual_one_stays_where_none_is_surely_better(material):
    groups = Groups(np.arange(40) // 4, 1.0)
    rng = np.random.default_rng(0)
    noisy = np.clip(0.7 + rng.normal(0, 0.2, 40), 0.05, 0.95)
    trials = [trial(n, 0.7 if n == USUAL else noisy) for n in range(3)]
    assert chosen(trials, material, groups) is trials[USUAL]


def test_one_that_is_surely_better_is_taken(material):
    groups = Groups(np.arange(40) // 4, 1.0)
    trials = [trial(n, share) for n, share in enumerate((0.6, 0.7, 0.8))]
    assert chosen(trials, material, groups) is trials[2]
    trials = [trial(n, share) for n, share in enumerate((0.9, 0.7, 0.8))]
    assert chosen(trials, material, groups) is trials[0]


def test_no_trial_is_no_choice(material):
    assert chosen([], material, Groups(np.arange(40), 1.0)) is None


def test_figures_of_a_test():
    found = Outcome(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), ("a", "b", "c"))
    assert found.overall == 0.75
    # F1 of a: 4/5, of b: 2/3; c was not tested
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert found.as_record()["counts"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
