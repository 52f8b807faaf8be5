"""Folds of samples: no group on both sides, every class tested that can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_geo.learning.folds import blocked_splits, random_splits, spatial_groups
from sam_geo.learning.samples import Samples


def samples_of(features):
    """Samples of features given as (class, [(row, col), ...])."""
    cells = np.array([cell for _, part in features for cell in part], dtype=np.int64)
    owner = np.repeat(np.arange(len(features)), [len(part) for _, part in features])
    classes = sorted({name for name, _ in features})
    class_of = np.array([classes.index(name) for name, _ in features])
    rows = tuple(range(len(features)))
    return Samples(tuple(classes), cells, owner, class_of, rows, {}, 0)


def points(places, names):
    return samples_of([(name, [place]) for name, place in zip(names, places, strict=True)])


def test_the_side_comes_from_the_spacing():
    places = [(row, col) for row in range(0, 400, 40) for col in range(0, 400, 40)]
    found = spatial_groups(points(places, ["a", "b"] * 50))
    assert found.side_px == pytest.approx(80)
    assert len(np.unique(found.group_of)) == 25
    # four neighbours share a square
    assert found.group_of[0] == found.group_of[1] == found.group_of[10] == found.group_of[11]
    assert found.group_of[2] != found.group_of[1]


def test_points_in_clusters_are_one_group():
    places, names = [], []
    for n, (row, col) in enumerate([(10, 10), (10, 810), (810, 10), (810, 810)] * 2):
        places += [(row + k % 3 + 30 * (n // 4), col + k // 3) for k in range(9)]
        names += ["ab"[n % 2]] * 9
    found = spatial_groups(points(places, names))
    assert found.side_px >= 90
    for n in range(8):
        assert len(set(found.group_of[9 * n : 9 * n + 9].tolist())) == 1


def test_a_polygon_is_never_split():
    wide = [(row, col) for row in range(100) for col in range(0, 300, 10)]
    features = [("a", wide), ("b", [(500, 500)]), ("a", [(510, 10)]), ("b", [(10, 600)])]
    samples = samples_of(features)
    for learn, test in blocked_splits(samples, spatial_groups(samples)):
        assert not set(samples.feature_of[learn]) & set(samples.feature_of[test])


def test_squares_shrink_until_each_class_is_in_two():
    # both of class b lie close together, the others far apart
    places = [(0, 0), (0, 300), (300, 0), (300, 300), (620, 600), (600, 620)]
    found = spatial_groups(points(places, ["a", "a", "a", "a", "b", "b"]))
    assert (found.group_of[4] != found.group_of[5]).all()


def test_samples_on_one_spot_are_groups_of_their_own():
    found = spatial_groups(points([(5, 5), (5, 5), (5, 6), (5, 6)], ["a", "b", "a", "b"]))
    assert found.side_px == 0
    assert found.group_of.tolist() == [0, 1, 2, 3]


def test_a_class_of_one_sample_is_learned_and_never_tested():
    places = [(row * 50, col * 50) for row in range(4) for col in range(4)]
    samples = points(places, ["a", "b"] * 7 + ["a", "lonely"])
    lonely = samples.classes.index("lonely")
    splits = blocked_splits(samples, spatial_groups(samples))
    assert splits
    for learn, test in splits:
        assert lonely not in samples.pixel_classes[test]
        assert lonely in samples.pixel_classes[learn]


def test_one_testable_class_is_none():
    samples = points([(0, 0), (0, 90), (90, 0)], ["a", "a", "b"])
    assert blocked_splits(samples, spatial_groups(samples)) == []


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.sampled_from("abc")),
        min_size=4, max_size=60,
    ),
    st.integers(0, 3),
)  # fmt: skip
def test_laws_of_blocked_splits(rows, seed):
    samples = points([row[:2] for row in rows], [row[2] for row in rows])
    groups = spatial_groups(samples)
    tested = []
    for learn, test in blocked_splits(samples, groups, seed=seed):
        group = groups.group_of[samples.feature_of]
        assert not set(group[learn]) & set(group[test]) - set(
            group[np.isin(samples.pixel_classes, samples.pixel_classes[test], invert=True)]
        )
        assert len(set(samples.pixel_classes[learn])) > 1
        tested += test.tolist()
    assert len(tested) == len(set(tested))


def test_the_seed_chooses_the_folds():
    places = [(row * 50, col * 50) for row in range(8) for col in range(8)]
    samples = points(places, ["a", "b"] * 32)
    groups = spatial_groups(samples)
    once, again, other = (
        [test.tolist() for _, test in blocked_splits(samples, groups, seed=seed)]
        for seed in (0, 0, 1)
    )
    assert once == again != other


def test_random_splits_test_each_pixel_once():
    samples = points([(0, n) for n in range(20)], ["a"] * 9 + ["b"] * 10 + ["c"])
    found = [test for _, test in random_splits(samples)]
    assert sorted(np.concatenate(found).tolist()) == list(range(19))
    assert len(found) == 5
