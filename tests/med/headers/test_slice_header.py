"""Headers of slices: what follows from their fields, and what their repr hides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from grids import oblique_frames
from hypothesis import given
from slice_headers import header

from sam_med.geometry import frame as frames
from sam_med.headers.slice_header import ImageFacts


@pytest.mark.parametrize(
    ("fields", "placed"),
    [({}, True), ({"position": ()}, False), ({"orientation": ()}, False)],
)
def test_a_slice_is_placed_by_position_and_orientation(fields, placed):
    assert header(0, **fields).placed == placed


@pytest.mark.parametrize(
    ("modality", "always"), [("CT", True), ("MR", True), ("PT", True), ("US", False), ("", False)]
)
def test_modalities_that_are_always_placed(modality, always):
    assert header(0, modality=modality).cross_sectional == always


def test_a_localizer_says_so_in_its_image_type():
    scout = ImageFacts(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    assert header(0, facts=scout).localizer
    assert not header(0).localizer


@given(oblique_frames)
def test_the_normal_is_a_unit_vector_across_the_slice(frame):
    _, _, direction = frames.to_itk(frame)
    columns = np.reshape(direction, (3, 3))
    one = header(0, orientation=(*columns[:, 0], *columns[:, 1]))
    np.testing.assert_allclose(one.normal, columns[:, 2], atol=1e-9)


def test_nothing_private_is_shown():
    hidden = dict.fromkeys(("series", "patient", "frame_of_reference", "instance_uid"), "CANARY")
    one = header(0, **{**hidden, "path": Path("CANARY.dcm"), "time": (1901.0,)})
    assert "CANARY" not in repr(one)
    assert "1901" not in repr(one)
