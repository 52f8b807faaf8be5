"""Units of length in the words of volume files."""

from __future__ import annotations

import numpy as np
import pytest

from sam_med.geometry import frame as frames
from sam_med.geometry.units import in_millimetres, millimetres

FRAME = frames.from_itk((10, 20, 30), (1, 2, 3), (1, 0, 0, 0, 1, 0, 0, 0, 1))


@pytest.mark.parametrize(
    ("word", "size"),
    [
        *((word, 0.001) for word in ("um", "µm", "μm", "micron", "Microns", "micrometers")),
        *((word, 1.0) for word in ("mm", " MM ", "millimetre", "millimeters")),
        *((word, 1000.0) for word in ("m", "meter", "metres")),
        *((word, 25.4) for word in ("in", "inch", "inches")),
        *((word, 10.0) for word in ("cm", "centimeter")),
        *((word, 1e-6) for word in ("nm", "nanometers")),
        *((word, None) for word in ("", "voxel", "mmm", "s", "ell", "km")),
    ],
)
def test_words(word, size):
    assert millimetres(word) == size


def test_a_frame_is_scaled_to_millimetres():
    frame, (said,) = in_millimetres(FRAME, ["cm"])
    assert np.array_equal(frame.array, np.diag([10, 10, 10, 1]) @ FRAME.array)
    assert (said.code, said.message) == ("scaled-units", "lengths are in cm")


def test_each_world_axis_has_its_own_unit():
    frame, (said,) = in_millimetres(FRAME, ["mm", "cm", "um"])
    assert frame.to_world((1, 1, 1)) == pytest.approx((11, 220, 0.033))
    assert said.message == "lengths are in mm, cm, um"


@pytest.mark.parametrize("units", [[], ["mm"], ["mm", "Millimeter", "mm"]])
def test_millimetres_are_left_alone(units):
    assert in_millimetres(FRAME, units) == (FRAME, [])


def test_an_unknown_word_scales_nothing():
    frame, (said,) = in_millimetres(FRAME, ["cm", "ell", "cm"])
    assert frame == FRAME
    assert (said.code, dict(said.numbers)) == ("unknown-units", {"unit": "ell"})
