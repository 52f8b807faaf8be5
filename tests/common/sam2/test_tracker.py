"""The tracker against the session of transformers on the same slices, kept whole in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sam2_models import seeded_video_model
from torch.nn import functional

from sam_common.network.architecture import SAM2_PREPROCESS
from sam_common.network.preprocess import prepare
from sam_common.sam2.library import transformers
from sam_common.sam2.slices import SlicePrompt
from sam_common.sam2.tracker import OBJECT, Tracker

COUNT, SIZE, HW = 22, 128, (48, 60)
"""More slices than pointers are remembered, so that what is forgotten would be missed."""
BOX = SlicePrompt(np.array([[10.0, 8.0], [40.0, 30.0]]), np.array([2, 3]))
POINTS = SlicePrompt(np.array([[25.0, 20.0], [50.0, 5.0]]), np.array([1, 0]))


def images():
    random = np.random.default_rng(3)
    return random.integers(0, 256, (COUNT, *HW), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return seeded_video_model(size=SIZE)


def whole_session(model, prompts):
    """A session of transformers with all slices in memory, and the prompts given to it."""
    rules = SAM2_PREPROCESS.__class__(SIZE, "bilinear", "imagenet", is_stretched=True)
    video = torch.tensor(np.stack([prepare(image, rules)[0] for image in images()]))
    session = transformers().Sam2VideoInferenceSession(video, *HW, dtype=torch.float32)
    scale = torch.tensor([SIZE / HW[1], SIZE / HW[0]], dtype=torch.float64)
    for index, prompt in prompts.items():
        points = (torch.tensor(prompt.points_xy) * scale).float()[None, None]
        labels = torch.tensor(prompt.labels, dtype=torch.int32)[None, None]
        given = {"point_coords": points, "point_labels": labels}
        session.add_point_inputs(session.obj_id_to_idx(OBJECT), index, given)
        session.obj_with_new_inputs = [OBJECT]
        with torch.inference_mode():
            model(session, frame_idx=index)
    return session


def published(model, prompts, *, reverse):
    """Logits on the slices of one way through the video, by `propagate_in_video_iterator`."""
    session = whole_session(model, prompts)
    start = min(prompts)
    return {
        out.frame_idx: functional.interpolate(out.pred_masks, HW, mode="bilinear")[0, 0].numpy()
        for out in model.propagate_in_video_iterator(session, start, reverse=reverse)
    }


def follow(model, prompts, slices=range(COUNT)):
    seen = []

    def image(index):
        seen.append(index)
        return images()[index]

    ways = Tracker(model).follow(image, prompts, slices, image_hw=HW, mask_hw=HW)
    return [list(way) for way in ways], seen


@pytest.mark.parametrize("prompts", [{2: BOX}, {3: BOX, 12: POINTS}])
def test_masks_are_those_of_a_whole_session(model, prompts):
    (up, down), _ = follow(model, prompts)
    start = min(prompts)
    assert [mask.index for mask in up] == list(range(start, COUNT))
    assert [mask.index for mask in down] == list(range(start - 1, -1, -1))
    for way, reverse in ((up, False), (down, True)):
        expected = published(model, prompts, reverse=reverse)
        largest = max(np.abs(logits).max() for logits in expected.values())
        for mask in way:
            assert np.abs(mask.logits - expected[mask.index]).max() <= 1e-4 * largest
            assert 0 <= mask.presence <= 1
    found = np.stack([mask.logits > 0 for mask in up])
    assert 0.01 < found.mean() < 0.99
    assert (found[0] != found[-1]).any()


def test_slices_count_from_the_first_that_is_looked_at(model):
    shown = range(10, 16)
    (up, down), seen = follow(model, {12: BOX}, shown)
    assert [mask.index for mask in (*up, *down)] == [12, 13, 14, 15, 11, 10]
    assert set(seen) == set(shown)


def test_memory_does_not_grow_with_the_slices(model):
    tracker = Tracker(model)
    sessions = []
    make = tracker._session

    def watched(*given):
        sessions.append(make(*given))
        return sessions[-1]

    tracker._session = watched
    ways = tracker.follow(
        lambda index: images()[index], {0: BOX}, range(COUNT), image_hw=HW, mask_hw=HW
    )
    for _ in next(ways):
        kept = sessions[0].output_dict_per_obj[0]["non_cond_frame_outputs"]
        assert len(kept) <= 15
        assert sum("maskmem_features" in one for one in kept.values()) <= 6
        assert not any("high_res_masks" in one or "pred_masks" in one for one in kept.values())
        assert sessions[0].processed_frames is None


def test_a_way_can_be_left_before_its_end(model):
    ways = Tracker(model).follow(
        lambda index: images()[index], {5: BOX}, range(COUNT), image_hw=HW, mask_hw=HW
    )
    assert next(next(ways)).index == 5
    assert [mask.index for mask in next(ways)] == [4, 3, 2, 1, 0]
