"""Grids of voxels in tests: axes along those of the patient, and random frames."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from sam_common.window import Window
from sam_med.geometry import frame as frames

SIGNED_AXES = [
    np.diag(signs)[:, list(order)]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
"""The 48 ways in which three voxel axes, the columns, lie along those of the patient."""


def rotation(a, b, c):
    """The matrix of turns by a, b and c radians around x, y and z."""
    cos, sin = np.cos, np.sin
    x = np.array([[1, 0, 0], [0, cos(a), -sin(a)], [0, sin(a), cos(a)]])
    y = np.array([[cos(b), 0, sin(b)], [0, 1, 0], [-sin(b), 0, cos(b)]])
    z = np.array([[cos(c), -sin(c), 0], [sin(c), cos(c), 0], [0, 0, 1]])
    return x @ y @ z


numbers = st.floats(-500, 500, allow_nan=False).map(lambda v: round(v, 3))
spacings = st.tuples(*[st.floats(0.1, 10).map(lambda v: round(v, 4))] * 3)
origins = st.tuples(numbers, numbers, numbers)
angles = st.tuples(*[st.floats(-np.pi, np.pi)] * 3)
windows = st.tuples(*[st.tuples(st.integers(-20, 200), st.integers(1, 80))] * 3).map(
    lambda axes: Window(tuple(s for s, _ in axes), tuple(s + n for s, n in axes))
)
oblique_frames = st.builds(
    lambda o, s, r: frames.from_itk(o, s, rotation(*r).ravel().tolist()), origins, spacings, angles
)
straight_frames = st.builds(
    lambda o, s, axes: frames.from_itk(o, s, axes.ravel().tolist()),
    origins,
    spacings,
    st.sampled_from(SIGNED_AXES),
)
