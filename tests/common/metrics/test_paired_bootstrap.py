from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sam_common.errors import InputError
from sam_common.metrics.paired_bootstrap import paired_gain


def test_the_interval_is_that_of_a_normal_sample():
    """For many values the interval is that of the t test."""
    values = np.random.default_rng(0).normal(0.1, 0.2, 200)
    gain = paired_gain(values)
    expected = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert gain.mean == pytest.approx(values.mean())
    assert (gain.low, gain.high) == pytest.approx(expected, abs=0.003)
    assert gain.is_sure
    assert gain.units == 200


def test_few_values_have_a_wide_interval():
    """Chance alone shows a sure gain in about one sample of forty, even of five values."""
    random = np.random.default_rng(1)
    sure = [paired_gain(random.normal(0, 1, 5), seed=n).is_sure for n in range(300)]
    assert np.mean(sure) < 0.07


def test_observations_of_one_unit_count_once():
    values = np.random.default_rng(2).normal(0, 1, 12)
    alone = paired_gain(values)
    repeated = paired_gain(np.repeat(values, 9), [str(n // 9) for n in range(108)])
    assert repeated.units == 12
    assert repeated.low == pytest.approx(alone.low, abs=0.1)
    assert paired_gain(np.repeat(values, 9)).low > alone.low + 0.2


def test_one_unit_says_nothing():
    gain = paired_gain([0.5, 0.6], ["a", "a"])
    assert (gain.low, gain.high) == (-np.inf, np.inf)
    assert not gain.is_sure
    with pytest.raises(InputError, match="at least one observation"):
        paired_gain([])
