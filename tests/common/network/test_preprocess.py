from __future__ import annotations

import numpy as np
import pytest

from sam_common.network.architecture import LITE_MEDSAM_PREPROCESS, SAM_PREPROCESS
from sam_common.network.preprocess import prepare


def test_sam_subtracts_the_mean_of_imagenet_and_pads_with_zero_afterwards():
    image = np.zeros((512, 1024, 3), dtype=np.uint8)
    image[...] = (124, 0, 255)
    pixels, inner = prepare(image, SAM_PREPROCESS)
    assert inner == (512, 1024)
    assert pixels.shape == (3, 1024, 1024)
    assert pixels.dtype == np.float32
    assert pixels[:, 511, 1023].tolist() == pytest.approx(
        [(124 - 123.675) / 58.395, -116.28 / 57.12, (255 - 103.53) / 57.375], abs=1e-6
    )
    assert not pixels[:, 512:].any()


def test_litemedsam_stretches_each_image_to_its_own_range():
    image = np.full((256, 100), 50, dtype=np.uint8)
    image[0, 0], image[255, 99] = 20, 220
    pixels, inner = prepare(image, LITE_MEDSAM_PREPROCESS)
    assert inner == (256, 100)
    assert pixels[:, 0, 0].tolist() == [0, 0, 0]
    assert pixels[:, 255, 99].tolist() == [1, 1, 1]
    assert pixels[:, 128, 50].tolist() == pytest.approx([0.15] * 3)
    # the padding lies to the right and takes no part in the range
    assert not pixels[:, :, 100:].any()
    assert pixels[:, 1:, :100].min() > 0


def test_litemedsam_has_nothing_to_stretch_in_a_constant_image():
    pixels, _ = prepare(np.full((9, 9), 77, dtype=np.uint8), LITE_MEDSAM_PREPROCESS)
    assert not pixels.any()


@pytest.mark.parametrize(
    ("size", "inner"),
    [
        ((1, 1), (256, 256)),
        ((3, 2), (256, 171)),  # 170.67 rounds up
        ((1000, 333), (256, 85)),  # 85.25 rounds down
        ((512, 3), (256, 2)),  # 1.5 rounds up, as published
        ((1, 2000), (1, 256)),  # 0.128 stays a row
    ],
)
def test_the_longest_side_becomes_that_of_the_model(size, inner):
    pixels, found = prepare(np.zeros(size, dtype=np.uint8), LITE_MEDSAM_PREPROCESS)
    assert found == inner
    assert pixels.shape == (3, 256, 256)


def test_colours_keep_their_order():
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[..., 0] = 255
    for preprocess in (SAM_PREPROCESS, LITE_MEDSAM_PREPROCESS):
        red, green, blue = prepare(image, preprocess)[0][:, 0, 0].tolist()
        assert red > max(green, blue)
