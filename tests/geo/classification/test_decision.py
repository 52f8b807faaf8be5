"""From probabilities to classes, within objects and across blocks."""

from __future__ import annotations

import numpy as np

from sam_common.tiled_job.parts import Part
from sam_geo.classification.decision import SURE, ObjectClasses, most_probable, object_sums


def test_the_most_probable_class_counts_from_one():
    classes, per_cent = most_probable(np.array([[0.2, 0.8], [0.5, 0.5], [0.999, 0.001]]))
    assert classes.tolist() == [2, 1, 1]
    assert per_cent.tolist() == [80, 50, 100]


def test_a_probability_is_never_nodata():
    chances = np.full((1, 250), 1 / 250)
    assert most_probable(chances)[1].tolist() == [1]


def classified(objects, chances, parts=1):
    """Classes of objects whose pixels come in several blocks."""
    known = ObjectClasses()
    for part in np.array_split(np.arange(len(objects)), parts):
        known.add(Part(arrays=object_sums(objects[part], chances[part].astype(np.float32))))
    classes, per_cent = most_probable(chances)
    return known.apply(objects[None], classes[None], per_cent[None])


def test_an_object_has_one_class():
    objects = np.array([7, 7, 7, -1])
    chances = np.array([[0.6, 0.4], [0.7, 0.3], [0.4, 0.6], [0.4, 0.6]])
    classes, per_cent = classified(objects, chances)
    assert classes.tolist() == [[1, 1, 1, 2]]
    assert per_cent.tolist() == [[57, 57, 57, 60]]


def test_a_pond_stays_in_its_field():
    objects = np.zeros(10, dtype=np.int64)
    chances = np.array([[0.9, 0.1]] * 8 + [[0.05, 0.95]] + [[0.3, 0.7]])
    classes, per_cent = classified(objects, chances)
    assert classes.tolist() == [[1] * 8 + [2, 1]]
    assert per_cent[0, 8] == 95 >= SURE


def test_blocks_make_no_difference():
    rng = np.random.default_rng(3)
    objects = rng.integers(-1, 6, 400)
    chances = rng.dirichlet([1, 1, 1], 400)
    whole = classified(objects, chances)
    for parts in (2, 7):
        for one, other in zip(whole, classified(objects, chances, parts), strict=True):
            assert np.array_equal(one, other)


def test_nodata_and_unknown_objects_stay():
    known = ObjectClasses()
    nothing = np.zeros((1, 2), dtype=np.uint8)
    assert known.apply(np.array([[3, 4]]), nothing, nothing)[0].tolist() == [[0, 0]]
    known.add(Part(arrays=object_sums(np.array([3]), np.array([[0.1, 0.9]], dtype=np.float32))))
    classes, _ = known.apply(
        np.array([[3, 9, 3]]), np.array([[0, 1, 1]], np.uint8), np.full((1, 3), 60, np.uint8)
    )
    assert classes.tolist() == [[0, 1, 2]]
