"""Fitting of tables whose rows may be anything."""

from __future__ import annotations

import numpy as np
import pytest

from sam_geo.learning.fitting import fit_best
from sam_geo.learning.sample_pixels import SamplePixels, pixel_weights
from sam_geo.learning.samples import Samples
from sam_geo.learning.trials import Candidate, Material

SETS = [Candidate("few", ("a",)), Candidate("usual", ("a", "b")), Candidate("all", ("a", "b", "c"))]


def material_of(told_by, count=60):
    """Rows on a line, of which one column tells the class."""
    rng = np.random.default_rng(0)
    cells = np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.int64)
    classes = rng.integers(0, 2, count)
    samples = Samples(("x", "y"), cells, np.arange(count), classes, tuple(range(count)), {}, 0)
    table = rng.normal(0, 1, (count, 3)).astype(np.float32)
    table[:, told_by] += 6 * classes
    pixels = SamplePixels(table, np.ones(count, dtype=bool))
    return Material(samples, pixels, pixel_weights(samples), "discriminant", 0)


@pytest.mark.parametrize(("told_by", "chosen"), [(1, "usual"), (2, "all")])
def test_a_set_has_to_earn_its_place(told_by, chosen):
    material = material_of(told_by)
    fitted = fit_best(material, SETS)
    assert [one["name"] for one in fitted.tried if one["chosen"]] == [chosen]
    assert SETS[fitted.number].name == chosen
    assert fitted.columns.tolist() == list(range(len(SETS[fitted.number].names)))
    assert fitted.blocked.overall > 0.95
    chances = fitted.classifier.predict_proba(material.pixels.table[:, fitted.columns])
    assert (chances.argmax(axis=1) == material.samples.class_of).mean() > 0.95


def test_a_wrong_label_is_doubted():
    material = material_of(1)
    material.samples.class_of[7] = 1 - material.samples.class_of[7]
    (doubt,) = fit_best(material, SETS).doubts
    assert (doubt.row, doubt.cell) == (7, (7, 0))
    assert {doubt.said, doubt.found} == {"x", "y"}
