"""What examples mean among candidates."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sam_geo.learning.similarity import IGNORED, NEGATIVE, POSITIVE, UNLABELLED
from sam_geo.object_classes.examples import Examples, laid_on, read_examples
from sam_geo.raster.source import open_raster

ROOF, HALF, BLOCK, OTHER, TOUCHING, MOST = (
    shapely.box(0, 0, 20, 20),
    shapely.box(0, 0, 4, 20),
    shapely.box(-30, -30, 50, 50),
    shapely.box(100, 0, 120, 20),
    shapely.box(19, 0, 39, 20),
    shapely.box(0, 0, 20, 8),
)
SHAPES = np.array([ROOF, HALF, BLOCK, OTHER, TOUCHING, MOST], dtype=object)


def said(*shapes, signs=None):
    given = np.array(shapes, dtype=object)
    return laid_on(SHAPES, Examples(given, np.array(signs or [POSITIVE] * len(shapes)), ()))


def test_an_outline_means_the_object_that_it_is_like():
    drawn = shapely.box(1, 1, 21, 20)
    found = said(drawn)
    # its part and the block around it are something else, a neighbour is not; 0.4 of it is unsure
    assert found.of_candidates.tolist() == [
        POSITIVE, NEGATIVE, NEGATIVE, UNLABELLED, UNLABELLED, IGNORED,
    ]  # fmt: skip
    assert len(found.outlines) == found.without == 0


def test_an_outline_that_no_candidate_shows():
    away = shapely.box(200, 200, 220, 220)
    found = said(away, ROOF, signs=[NEGATIVE, POSITIVE])
    assert list(found.outlines) == [away]
    assert found.of_outlines.tolist() == [NEGATIVE]


def test_a_refusal_says_nothing_of_what_lies_in_it():
    found = said(BLOCK, signs=[NEGATIVE])
    assert found.of_candidates.tolist() == [UNLABELLED] * 2 + [NEGATIVE] + [UNLABELLED] * 3


def test_the_last_word_counts():
    found = said(ROOF, ROOF, signs=[POSITIVE, NEGATIVE])
    assert found.of_candidates[0] == NEGATIVE


def test_points_mean_objects_of_like_size():
    found = said(shapely.Point(110, 10), shapely.Point(15, 15), shapely.Point(500, 500))
    assert found.of_candidates[[0, 2, 3]].tolist() == [POSITIVE, IGNORED, POSITIVE]
    assert found.without == 1
    refused = said(shapely.Point(110, 10), shapely.Point(15, 15), signs=[POSITIVE, NEGATIVE])
    assert refused.of_candidates[[0, 2, 3]].tolist() == [NEGATIVE, NEGATIVE, POSITIVE]


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        (["1", "0", "yes"], [1, 0, 1]),
        ([True, False, True], [1, 0, 1]),
        ([1.0, 0.0, None], [1, 0, 1]),
        (["accepted", "rejected", "pos"], [1, 0, 1]),
    ],
)
def test_words_of_a_field(similar, scene, write, words, signs):
    import pandas as pd

    table = scene.some("disc", 4).assign(ok=pd.Series([*words, words[0]], dtype=object).to_numpy())
    with open_raster(scene.raster) as grid:
        request = similar(examples=write(table), example_field="OK")
        assert read_examples(request, grid).signs.tolist() == [*signs, signs[0]]
