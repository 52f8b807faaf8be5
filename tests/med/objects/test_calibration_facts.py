from __future__ import annotations

import pytest

from sam_med.objects import calibration_facts as facts
from sam_med.objects.calibration import LEAST_VOLUMES, calibration_of
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL


@pytest.mark.parametrize("steps", [facts.OBJECTS, facts.SLICES])
def test_a_higher_confidence_never_has_a_lower_bound(steps):
    least = [value for value, _ in steps]
    bounds = [bound for _, bound in steps]
    assert least[0] == 0
    assert least == sorted(set(least))
    assert bounds == sorted(bounds)
    assert 0 <= bounds[0] <= bounds[-1] < 1


def test_the_default_is_what_was_measured():
    assert (facts.MODEL, facts.METHOD) == (DEFAULT_MODEL, DEFAULT_METHOD)
    known = {name for name, count in facts.VOLUMES.items() if count >= LEAST_VOLUMES}
    assert known
    for modality in known:
        assert calibration_of(modality, DEFAULT_MODEL, DEFAULT_METHOD) is not None
