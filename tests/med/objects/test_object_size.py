"""How large objects are, wherever that is said."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sam_common.metrics.agreement import agreement
from sam_common.window import Window
from sam_med.cli.inspect import short
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.measurements.measure import measure
from sam_med.objects.labels import paint
from sam_med.objects.object_size import volume_ml
from sam_med.objects.segments import Segment
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.run.segmentation import label_rows

AXES = (1, 0, 0, 0, 1, 0, 0, 0, 1)


def volume(spacing_ijk, *, origins=None):
    frame = frames.from_itk((0, 0, 0), spacing_ijk, AXES)
    return Volume(np.zeros((4, 5, 6), np.int16), frame, origins_lps=origins)


@pytest.mark.parametrize(
    "spacing", [(0.005, 0.005, 0.005), (0.0004, 0.0004, 0.001), (0.7, 0.8, 3.0)]
)
def test_the_record_the_table_and_the_comparison_say_the_same(spacing):
    scan = volume(spacing)
    window = Window((1, 1, 2), (3, 4, 6))
    segment = Segment("cell", 1, window, np.ones(window.shape, bool))
    labels = paint(scan.shape, [segment])
    run = SimpleNamespace(
        volume=scan, prompts=(ObjectPrompt("cell", 1, window),), segments=(segment,), labels=labels
    )
    (recorded,) = label_rows(run)
    (measured,) = measure(scan, [segment])
    mask = segment.full(scan.shape)
    steps = np.abs(scan.frame.array[:3, :3])
    compared = agreement(mask, mask, steps, tolerance_mm=1.0)
    right = 24 * np.prod(spacing) / 1000
    assert recorded["volume_ml"] == measured.volume_ml == pytest.approx(right)
    assert compared.reference_ml == pytest.approx(right)
    assert short(measured.volume_ml) == pytest.approx(right, rel=1e-3)


def test_uneven_slices_count_as_they_are():
    origins = np.zeros((4, 3))
    origins[:, 2] = (0, 2, 4, 10)
    scan = volume((1.0, 1.0, 10 / 3), origins=origins)
    window = Window((2, 0, 0), (3, 1, 1))
    assert volume_ml(scan, window, np.ones((1, 1, 1), bool)) == pytest.approx(4 / 1000)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (3, 3), (1234.56789, 1234.5679), (0.123456, 0.1235), (1.25e-10, 1.25e-10)],
)
def test_small_numbers_of_a_table_keep_their_digits(value, shown):
    assert short(value) == shown
