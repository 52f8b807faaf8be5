"""Prompts made up for tests, and grids that they lie on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from sam_common.errors import InputError, PromptError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.objects.snomed import Code
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint

BOX = Window((1, 1, 1), (3, 4, 5))


def message_of(function, *args, **kwargs):
    """The message of the error that a call raises for wrong prompts."""
    with pytest.raises((PromptError, InputError)) as caught:
        function(*args, **kwargs)
    return str(caught.value)


@st.composite
def volumes(draw):
    """Turned, sheared, anisotropic and unevenly spaced grids."""
    numbers = st.floats(-1, 1)
    noise = np.reshape(draw(st.lists(numbers, min_size=9, max_size=9)), (3, 3))
    turn, _ = np.linalg.qr(noise + 2 * np.eye(3))
    turn = turn[:, list(draw(st.permutations(range(3))))] * draw(st.sampled_from([-1, 1]))
    steps = draw(st.lists(st.floats(0.2, 10), min_size=3, max_size=3))
    shear = np.eye(3)
    shear[1:, 0] = draw(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=2))
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ shear @ np.diag(steps)
    matrix[:3, 3] = draw(st.lists(st.floats(-500, 500), min_size=3, max_size=3))
    frame = Frame.from_array(matrix)
    shape = draw(st.tuples(*[st.integers(2, 8)] * 3))
    origins = None
    if draw(st.booleans()):
        gaps = draw(st.lists(st.floats(0.5, 3), min_size=shape[0] - 1, max_size=shape[0] - 1))
        along = np.concatenate([[0.0], np.cumsum(gaps)])
        origins = matrix[:3, 3] + along[:, None] * matrix[:3, 0]
    return Volume(np.zeros(shape, np.int8), frame, origins_lps=origins)


@st.composite
def windows(draw, shape):
    start = [draw(st.integers(0, n - 1)) for n in shape]
    stop = [draw(st.integers(s + 1, n)) for s, n in zip(start, shape, strict=True)]
    return Window(tuple(start), tuple(stop))


@st.composite
def object_prompts(draw, volume, value):
    shape = volume.shape
    box = draw(st.none() | windows(shape))
    mask = None
    if draw(st.booleans()):
        window = draw(windows(shape))
        bits = np.random.default_rng(draw(st.integers(0, 99))).random(window.shape) < 0.5
        bits[0, 0, 0] = True
        mask = VoxelMask.from_array(bits, window.start)
    slice_boxes = []
    for axis in draw(st.lists(st.sampled_from([0, 1, 2]), max_size=3)):
        window = draw(windows([1 if n == axis else shape[n] for n in range(3)]))
        index = draw(st.integers(0, shape[axis] - 1))
        slice_boxes.append(
            SliceBox.from_window(axis, window.shift([index * (n == axis) for n in range(3)]))
        )
    inside = st.tuples(*[st.floats(-0.49, n - 0.51) for n in shape])
    points = draw(st.lists(st.builds(VoxelPoint, inside, st.booleans()), max_size=3))
    points.append(VoxelPoint(draw(inside)))
    left = Code("7771000", "SCT", "Left")
    codes = [None, Code("10200004", "SCT", "Liver"), Code("64033007", "SCT", "Kidney", left)]
    code = draw(st.sampled_from(codes))
    label = draw(st.sampled_from(["liver", 'na"me\n', "Ω"])) + str(value)
    return ObjectPrompt(label, value, box, tuple(slice_boxes), tuple(points), mask, code)


FULL = {
    "format": "sam-med-prompts",
    "version": 1,
    "space": "LPS",
    "objects": [
        {
            "label": "liver",
            "value": 5,
            "box": [93, 8.5, 3, 101, 20.5, 11],
            "points": [{"at": [98, 16, 5]}, {"at": [90, 10, 5], "positive": False}],
        },
        {
            "label": "spleen",
            "space": "ijk",
            "code": {"value": "78961009", "scheme": "SCT", "meaning": "Spleen"},
            "slice_boxes": [{"axis": "j", "index": 2, "box": [0, 1, 3, 4]}],
            "mask": {"start": [2, 3, 1], "size": [2, 1, 2], "runs": [1, 2, 1]},
        },
    ],
}
