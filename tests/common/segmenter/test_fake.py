from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import CapabilityError, InputError
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Segmenter
from sam_common.window import Window

IMAGE = np.full((20, 30, 3), 9, dtype=np.uint8)


def answer(prompts, fake=None, image=IMAGE):
    fake = fake or FakeSegmenter()
    return fake.decode(fake.embed(image), prompts)


def test_it_has_the_interface_of_the_segmenter():
    def public(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(Segmenter) <= public(FakeSegmenter)
    for name in ("embed", "embed_batch", "decode", "decode_batches"):
        ours, real = (inspect.signature(getattr(kind, name)) for kind in (FakeSegmenter, Segmenter))
        assert ours.parameters.keys() == real.parameters.keys()


@pytest.mark.parametrize(
    ("box", "window"),
    [
        # a pixel is inside when its centre is
        ([2, 3, 4, 6], Window((3, 2), (7, 5))),
        ([1.5, 2.5, 4.5, 6.5], Window((3, 2), (7, 5))),
        ([2.1, 3.1, 3.9, 5.9], Window((4, 3), (6, 4))),
        # an edge that misses a centre by rounding only
        ([2 + 1e-9, 3, 4, 6 - 1e-9], Window((3, 2), (7, 5))),
        ([5, 5, 5, 5], Window((5, 5), (6, 6))),
        ([-9, -9, 99, 99], Window((0, 0), (20, 30))),
        ([28, 18, 40, 40], Window((18, 28), (20, 30))),
    ],
)
def test_a_box_is_answered_with_the_pixels_in_it(box, window):
    region = answer(Prompts.from_boxes(box)).region(0)
    assert region.window == window
    assert region.mask.all()


@pytest.mark.parametrize("box", [[2.1, 3, 2.9, 6], [40, 0, 50, 10], [-5, -5, -1, -1]])
def test_a_box_without_a_pixel_is_an_empty_mask(box):
    masks = answer(Prompts.from_boxes(box))
    assert masks.region(0) is None
    assert not masks.full(0).any()


@given(st.tuples(*[st.integers(0, 40)] * 4), st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_a_window_of_the_image_gives_the_same_pixels(corners, start):
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    boxes = Prompts.from_boxes([left, top, right, bottom])
    window = Window(start, (20, 30))
    whole = answer(boxes).full(0)[window.slices]
    part = answer(boxes.into_window(window), image=IMAGE[window.slices]).full(0)
    np.testing.assert_array_equal(part, whole)


def test_a_point_is_answered_with_a_disc():
    region = answer(Prompts.from_points([[10, 8]]), FakeSegmenter(radius_px=2)).region(0)
    assert region.window == Window((6, 8), (11, 13))
    assert region.mask.sum(axis=1).tolist() == [1, 3, 5, 3, 1]


def test_the_disc_ends_at_the_image_and_background_points_give_none():
    fake = FakeSegmenter(radius_px=2)
    assert answer(Prompts.from_points([[0, 0]]), fake).region(0).window == Window((0, 0), (3, 3))
    assert answer(Prompts.from_points([[10, 8]], [0]), fake).region(0) is None
    assert answer(Prompts.from_points([[99, 99]]), fake).region(0) is None


def test_a_row_for_each_prompt():
    fake = FakeSegmenter()
    boxes = Prompts.from_boxes([[n, n, n + 1, n + 1] for n in range(5)])
    masks = answer(boxes, fake)
    assert len(masks) == 5
    assert masks.scores.shape == (5, 1)
    assert [masks.region(n).window.start for n in range(5)] == [(n, n) for n in range(5)]
    assert [masks[3:].region(n).window.start for n in range(2)] == [(3, 3), (4, 4)]
    assert masks.best().region(4).window.start == (4, 4)
    batches = list(fake.decode_batches(fake.embed(IMAGE), boxes))
    assert [batch.region(0).window.start for batch in batches] == [(n, n) for n in range(5)]


def test_a_dark_image_gives_empty_masks():
    fake = FakeSegmenter(empty_below=9)
    assert answer(Prompts.from_boxes([0, 0, 5, 5]), fake).region(0) is None
    assert answer(Prompts.from_boxes([0, 0, 5, 5]), fake, IMAGE + 1).region(0).area_px == 36


def test_every_image_is_remembered():
    fake = FakeSegmenter()
    thin = np.zeros((1, 5000), dtype=np.uint8)
    embeddings = fake.embed_batch([IMAGE, IMAGE[:2, :3, 0], thin])
    assert [image.shape for image in fake.embedded] == [(20, 30, 3), (2, 3), (1, 5000)]
    assert [e.image_size_hw for e in embeddings] == [(20, 30), (2, 3), (1, 5000)]
    assert [e.input_size_hw for e in embeddings] == [(683, 1024), (683, 1024), (1, 1024)]


def test_it_refuses_what_the_segmenter_refuses():
    boxes_only = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    with pytest.raises(CapabilityError) as caught:
        answer(Prompts.from_points([[1, 1]]), FakeSegmenter(capabilities=boxes_only))
    assert str(caught.value) == (
        'model "fake" takes boxes only, not points: '
        "use one of mobile_sam, sam_vit_b, sam_vit_l, sam_vit_h, sam2.1_hiera_tiny, "
        "sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large"
    )
    with pytest.raises(InputError) as caught:
        FakeSegmenter().embed(IMAGE.astype(np.float32))
    assert str(caught.value) == "image must be a uint8 array, got float32"
