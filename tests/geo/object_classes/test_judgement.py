"""Precision and recall, on places that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_common.errors import PromptError
from sam_geo.object_classes.judgement import judge


def squares(*columns):
    return np.array([shapely.box(40 * c, 0, 40 * c + 10, 10) for c in columns], dtype=object)


TRUTH = squares(0, 1, 2, 3, 4)
FOUND = squares(0, 1, 2, 3, 7)
ALL = np.ones(5, dtype=bool)
SAID = np.array([True, False, False, False, False])


def test_by_hand():
    # of 1, 2, 3 and 4 are 1, 2 and 3 found, and one that is none comes second
    chances = np.array([1.0, 0.9, 0.7, 0.6, 0.8])
    found = judge(FOUND, chances, ALL, SAID, TRUTH)
    assert found.objects == 4
    assert found.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    assert found.recall.tolist() == pytest.approx([1 / 4, 1 / 4, 2 / 4, 3 / 4])
    assert found.average_precision == pytest.approx((1 + 3 / 4 + 3 / 4) / 4)
    assert found.at(0.75) == {"precision": 0.5, "recall": 0.25}
    assert found.at(0.99) == {"precision": None, "recall": 0.0}
    assert found.reachable == 3 / 4
    record = found.as_record(0.5)
    assert (record["found"], record["expected"]) == (4, pytest.approx(3.0))


def test_it_is_that_of_scikit_learn_where_nothing_is_missed():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    chances = rng.permutation(np.linspace(0.1, 0.9, 30))
    shapes, is_one = squares(*range(30)), rng.random(30) < 0.5
    is_one[0], chances[0] = True, 1.0
    said = np.arange(30) == 0
    found = judge(shapes, chances, np.ones(30, bool), said, shapes[is_one])
    # without the envelope of precision over recall
    right = np.diff(found.recall, prepend=0) > 0
    plain = (found.precision * right).sum() / found.objects
    apart = ~said
    apart &= np.isin(np.arange(30), np.flatnonzero(apart))
    assert plain == pytest.approx(average_precision_score(is_one[apart], chances[apart]), abs=0.02)


def test_a_true_object_counts_once_and_covered_ones_do_not():
    twice = np.concatenate([FOUND, FOUND[1:2]])
    chances = np.array([1.0, 0.9, 0.7, 0.6, 0.1, 0.95])
    said = np.append(SAID, False)
    found = judge(twice, chances, np.ones(6, dtype=bool), said, TRUTH)
    assert found.precision[:2].tolist() == [1, 0.5]
    chosen = np.array([True, False, True, True, True, True])
    assert judge(twice, chances, chosen, said, TRUTH).precision[:2].tolist() == [1, 1]


def test_nothing_left_to_judge():
    with pytest.raises(PromptError, match="all 5 true objects lie in the squares"):
        judge(TRUTH, np.ones(5), ALL, ALL, TRUTH)
