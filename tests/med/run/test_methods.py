from __future__ import annotations

import pytest

from sam_common.errors import CapabilityError, InputError, PromptError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.geometry.slice_box import SliceBox
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint
from sam_med.run.methods import (
    DEFAULT_METHOD,
    METHODS,
    check_model_name,
    check_prompts,
    method_of,
)
from sam_med.run.segment import segment_volume


def test_the_loop_takes_boxes_only(phantom):
    point = ObjectPrompt("spot", 1, points=(VoxelPoint((2, 125, 95)),))
    with pytest.raises(
        PromptError,
        match=r"^method litemedsam needs a 3-D box for each object, label spot has none "
        r"\(use --method planes\)$",
    ):
        segment_volume(phantom, [point], FakeSegmenter(), method="litemedsam")


def test_a_model_without_points(phantom):
    boxes_only = FakeSegmenter(
        capabilities=Capabilities(points=False, boxes=True, masks=False, multimask=False)
    )
    point = ObjectPrompt("spot", 1, points=(VoxelPoint((2, 125, 95)),))
    with pytest.raises(
        CapabilityError,
        match=r"^model fake takes no points, but label spot has some: give a box on a slice "
        r"instead, or --model mobile_sam$",
    ):
        segment_volume(phantom, [point], boxes_only)


def test_methods_by_name():
    assert [method_of(name) for name in METHODS] == ["planes", "litemedsam", "memory"]
    with pytest.raises(
        InputError, match=r"^unknown method: magic \(known: planes, litemedsam, memory\)$"
    ):
        method_of("magic")


def test_nothing_to_segment(phantom):
    expected = r"^nothing to segment: give at least one box, point or mask$"
    with pytest.raises(PromptError, match=expected):
        segment_volume(phantom, [], FakeSegmenter())


def test_a_model_without_boxes(phantom):
    points_only = FakeSegmenter(
        capabilities=Capabilities(points=True, boxes=False, masks=False, multimask=True)
    )
    with pytest.raises(
        CapabilityError, match=r"^model fake takes no boxes, and each object needs one$"
    ):
        segment_volume(phantom, [ObjectPrompt.from_ijk("a", 1, (0,) * 6)], points_only)


def test_the_default_method_is_known():
    assert method_of(DEFAULT_METHOD) == DEFAULT_METHOD
    assert DEFAULT_METHOD in METHODS


def test_a_prompt_that_is_more_than_a_box_is_not_for_the_loop():
    block = Window((1, 100, 60), (4, 150, 130))
    drawn = SliceBox(0, 2, Window((100, 60), (150, 130)))
    for more in ({"slice_boxes": (drawn,)}, {"points": (VoxelPoint((2, 125, 95)),)}):
        prompt = ObjectPrompt("spot", 1, block, **more)
        check_prompts([prompt], "planes")
        with pytest.raises(PromptError, match="takes a 3-D box and nothing else, but label spot"):
            check_prompts([prompt], "litemedsam")


def test_what_a_network_of_the_registry_takes_is_known_by_its_name():
    box = ObjectPrompt("a", 1, Window((0, 0, 0), (1, 1, 1)))
    point = ObjectPrompt("spot", 1, points=(VoxelPoint((0, 0, 0)),))
    check_model_name([box], "lite_medsam")
    check_model_name([box, point], "mobile_sam")
    with pytest.raises(
        CapabilityError, match=r"^model lite_medsam takes no points, but label spot"
    ):
        check_model_name([box, point], "lite_medsam")
    check_model_name([box, point], "medsam2", "memory")
    check_model_name([box, point], "sam2.1_hiera_tiny", "memory")
    with pytest.raises(
        CapabilityError, match=r"^method memory needs a SAM 2, and model lite_medsam is none: --mod"
    ):
        check_model_name([box], "lite_medsam", "memory")
    with pytest.raises(CapabilityError, match=r"^model medsam2 only follows objects by its memory"):
        check_model_name([box], "medsam2")
    # a file may hold any network: it is asked once it is loaded
    check_model_name([box, point], "own.pth")
