"""Method memory, with a tracker that sees what is bright, and one that is a true network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sam2_models import seeded_video_model

from sam_common.errors import CapabilityError
from sam_common.sam2.slices import TrackedMask
from sam_common.sam2.tracker import Tracker
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.tracking import LoadedTracker
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.memory.follow import ABSENT, segment_by_memory
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.run.segment import segment_volume, steps

SHAPE = (30, 24, 20)
BRIGHT = Window((6, 5, 4), (18, 15, 12))
"""The only bright voxels."""
DIRECTION = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture
def volume():
    array = np.random.default_rng(0).integers(1, 40, SHAPE, dtype=np.int16)
    array[BRIGHT.slices] = 200
    array[27:29, 5:15, 4:12] = 200  # another object, beyond the end of the first
    return Volume(array, frames.from_itk((0, 0, 0), (1, 1, 1), DIRECTION), "MR")


class SeesBright:
    """Follows what is bright, and remembers what it was asked."""

    model_size, device = 512, "cpu"

    def __init__(self):
        self.asked, self.shown = {}, []

    def follow(self, image, prompts, slices, *, image_hw, mask_hw):
        self.asked = prompts
        first = min(prompts)

        def way(order):
            for index in order:
                self.shown.append(index)
                pixels = image(index)
                assert pixels.shape == image_hw
                rows, cols = (
                    ((np.arange(n) + 0.5) * m / n).astype(int)
                    for n, m in zip(mask_hw, image_hw, strict=True)
                )
                bright = pixels[np.ix_(rows, cols)] > 100
                yield TrackedMask(index, np.where(bright, 5.0, -5.0).astype("f4"), 0.9)

        yield way(range(first, slices.stop))
        yield way(range(first - 1, slices.start - 1, -1))


def loaded(tracker):
    return LoadedTracker("seen", "5e" * 32, tracker)


def box_on(axis, index, window):
    return ObjectPrompt("a", 1, slice_boxes=(SliceBox(axis, index, window),))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_object_is_followed_to_both_of_its_ends(volume, axis):
    rest = [d for d in range(3) if d != axis]
    drawn = Window(*(tuple(getattr(BRIGHT, end)[d] for d in rest) for end in ("start", "stop")))
    prompt = box_on(axis, BRIGHT.start[axis] + 2, drawn)
    sees, done = SeesBright(), []
    result = segment_volume(volume, [prompt], loaded(sees), method="memory", progress=done.append)
    (segment,) = result.segments
    expected = volume.array > 100
    if axis == 0:
        expected[27:29] = False
    assert np.array_equal(segment.full(SHAPE), expected)
    assert sum(done) == len(sees.shown) <= steps([prompt], volume, "memory") == SHAPE[axis]
    assert result.encoder_calls == len(set(sees.shown))
    shown = [k for k in range(SHAPE[0]) if expected[k].any()]
    assert [at.k for at in segment.slices] == shown
    assert all(at.planes is None and at.stability == 1 for at in segment.slices)
    assert segment.slices[3].confidence == pytest.approx(0.9)


def test_the_way_ends_after_some_slices_without_the_object(volume):
    sees = SeesBright()
    prompt = box_on(0, 10, Window((5, 4), (15, 12)))
    segment_volume(volume, [prompt], loaded(sees), method="memory")
    assert max(sees.shown) == BRIGHT.stop[0] - 1 + ABSENT
    assert min(sees.shown) == max(0, BRIGHT.start[0] - ABSENT)


def test_a_box_says_where_the_object_ends(volume):
    sees = SeesBright()
    prompt = ObjectPrompt("a", 1, Window((8, 5, 4), (14, 15, 12)))
    result = segment_volume(volume, [prompt], loaded(sees), method="memory")
    assert sorted(sees.shown) == list(range(8, 14))
    assert list(sees.asked) == [10]
    assert sees.asked[10].points_xy.tolist() == [[4, 5], [11, 14]]
    assert sees.asked[10].labels.tolist() == [2, 3]
    assert result.segments[0].voxels == 6 * 10 * 8


def test_a_slice_is_shown_with_square_pixels(volume):
    flat = dataclasses.replace(volume, frame=frames.from_itk((0, 0, 0), (1, 2, 1), DIRECTION))
    sees = SeesBright()
    prompt = box_on(0, 10, Window((5, 4), (15, 12)))
    result = segment_volume(flat, [prompt], loaded(sees), method="memory")
    # rows are twice as far apart as columns: shown with 48 rows
    assert sees.asked[10].points_xy.tolist() == [[4, 10.5], [11, 28.5]]
    assert np.array_equal(result.segments[0].full(SHAPE)[10], volume.array[10] > 100)


def test_an_object_that_is_not_found_is_empty(volume):
    dark = dataclasses.replace(volume, array=np.minimum(volume.array, 40))
    stretch = segment_volume(
        volume, [ObjectPrompt("a", 1, BRIGHT)], loaded(SeesBright()), method="memory"
    ).stretch
    segments, count = segment_by_memory(
        dark,
        stretch,
        loaded(SeesBright()),
        [box_on(0, 10, Window((5, 4), (15, 12)))],
        lambda _: None,
    )
    assert segments[0].voxels == 0
    assert segments[0].slices == ()
    assert count == 2 * ABSENT + 1


def test_networks_and_methods_belong_together(volume):
    prompt = [ObjectPrompt("a", 1, BRIGHT)]
    with pytest.raises(
        CapabilityError, match="method memory needs a SAM 2, and model fake is none"
    ):
        segment_volume(volume, prompt, FakeSegmenter(), method="memory")
    with pytest.raises(CapabilityError, match="model seen only follows objects by its memory"):
        segment_volume(volume, prompt, loaded(SeesBright()), method="planes")


def test_a_job_is_cancelled_between_two_slices(volume):
    class StopError(Exception):
        pass

    def step(_count):
        if len(sees.shown) == 3:
            raise StopError

    sees = SeesBright()
    with pytest.raises(StopError):
        segment_volume(
            volume, [ObjectPrompt("a", 1, BRIGHT)], loaded(sees), method="memory", progress=step
        )
    assert len(sees.shown) == 3


def test_a_true_network_gives_masks_on_the_grid_of_the_volume(volume):
    tracker = LoadedTracker("few", "0" * 64, Tracker(seeded_video_model(size=128)))
    prompt = ObjectPrompt("a", 1, Window((9, 5, 4), (12, 15, 12)))
    runs = [segment_volume(volume, [prompt], tracker, method="memory") for _ in range(2)]
    (segment,) = runs[0].segments
    assert segment.voxels > 0
    assert segment.window.intersect(volume.window) == segment.window
    assert np.array_equal(segment.mask, runs[1].segments[0].mask)
    assert all(0 <= at.confidence <= 1 for at in segment.slices)
