"""Classifiers by name, and the temperature of their probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import skops.io

from sam_common.errors import InputError
from sam_geo.learning.classifier import (
    KINDS,
    Balance,
    Calibrated,
    best_temperature,
    check_classifier,
    make_classifier,
    tempered,
)
from sam_geo.learning.model import TRUSTED

EVEN = Balance({0: 1.0, 1: 1.0, 2: 1.0}, (1 / 3, 1 / 3, 1 / 3))


def two_clouds(count=60, seed=0):
    rng = np.random.default_rng(seed)
    classes = np.repeat([0, 1, 2], count // 3)
    table = rng.normal(0, 1, (count, 4)).astype(np.float32) + 3 * classes[:, None]
    return table.astype(np.float32), classes


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_and_has_probabilities(kind):
    table, classes = two_clouds()
    table[3, 1] = np.nan
    fitted = make_classifier(kind, 0, EVEN).fit(table, classes)
    other, truth = two_clouds(seed=1)
    chances = fitted.predict_proba(other)
    assert chances.sum(axis=1) == pytest.approx(np.ones(len(other)))
    assert (chances.argmax(axis=1) == truth).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_makes_it_repeatable(kind):
    table, classes = two_clouds()
    one, two = (
        make_classifier(kind, 7, EVEN).fit(table, classes).predict_proba(table) for _ in range(2)
    )
    assert np.array_equal(one, two)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_kept_without_a_pickle(kind):
    table, classes = two_clouds()
    fitted = Calibrated(make_classifier(kind, 0, EVEN).fit(table, classes), 1.3)
    data = skops.io.dumps(fitted)
    assert set(skops.io.get_untrusted_types(data=data)) <= TRUSTED
    again = skops.io.loads(data, trusted=sorted(TRUSTED))
    assert np.array_equal(again.predict_proba(table), fitted.predict_proba(table))


def test_a_column_without_any_value_is_kept():
    table, classes = two_clouds()
    table[:, 2] = np.nan
    fitted = make_classifier("random-forest", 0, EVEN).fit(table, classes)
    assert fitted.predict_proba(table).shape == (60, 3)


def test_a_classifier_of_the_user():
    table, classes = two_clouds()
    fitted = make_classifier("sklearn.naive_bayes:GaussianNB", 0, EVEN).fit(table, classes)
    assert fitted.predict_proba(table).shape == (60, 3)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("forest", "no classifier 'forest': choose one of ensemble"),
        ("no_such_module:make", "no_such_module"),
        ("sklearn.naive_bayes:Missing", "Missing"),
        ("sklearn.dummy:DummyRegressor", "DummyRegressor, which is no classifier"),
        ("json:dumps", "cannot be made"),
    ],
)
def test_a_name_that_gives_none(name, why):
    with pytest.raises(InputError, match=why):
        check_classifier(name)
    with pytest.raises(InputError, match=why):
        make_classifier(name, 0, EVEN)


def test_a_temperature_of_one_changes_little_and_keeps_the_order():
    chances = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    assert tempered(chances, 1.0) == pytest.approx(chances, abs=2e-3)
    for temperature in (0.3, 4.0):
        found = tempered(chances, temperature)
        assert found.sum(axis=1) == pytest.approx(np.ones(50))
        assert np.array_equal(found.argmax(axis=1), chances.argmax(axis=1))


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_of_a_known_distortion_is_found(true):
    rng = np.random.default_rng(3)
    right = rng.dirichlet([1, 1, 1], 20_000)
    classes = np.array([rng.choice(3, p=row) for row in right])
    # what was raised to a power is brought back by that power as temperature
    distorted = right**true
    distorted /= distorted.sum(axis=1, keepdims=True)
    found = best_temperature(distorted, classes, np.ones(len(classes)))
    assert found == pytest.approx(true, rel=0.06)


def test_weights_count():
    chances = np.tile([[0.7, 0.3]], (200, 1))
    classes = np.repeat([0, 1], 100)
    even = best_temperature(chances, classes, np.ones(200))
    sure = best_temperature(chances, classes, np.where(classes == 0, 10.0, 0.1))
    assert sure < 1 < even


def test_a_class_counts_as_the_root_of_its_samples():
    known = np.repeat([0, 2], [900, 100])
    learned = np.repeat([0, 2], [150, 100])
    balance = Balance.of(known, learned)
    assert balance.priors == pytest.approx((0.75, 0.25))
    sums = np.array([150, 100]) * [balance.weights[0], balance.weights[2]]
    assert sums == pytest.approx([250 * 0.75, 250 * 0.25])


@pytest.mark.parametrize("kind", KINDS)
def test_the_balance_decides_where_nothing_else_does(kind):
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (400, 2)).astype(np.float32)
    classes = np.arange(400) % 2
    found = [
        make_classifier(kind, 0, Balance({0: one, 1: 1 - one}, (one, 1 - one)))
        .fit(table, classes)
        .predict_proba(rng.normal(0, 1, (300, 2)))[:, 0]
        .mean()
        for one in (0.1, 0.9)
    ]
    assert found[0] < 0.35
    assert found[1] > 0.65
