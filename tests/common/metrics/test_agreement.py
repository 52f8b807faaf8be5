from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_phantoms import SPACINGS, blob
from numpy.testing import assert_allclose

from sam_common.errors import InputError
from sam_common.metrics import agreement
from sam_common.metrics.surface import surface

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import surface_distance

seeds = st.integers(0, 2**32 - 1)


def oracle(a, b, spacing, tolerance):
    """The package by the authors of the surface Dice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that scipy has moved
        found = surface_distance.compute_surface_distances(a, b, spacing)
    means = surface_distance.compute_average_surface_distance(found)
    areas = found["surfel_areas_gt"].sum(), found["surfel_areas_pred"].sum()
    return {
        "surface_dice": surface_distance.compute_surface_dice_at_tolerance(found, tolerance),
        "hd95_mm": surface_distance.compute_robust_hausdorff(found, 95),
        "hd_mm": surface_distance.compute_robust_hausdorff(found, 100),
        "mean_mm": np.dot(means, areas) / sum(areas),
        "dice": surface_distance.compute_dice_coefficient(a, b),
        "areas": areas,
    }


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(8))
def test_as_the_authors_of_the_surface_dice_have_it(seed, spacing):
    a, b = blob(seed), blob(seed + 100)
    found = agreement.agreement(a, b, spacing, tolerance_mm=1.5)
    expected = oracle(a, b, spacing, 1.5)
    assert_allclose(found.dice, expected["dice"], rtol=1e-12)
    assert_allclose(found.hd_mm, expected["hd_mm"], rtol=1e-9)
    assert_allclose(found.surface_dice, expected["surface_dice"], rtol=1e-9)
    assert_allclose(found.hd95_mm, expected["hd95_mm"], rtol=1e-9)
    assert_allclose(found.mean_mm, expected["mean_mm"], rtol=1e-9)
    areas = [surface(mask, np.diag(spacing))[1].sum() for mask in (a, b)]
    assert_allclose(areas, expected["areas"], rtol=1e-9)


@given(seeds, st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_plates_by_hand(seed, shift):
    """Two thin plates, parallel and `shift` voxels of 2 mm apart."""
    a = np.zeros((9, 30, 30), bool)
    b = a.copy()
    a[1, 2:-2, 2:-2] = b[1 + shift, 2:-2, 2:-2] = True
    found = agreement.agreement(a, b, (2.0, 1.0, 1.0), tolerance_mm=2.0)
    # the near faces of plates one voxel thick are one voxel less apart
    assert found.hd_mm == pytest.approx(2.0 * shift)
    assert found.dice == (shift == 0)
    if shift <= 1:
        assert found.surface_dice == found.boundary_f == 1.0
    assert found.reference_ml == pytest.approx(26 * 26 * 2 / 1000)


@given(seeds, seeds)
@settings(max_examples=30, deadline=None)
def test_laws(one, two):
    a, b = blob(one, (9, 10, 11), 1.0), blob(two, (9, 10, 11), 1.0)
    ab, ba = (agreement.agreement(*pair, (2.0, 1.0, 0.5)) for pair in ((a, b), (b, a)))
    for name in ("dice", "iou", "surface_dice", "boundary_f", "hd95_mm", "hd_mm", "mean_mm"):
        assert getattr(ab, name) == pytest.approx(getattr(ba, name))
    assert ab.dice == pytest.approx(2 * ab.iou / (1 + ab.iou))
    assert 0 <= ab.surface_dice <= 1
    assert ab.mean_mm <= ab.hd_mm
    assert ab.hd95_mm <= ab.hd_mm
    same = agreement.agreement(a, a, (2.0, 1.0, 0.5), tolerance_mm=0)
    assert (same.dice, same.iou, same.surface_dice, same.hd_mm) == (1, 1, 1, 0)


def test_a_sheared_grid_measures_true_distances():
    """A plane that the shear leaves in place: moved by one step, it is one step along z away."""
    tilt = np.radians(20)
    steps = np.array([[0, 0, 1.0], [0, 1.0, 0], [4.0, 0, 0]])
    sheared = steps.copy()
    sheared[1, 0] = 4 * np.tan(tilt)
    a = np.zeros((6, 40, 40), bool)
    b = a.copy()
    a[2, 5:-5, 5:-5] = b[3, 5:-5, 5:-5] = True
    straight, slanted = (agreement.agreement(a, b, s, tolerance_mm=1) for s in (steps, sheared))
    assert straight.hd_mm == pytest.approx(4.0)
    assert straight.reference_ml == pytest.approx(slanted.reference_ml)
    # inner parts are as far apart as before, but for the steps of the grid; the rims slide along
    assert 4.0 < slanted.hd95_mm < 4.1 < slanted.hd_mm


def test_a_turned_grid_changes_nothing():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    a, b = blob(1), blob(2)
    plain = agreement.agreement(a, b, (3.0, 0.7, 0.9))
    turned = agreement.agreement(a, b, turn @ np.diag((3.0, 0.7, 0.9)))
    for name in ("surface_dice", "hd95_mm", "hd_mm", "mean_mm", "reference_ml"):
        assert getattr(turned, name) == pytest.approx(getattr(plain, name))


def test_empty_masks():
    nothing, some = np.zeros((3, 4, 5), bool), np.ones((3, 4, 5), bool)
    both = agreement.agreement(nothing, nothing, (1, 1, 1))
    assert (both.dice, both.iou, both.surface_dice, both.boundary_f) == (1, 1, 1, 1)
    assert (both.hd95_mm, both.hd_mm, both.mean_mm) == (0, 0, 0)
    for pair in ((nothing, some), (some, nothing)):
        one = agreement.agreement(*pair, (1, 1, 1))
        assert (one.dice, one.iou, one.surface_dice, one.boundary_f) == (0, 0, 0, 0)
        assert (one.hd95_mm, one.hd_mm, one.mean_mm) == (None, None, None)
    assert one.reference_ml == pytest.approx(0.06)


def test_the_implementation_is_recorded():
    some = np.ones((1, 1, 1), bool)
    found = agreement.agreement(some, some, (1, 1, 1), tolerance_mm=3)
    assert re.match(
        r"^sam-geomed \S+: surface pieces of marching cubes, weighed by area$", found.implementation
    )
    assert found.tolerance_mm == 3


def test_what_makes_no_sense():
    a = np.ones((1, 2, 3), bool)
    with pytest.raises(
        InputError, match=r"^masks must be of one shape, got \(1, 2, 3\) and \(3, 2, 1\)$"
    ):
        agreement.agreement(a, a.T, (1, 1, 1))
    with pytest.raises(InputError, match=r"^the tolerance must be 0 mm or more, got -1$"):
        agreement.agreement(a, a, (1, 1, 1), tolerance_mm=-1)
    with pytest.raises(
        InputError, match=r"^a surface needs a mask of 3 axes and steps of \(3, 3\), "
    ):
        agreement.agreement(a[0], a[0], (1, 1))
