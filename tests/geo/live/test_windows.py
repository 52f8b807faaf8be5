"""Windows of a live raster: those of a job, kept small in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.live.windows import MOST_PIXELS, Encoded, encode, live_window
from sam_geo.prompted.decode import is_on_data
from sam_geo.prompted.windows import window_for
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.pixels import Pixels
from sam_geo.raster.read_window import ReadWindow
from sam_geo.raster.stretch import Stretch

BYTES = Stretch(None)


def native(start, stop):
    window = Window(start, stop)
    return ReadWindow(window, window.shape, ())


def test_the_window_is_that_of_a_job():
    prompt = GeoPrompt(0, box_xyxy=(100.0, 50.0, 150.0, 90.0))
    assert live_window(prompt, (900, 1200), side=64) == window_for(prompt, (900, 1200), side=64)


def test_what_would_take_too_long_is_a_job():
    side = int(MOST_PIXELS**0.5)
    fits = GeoPrompt(0, box_xyxy=(0.0, 0.0, side - 1, side - 1))
    assert live_window(fits, (side, side), side=64).window == Window.full((side, side))
    with pytest.raises(PromptError, match=rf"at most {MOST_PIXELS} pixels here.*run them as a job"):
        live_window(GeoPrompt(0, box_xyxy=(0, 0, side, side)), (side + 1, side + 1), side=64)


def test_a_window_without_valid_pixels_runs_no_encoder(image):
    segmenter = FakeSegmenter(model_size=64)
    encoded = encode(image, (1,), BYTES, segmenter, native((160, 0), (200, 40)))
    assert encoded.embedding is None
    assert segmenter.embedded == []


def test_valid_pixels_are_kept_as_bits_where_some_are_not(image):
    segmenter = FakeSegmenter(model_size=64)
    whole = encode(image, (1,), BYTES, segmenter, native((0, 0), (64, 64)))
    assert whole.valid is None
    edge = encode(image, (1,), BYTES, segmenter, native((130, 0), (170, 31)))
    bits = np.unpackbits(edge.valid, count=40 * 31).reshape(40, 31)
    assert bits[:20].all()
    assert not bits[20:].any()
    assert edge.size_bytes == edge.embedding.features.nbytes + -(-40 * 31 // 8) + 256
    assert [seen.shape for seen in segmenter.embedded] == [(64, 64), (40, 31)]


def test_a_large_window_is_read_coarse(image):
    segmenter = FakeSegmenter(model_size=64)
    encode(image, (1,), BYTES, segmenter, ReadWindow(Window((0, 0), (140, 280)), (35, 70), ()))
    (seen,) = segmenter.embedded
    assert seen.shape == (35, 70)
    assert (seen == 90).all()


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.floats(0, 18), st.floats(0, 10), st.floats(0.1, 8), st.floats(0.1, 8)),
)
def test_data_under_a_prompt_is_that_of_a_job(seed, box):
    """The bits tell what the mask itself tells."""
    read = native((5, 7), (17, 27))
    valid = np.random.default_rng(seed).random((12, 20)) > 0.8
    x, y, width, height = box
    prompts = (
        GeoPrompt(0, box_xyxy=(7 + x, 5 + y, 7 + x + width, 5 + y + height)),
        GeoPrompt(0, points_xy=((7 + x, 5 + y),), point_labels=(1,)),
    )
    for prompt in prompts:
        expected = is_on_data(prompt, read, Pixels(np.empty(0), valid))
        assert Encoded(None, np.packbits(valid)).is_on_data(prompt, read) == expected
        assert Encoded(None, None).is_on_data(prompt, read)
