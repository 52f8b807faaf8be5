"""Error matrices: scores of classes, and which class is taken for which."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from sam_geo.map_report.error_matrix import MOST_TOLD, ErrorMatrix, Mistake

COUNTS = [[26, 2, 0, 0], [3, 15, 1, 1], [0, 2, 34, 0], [0, 0, 0, 13]]
NAMES = ["forest", "pasture", "urban", "water"]


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed):
    chance = np.random.default_rng(seed)
    truth, found = chance.integers(0, 5, (2, 400))
    truth[truth == 4] = 3  # a class that nothing is
    counts = np.zeros((5, 5), dtype=int)
    np.add.at(counts, (truth, found), 1)
    users, producers, f1, support = precision_recall_fscore_support(
        truth, found, labels=range(5), zero_division=0
    )
    scores = ErrorMatrix.of("abcde", counts.tolist()).scores()
    assert [one.truth for one in scores] == support.tolist()
    assert [one.users for one in scores[:4]] == pytest.approx(users[:4].tolist())
    assert [one.producers or 0 for one in scores] == pytest.approx(producers.tolist())
    assert [one.f1 for one in scores[:4]] == pytest.approx(f1[:4].tolist())
    assert (scores[4].producers, scores[4].users, scores[4].f1) == (None, None, None)


def test_what_is_taken_for_what_stands_by_its_number():
    forest, pasture, *_, water = ErrorMatrix.of(NAMES, COUNTS).scores()
    assert pasture.lost_to == (Mistake("forest", 3), Mistake("urban", 1), Mistake("water", 1))
    assert pasture.taken_from == (Mistake("forest", 2), Mistake("urban", 2))
    assert (pasture.truth, pasture.found, pasture.right) == (20, 19, 15)
    assert forest.taken_from == (Mistake("pasture", 3),)
    assert (water.lost_to, water.producers) == ((), 1)


def test_the_weakest_come_first_and_right_classes_not_at_all():
    counts = np.diag([10, 10, 10, 10, 10, 10])
    counts[0, 1] = counts[2, 3] = 1
    counts[2, 1] = 4
    weakest = ErrorMatrix.of("abcdef", counts.tolist()).weakest()
    assert [one.name for one in weakest] == ["b", "c", "a"]
    assert len(weakest) == MOST_TOLD
    assert ErrorMatrix.of("ab", [[3, 0], [0, 4]]).weakest() == []


def test_a_class_that_was_never_found_is_the_weakest():
    assert ErrorMatrix.of("ab", [[0, 3], [0, 4]]).weakest()[0].name == "a"


def test_classes_without_a_tested_sample():
    """Whatever is called so is wrong, which says nothing of the class."""
    matrix = ErrorMatrix.of("abc", [[3, 1, 0], [0, 0, 0], [0, 0, 4]])
    assert matrix.untested() == ["b"]
    assert [one.name for one in matrix.weakest()] == ["a"]
    assert matrix.scores()[1].found == 1
    assert matrix.scores()[1].users is None
    assert matrix.shares.tolist() == [[0.75, 0.25, 0], [0, 0, 0], [0, 0, 1]]
