"""Design-based estimates: the worked example of Olofsson et al. 2014, another implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.errors import InputError
from sam_geo.accuracy.estimates import Sample, estimate

NAMES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Table 8 of the paper: map classes are rows, reference classes are columns."""
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
PIXEL_M2 = 900.0
HECTARE_M2 = 10_000.0


def sample_of(counts: np.ndarray, areas: np.ndarray) -> Sample:
    """Points of an error matrix whose strata are the classes of the map."""
    mapped, reference = np.nonzero(counts)
    times = counts[mapped, reference]
    mapped, reference = np.repeat(mapped, times), np.repeat(reference, times)
    names = tuple(str(n) for n in range(len(areas)))
    return Sample(mapped, mapped, reference, np.asarray(areas, dtype=float), names)


@pytest.fixture
def worked():
    return estimate(sample_of(COUNTS, PIXELS * PIXEL_M2), NAMES, PIXELS * PIXEL_M2)


def test_accuracies_of_the_worked_example(worked):
    assert f"{worked.overall.value:.2f} {worked.overall.margin:.2f}" == "0.95 0.02"
    users = [f"{one.users.value:.2f} {one.users.margin:.2f}" for one in worked.classes]
    assert users == ["0.88 0.07", "0.73 0.10", "0.93 0.04", "0.96 0.02"]
    producers = [f"{one.producers.value:.2f} {one.producers.margin:.2f}" for one in worked.classes]
    assert producers == ["0.75 0.21", "0.85 0.25", "0.93 0.03", "0.96 0.02"]


def test_areas_of_the_worked_example(worked):
    hectares = [one.area_m2.times(1 / HECTARE_M2) for one in worked.classes]
    assert [round(one.value) for one in hectares] == [21_158, 11_686, 285_770, 581_386]
    # the paper multiplies a standard error by 1.96
    margins = [round(1.96 * one.standard_error) for one in hectares]
    assert margins == [6_158, 3_756, 15_510, 16_282]


def test_no_error_was_seen_and_none_is_made_by_rounding():
    areas = np.array([168.797, 282.392, 204.547])
    found = estimate(sample_of(np.diag([15, 26, 19]), areas), ("a", "b", "c"), areas)
    for one in found.classes:
        for figure in (one.area_m2, one.users, one.producers):
            assert figure.standard_error == 0


def by_the_paper(counts: np.ndarray, areas: np.ndarray) -> dict[str, np.ndarray]:
    """Equations 4 to 11 of Olofsson et al. 2014, written with their own sums."""
    n_i = counts.sum(axis=1)
    weights = areas / areas.sum()
    p = weights[:, None] * counts / n_i[:, None]
    column = p.sum(axis=0)
    users = np.diag(p) / p.sum(axis=1)
    producers = np.diag(p) / column
    v_users = users * (1 - users) / (n_i - 1)
    v_overall = np.sum(weights**2 * v_users)
    v_producers = np.zeros(len(areas))
    for j in range(len(areas)):
        n_j = column[j] * areas.sum()
        others = sum(
            areas[i] ** 2 * counts[i, j] / n_i[i] * (1 - counts[i, j] / n_i[i]) / (n_i[i] - 1)
            for i in range(len(areas))
            if i != j
        )
        own = areas[j] ** 2 * (1 - producers[j]) ** 2 * v_users[j]
        v_producers[j] = (own + producers[j] ** 2 * others) / n_j**2
    v_area = np.sum((weights[:, None] * p - p**2) / (n_i[:, None] - 1), axis=0)
    return {
        "p": p,
        "overall": np.array([np.trace(p), math.sqrt(v_overall)]),
        "users": np.stack([users, np.sqrt(v_users)]),
        "producers": np.stack([producers, np.sqrt(v_producers)]),
        "areas": areas.sum() * np.stack([column, np.sqrt(v_area)]),
    }


@settings(max_examples=60)
@given(st.integers(2, 6), st.randoms(use_true_random=False))
def test_the_estimator_is_that_of_the_paper_where_strata_are_map_classes(size, random):
    rng = np.random.default_rng(random.getrandbits(32))
    counts = rng.integers(0, 30, (size, size)) + 3 * np.eye(size, dtype=int)
    areas = rng.uniform(1, 1e9, size)
    found = estimate(sample_of(counts, areas), [str(n) for n in range(size)], areas)
    expected = by_the_paper(counts, areas)
    assert np.array_equal(found.counts, counts)
    assert found.proportions == pytest.approx(expected["p"], rel=1e-9, abs=1e-12)
    overall = [found.overall.value, found.overall.standard_error]
    assert overall == pytest.approx(list(expected["overall"]), rel=1e-7, abs=1e-12)
    for name in ("users", "producers"):
        pairs = [getattr(one, name) for one in found.classes]
        assert [one.value for one in pairs] == pytest.approx(list(expected[name][0]), rel=1e-9)
        errors = [one.standard_error for one in pairs]
        assert errors == pytest.approx(list(expected[name][1]), rel=1e-7, abs=1e-9)
    values = [one.area_m2.value for one in found.classes]
    assert values == pytest.approx(list(expected["areas"][0]), rel=1e-9)
    errors = [one.area_m2.standard_error for one in found.classes]
    assert errors == pytest.approx(list(expected["areas"][1]), rel=1e-7)


def test_strata_need_not_be_the_classes_of_the_map():
    """Two strata that cut through both classes: each point stands for its stratum's share."""
    strata = np.array([0, 0, 0, 0, 1, 1])
    mapped = np.array([0, 0, 1, 1, 0, 1])
    reference = np.array([0, 0, 1, 0, 0, 1])
    sample = Sample(strata, mapped, reference, np.array([40.0, 60.0]), ("near", "far"))
    found = estimate(sample, ("a", "b"), [50.0, 50.0])
    assert found.overall.value == pytest.approx((40 * 3 / 4 + 60) / 100)
    assert found.classes[0].area_m2.value == pytest.approx(40 * 3 / 4 + 60 / 2)
    assert found.classes[1].users.value == pytest.approx((10 + 30) / (20 + 30))


def intervals_that_hold(samples: int) -> dict[str, int]:
    """In how many stratified samples of one map, whose errors are known, intervals hold the truth.

    `tests.benchmarks.landcover_figures` tells the same figures on the page of figures.
    """
    rng = np.random.default_rng(2014)
    truth = np.array([[0.16, 0.03, 0.01], [0.02, 0.44, 0.04], [0.01, 0.04, 0.25]])
    strata = truth.sum(axis=1)
    areas = strata * 1e8
    sizes = np.array([150, 250, 200])
    names = ("a", "b", "c")
    inside = {"overall": 0, "area": 0, "users": 0, "producers": 0}
    for _ in range(samples):
        rows = [rng.multinomial(n, row / row.sum()) for n, row in zip(sizes, truth, strict=True)]
        found = estimate(sample_of(np.array(rows), areas), names, areas)
        first = found.classes[0]
        for name, one, true in (
            ("overall", found.overall, np.trace(truth)),
            ("area", first.area_m2, truth[:, 0].sum() * 1e8),
            ("users", first.users, truth[0, 0] / strata[0]),
            ("producers", first.producers, truth[0, 0] / truth[:, 0].sum()),
        ):
            inside[name] += abs(one.value - true) <= one.margin
    return inside


def test_95_percent_intervals_hold_the_truth_in_95_percent_of_samples():
    inside = intervals_that_hold(1000)
    assert all(930 <= count <= 970 for count in inside.values()), inside


def test_a_stratum_of_one_point_has_no_error():
    sample = sample_of(np.array([[5, 1], [0, 1]]), np.array([10.0, 20.0]))
    found = estimate(sample, ("a", "b"), [10.0, 20.0])
    assert math.isnan(found.overall.standard_error)
    assert found.overall.value == pytest.approx((10 * 5 / 6 + 20) / 30)
    assert found.unsure == ("1",)


def test_a_class_without_points_is_unknown():
    sample = sample_of(np.array([[5, 1, 0], [1, 4, 0], [0, 0, 0]]), np.array([10.0, 20.0, 0.0]))
    found = estimate(sample, ("a", "b", "c"), [10.0, 20.0, 0.0])
    assert math.isnan(found.classes[2].users.value)
    assert found.classes[2].area_m2.value == 0


def test_a_stratum_with_area_needs_points():
    with pytest.raises(InputError) as caught:
        sample_of(np.array([[5, 1], [0, 0]]), np.array([30.0, 10.0]))
    assert str(caught.value) == (
        "no point lies in '1', which is 25 % of the map: nothing can be said of it "
        "(draw points in every class, see sam-geo sample)"
    )
