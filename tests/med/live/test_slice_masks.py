from __future__ import annotations

import numpy as np
import pytest

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.sessions.object_state import Asked, BoxState, MaskState, PointState
from sam_common.window import Window
from sam_med.live.slice_masks import segment_slices
from sam_med.slices.embedded_slices import SliceEmbeddings


def test_nothing_to_look_for(slices):
    assert segment_slices(slices, Asked()).status == "no_prompt"
    background = PointState((10.0, 20.0, 5.0), 0)
    assert segment_slices(slices, Asked(points=(background,))).status == "no_prompt"
    assert slices.calls == 0


def test_a_box_on_each_of_two_slices(slices):
    asked = Asked(boxes=(BoxState((10, 8, 30, 28), (0, 5)), BoxState((12, 3, 20, 9), (1, 15))))
    result = segment_slices(slices, asked)
    assert result.status == "ok"
    first, second = result.masks
    assert (first.axis, first.index, first.window) == (0, 5, Window((8, 10), (29, 31)))
    # rows of a slice along axis 1 are k: shown twice as high, and back
    assert (second.axis, second.index, second.window) == (1, 15, Window((3, 12), (10, 21)))
    assert result.window == Window((3, 8, 10), (10, 29, 31))
    assert result.area == 21 * 21 + 7 * 9
    assert (result.score, result.confidence) == (0.9, 1)
    assert result.seconds["encode"] > 0
    assert segment_slices(slices, asked).seconds["encode"] == 0


def test_points_lie_on_slices_of_the_finest_pixels(slices):
    asked = Asked(points=(PointState((10.0, 20.0, 5.4), 1), PointState((40.0, 20.0, 5.0), 1)))
    result = segment_slices(slices, asked)
    (mask,) = result.masks
    assert (mask.axis, mask.index) == (0, 5)
    # two discs of radius 5 on one slice
    assert mask.window == Window((15, 5), (26, 46))
    assert slices.decoded == 1


def test_a_point_on_a_slice_with_a_box_is_decoded_with_it(slices):
    kinds = []

    class Asking(FakeSegmenter):
        def decode(self, embedding, prompts, *, multimask=False):
            kinds.append((prompts.kinds, multimask, prompts))
            return super().decode(embedding, prompts, multimask=multimask)

    own = SliceEmbeddings(slices.volume, slices.stretch, Asking())
    asked = Asked(
        points=(PointState((12.0, 15.0, 6.0), 1), PointState((22.0, 15.0, 4.0), 0)),
        boxes=(BoxState((10, 3, 30, 9), (1, 15)),),
    )
    segment_slices(own, asked)
    ((kind, multimask, prompts),) = kinds
    assert kind == {"boxes", "points"}
    assert not multimask
    assert prompts.point_labels.tolist() == [[1, 0]]
    # the slice is shown with k stretched from 2 mm to 1: row 6 is at 12.5
    assert prompts.points_xy.tolist() == [[[12, 12.5], [22, 8.5]]]
    own.close()


def test_of_a_3d_box_the_middle_slice_is_shown(slices):
    result = segment_slices(slices, Asked(boxes=(BoxState((10, 8, 2, 30, 28, 9)),)))
    (mask,) = result.masks
    assert (mask.axis, mask.index, mask.window) == (0, 5, Window((8, 10), (29, 31)))


def test_a_painted_slice_is_as_painted_and_is_not_decoded(slices):
    # one column of two pixels, then one of background
    state = MaskState(((3, 4), (5, 6)), (0, 2, 2), (2, 49))
    result = segment_slices(slices, Asked(masks=(state,), boxes=(BoxState((1, 2, 5, 6), (2, 49)),)))
    (mask,) = result.masks
    assert (mask.axis, mask.index, mask.window) == (2, 49, Window((3, 4), (5, 6)))
    assert mask.array.tolist() == [[True, False], [True, False]]
    assert (result.score, result.confidence, slices.decoded) == (1, 1, 0)


def test_where_the_network_finds_nothing(slices):
    with SliceEmbeddings(slices.volume, slices.stretch, FakeSegmenter(empty_below=255)) as dark:
        result = segment_slices(dark, Asked(boxes=(BoxState((10, 8, 30, 28), (0, 5)),)))
    assert (result.status, result.masks) == ("empty", ())
    assert result.score == pytest.approx(np.float32(0.9))
