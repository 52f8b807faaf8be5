"""Probability samples: their sizes, their chances, and that nothing but the seed changes them."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from affine import Affine
from class_maps import NAMES
from scipy import stats

from sam_common.errors import InputError
from sam_geo.accuracy.draw import Stratum, allocate, draw_sample
from sam_geo.class_maps import class_map
from sam_geo.class_maps.class_map import open_class_map


@pytest.fixture
def drawn(write_map, thirds):
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        return draw_sample(classes, 300, "proportional")


def test_points_lie_in_their_strata_and_none_is_there_twice(drawn, thirds):
    values = [stratum.value for stratum in drawn.strata]
    rows, cols = drawn.cells.T
    assert np.array_equal(thirds[rows, cols], np.array(values)[drawn.stratum_of])
    assert len({tuple(cell) for cell in drawn.cells.tolist()}) == 300
    assert [stratum.name for stratum in drawn.strata] == ["water", "forest", "town"]
    assert np.bincount(drawn.stratum_of).tolist() == [30, 180, 90]


def test_weights_add_up_to_the_area(drawn, thirds):
    assert drawn.weights_m2.sum() == pytest.approx((thirds > 0).sum() * 100, rel=1e-3)
    areas = [stratum.area_m2 for stratum in drawn.strata]
    assert np.bincount(drawn.stratum_of, drawn.weights_m2) == pytest.approx(areas)


def test_the_order_of_points_tells_nothing_of_their_class(drawn):
    """A run of points of one class would lead who checks them."""
    changes = np.count_nonzero(np.diff(drawn.stratum_of))
    expected = 299 * (1 - (0.1**2 + 0.6**2 + 0.3**2))
    assert abs(changes - expected) < 4 * np.sqrt(299 * 0.25)


@pytest.mark.parametrize("side", [17, 64])
def test_windows_change_no_sample(write_map, thirds, drawn, monkeypatch, side):
    monkeypatch.setattr(class_map, "SIDE", side)
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        steps: list[None] = []
        again = draw_sample(classes, 300, "proportional", progress=counting(steps))
    assert np.array_equal(again.cells, drawn.cells)
    assert len(steps) == -(-90 // side) * -(-120 // side)


def counting(steps):
    """Progress that keeps a step in a list."""

    @contextmanager
    def progress(_description, _total):
        yield steps.append

    return progress


def test_another_seed_draws_another_sample(write_map, thirds, drawn):
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        other = draw_sample(classes, 300, "proportional", seed=1)
    both = {tuple(cell) for cell in drawn.cells.tolist()} & {
        tuple(cell) for cell in other.cells.tolist()
    }
    assert len(both) < 30


def test_every_pixel_of_one_size_has_the_same_chance(write_map):
    values = np.ones((20, 30))
    counts = np.zeros(values.shape)
    with open_class_map(write_map(values)) as classes:
        for seed in range(400):
            drawn = draw_sample(classes, 60, "equal", seed=seed)
            np.add.at(counts, tuple(drawn.cells.T), 1)
    assert counts.sum() == 400 * 60
    # the variance of a count is n p (1 - p): a chi-squared test of 600 cells
    statistic = ((counts - 40) ** 2 / (40 * 0.9)).sum()
    assert stats.chi2.sf(statistic, counts.size - 1) > 1e-3
    assert stats.chi2.cdf(statistic, counts.size - 1) > 1e-3


def test_chances_go_by_the_true_area(write_map):
    """From 0 to 80 degrees north: a pixel near the pole is a fifth of one at the equator."""
    transform = Affine(0.5, 0, 0, 0, -1, 80)
    values = np.ones((80, 200))
    per_row = np.zeros(80)
    with open_class_map(write_map(values, crs="EPSG:4326", transform=transform)) as classes:
        for seed in range(40):
            rows = draw_sample(classes, 200, "equal", seed=seed).cells[:, 0]
            per_row += np.bincount(rows, minlength=80)
    area = np.cos(np.radians(79.5 - np.arange(80)))
    expected = per_row.sum() * area / area.sum()
    statistic = ((per_row - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(statistic, 79) > 1e-3


def strata_of(*areas: float, probabilities=None, pixels: int = 10_000) -> tuple[Stratum, ...]:
    probabilities = probabilities or [None] * len(areas)
    return tuple(
        Stratum(n, str(n), area, pixels, probability)
        for n, (area, probability) in enumerate(zip(areas, probabilities, strict=True))
    )


def test_allocations():
    strata = strata_of(90, 9, 1, probabilities=[0.9, 0.5, 0.99])
    assert allocate(strata, 300, "equal") == [100, 100, 100]
    # the rare class gets its 25, the others share what is left
    assert allocate(strata, 1000, "proportional") == [886, 89, 25]
    # 90 sqrt(.09) = 27, 9 sqrt(.25) = 4.5, 1 sqrt(.0475) = .2
    assert allocate(strata, 1000, "neyman") == [836, 139, 25]


def test_a_class_gives_no_more_points_than_it_has_pixels():
    strata = strata_of(90, 10)
    few = (strata[0], Stratum(1, "few", 10, 4, None))
    assert allocate(few, 100, "equal") == [96, 4]
    assert allocate((few[1],), 100, "equal") == [4]


def test_every_class_needs_two_points():
    with pytest.raises(InputError) as caught:
        allocate(strata_of(1, 2, 3), 5, "equal")
    assert str(caught.value) == (
        "--size 5 is too few for 3 classes: each needs 2 points or more for an interval, so give 6 "
        "at the least"
    )
    assert allocate(strata_of(1, 2, 3), 6, "proportional") == [2, 2, 2]


def test_neyman_needs_probabilities(write_map, thirds):
    with open_class_map(write_map(thirds)) as classes, pytest.raises(InputError) as caught:
        draw_sample(classes, 100, "neyman")
    assert str(caught.value) == (
        "--allocation neyman needs the probabilities of the map's classes (a second band in per "
        "cent): use proportional or equal"
    )
    sure = np.where(thirds == 7, 55, 99)
    with open_class_map(write_map(thirds, probability=sure)) as classes:
        drawn = draw_sample(classes, 300, "neyman")
    assert drawn.strata[2].probability == pytest.approx(0.55)
    # 600 sqrt(.95 x .05) to 300 sqrt(.55 x .45)
    assert np.bincount(drawn.stratum_of).tolist() == [25, 128, 147]


def test_a_map_without_classes_gives_no_sample(write_map):
    path = write_map(np.zeros((5, 5)))
    with open_class_map(path) as classes, pytest.raises(InputError) as caught:
        draw_sample(classes, 10, "equal")
    assert str(caught.value) == f"{path} has no pixel with a class: nothing can be drawn"
