from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.memory.course import course_of, memory_steps, points_by_slice
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelMask, VoxelPoint

DIRECTION = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture
def volume():
    array = np.zeros((30, 24, 20), dtype=np.int16)
    array[6:18, 5:15, 4:12] = 200
    return Volume(array, frames.from_itk((0, 0, 0), (1, 1, 1), DIRECTION), "MR")


def test_several_slices_and_points_are_given_together():
    boxes = tuple(SliceBox(0, k, Window((5, 4), (15, 12))) for k in (12, 8))
    points = (VoxelPoint((8, 9, 7.5)), VoxelPoint((10, 2, 1), positive=False))
    found = points_by_slice(ObjectPrompt("a", 1, slice_boxes=boxes, points=points), 0)
    assert sorted(found) == [8, 10, 12]
    assert found[8][0].tolist() == [[4, 5], [11, 14], [7.5, 9]]
    assert found[8][1].tolist() == [2, 3, 1]
    assert found[10][1].tolist() == [0]
    across = points_by_slice(ObjectPrompt("a", 1, points=points[:1]), 2)
    assert across[8][0].tolist() == [[9, 8]]  # 7.5 is nearer to slice 8; (column, row) is (j, k)


def test_the_slices_are_those_of_the_box_or_of_the_volume(volume):
    boxed = ObjectPrompt("a", 1, Window((8, 5, 4), (14, 15, 12)))
    drawn = ObjectPrompt("b", 2, slice_boxes=(SliceBox(2, 8, Window((6, 5), (18, 15))),))
    found = [course_of(prompt, volume) for prompt in (boxed, drawn)]
    assert [(at.axis, at.slices, at.has_ends) for at in found] == [
        (0, range(8, 14), True),
        (2, range(20), False),
    ]
    assert memory_steps([boxed, drawn], volume) == 26
    # a point of the background beyond the box is looked at as well
    beyond = ObjectPrompt("c", 3, boxed.box, points=(VoxelPoint((16, 9, 8), positive=False),))
    assert course_of(beyond, volume).slices == range(8, 17)


def test_prompts_that_are_none_for_the_method(volume):
    two = ObjectPrompt(
        "a", 1, slice_boxes=tuple(SliceBox(axis, 8, Window((5, 4), (9, 9))) for axis in (0, 2))
    )
    with pytest.raises(
        PromptError, match="along one axis, but label a has boxes on slices of k and i"
    ):
        course_of(two, volume)
    mask = ObjectPrompt("a", 1, mask=VoxelMask.from_array(volume.array))
    with pytest.raises(
        PromptError, match="takes boxes and points, but label a has a mask to refine"
    ):
        course_of(mask, volume)
