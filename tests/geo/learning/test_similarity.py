"""Probabilities of objects like a few, on tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from sam_geo.learning.similarity import (
    IGNORED,
    NEGATIVE,
    POSITIVE,
    UNLABELLED,
    find_mixture,
    find_similar,
)


def crowd(kind=60, others=120, shown=8, refused=0, apart=4.0, seed=0):
    """A table, what is known of its rows, and which are of the kind."""
    rng = np.random.default_rng(seed)
    table = rng.normal(0, 1, (kind + others, 10)).astype(np.float32)
    table[:kind, :3] += apart
    known = np.full(len(table), UNLABELLED)
    known[:shown] = POSITIVE
    known[kind : kind + refused] = NEGATIVE
    return table, known, np.arange(len(table)) < kind


@pytest.mark.parametrize("kind", ["discriminant", "logistic"])
@pytest.mark.parametrize("refused", [0, 3, 20])
def test_the_kind_is_found(kind, refused):
    table, known, is_one = crowd(refused=refused)
    chances = find_similar(table, known, kind=kind)
    assert ((chances > 0.5) == is_one).mean() > 0.92
    # so many are promised as there are
    assert chances.sum() == pytest.approx(is_one.sum(), rel=0.15)


def test_probabilities_are_as_often_right_as_they_say():
    promised, right = [], []
    for seed in range(6):
        table, known, is_one = crowd(200, 300, 12, 30, apart=1.2, seed=seed)
        chances = find_similar(table, known, kind="discriminant", seed=seed)
        free = known == UNLABELLED
        promised.append(chances[free])
        right.append(is_one[free])
    promised, right = np.concatenate(promised), np.concatenate(right)
    for low, high in ((0, 0.2), (0.8, 1.01)):
        some = (promised >= low) & (promised < high)
        assert right[some].mean() == pytest.approx(promised[some].mean(), abs=0.12)


def test_nearly_all_may_be_of_the_kind():
    table, known, is_one = crowd(kind=90, others=40, shown=6, refused=40)
    chances = find_similar(table, known, kind="discriminant")
    assert (chances[is_one] > 0.5).mean() > 0.95


def test_what_is_ignored_changes_nothing():
    table, known, _ = crowd(refused=12)
    known[-1] = IGNORED
    one = find_similar(table, known, kind="discriminant")
    table[-1] = 1000
    other = find_similar(table, known, kind="discriminant")
    assert np.array_equal(one[:-1], other[:-1])


def test_a_feature_that_nobody_has():
    table, known, is_one = crowd(refused=12)
    table[:, 9] = np.nan
    table[3, 0] = np.nan
    assert ((find_similar(table, known, kind="logistic") > 0.5) == is_one).mean() > 0.95


def test_a_refusal_counts():
    table, known, _ = crowd(others=40, shown=3, refused=0, apart=2.5)
    table[60:80, 3:6] += 3
    before = find_similar(table, known, kind="discriminant")
    known[60:72] = NEGATIVE
    after = find_similar(table, known, kind="discriminant")
    assert after[72:80].mean() <= before[72:80].mean() + 0.05
    assert after[72:80].max() < 0.5


def test_the_mixture_of_known_curves():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(-3, 1, 400), rng.normal(3, 1, 100)])
    known = np.full(500, UNLABELLED)
    known[-5:] = POSITIVE
    found = find_mixture(scores, known)
    assert found.middles == pytest.approx([-3, 3], abs=0.2)
    assert found.width == pytest.approx(1, abs=0.1)
    assert found.shares[-1] == pytest.approx(95 / 495, abs=0.03)
    rising = found.chances(np.linspace(-9, 9, 50))
    assert (np.diff(rising) >= 0).all()


def test_a_third_curve_has_to_earn_its_place():
    rng = np.random.default_rng(0)
    nothing, others, kind = (rng.normal(m, 1, 60) for m in (-20, 0, 8))
    scores = np.concatenate([nothing, others, kind])
    known = np.repeat([NEGATIVE, UNLABELLED, UNLABELLED], 60)
    known[-6:] = POSITIVE
    found = find_mixture(scores, known)
    assert found.middles == pytest.approx([-20, 0, 8], abs=0.5)
    chances = found.chances(scores)
    assert chances[:120].max() < 0.5 < chances[120:].min()
    without = np.r_[0:60, 120:180]
    assert len(find_mixture(scores[without], known[without]).middles) == 2
