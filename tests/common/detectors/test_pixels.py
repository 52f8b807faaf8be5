"""Images as detectors take them; parity with transformers is in tests/oracles."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.detectors.pixels import CLIP, HALF, fitted_hw, in_square, rgb, stretched
from sam_common.errors import InputError


@pytest.mark.parametrize(
    ("size_hw", "expected"),
    [((800, 800), (800, 800)), ((900, 600), (1200, 800)), ((100, 1000), (133, 1333))],
)
def test_the_shorter_side_is_fitted_until_the_longer_one_is_too_long(size_hw, expected):
    assert fitted_hw(size_hw, shorter=800, longer=1333) == expected


def test_a_line_of_pixels_keeps_a_row():
    assert min(fitted_hw((1, 5000), shorter=800, longer=1333)) >= 1


def test_grey_images_become_red_green_and_blue():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (rgb(grey) == grey[..., None]).all()
    with pytest.raises(InputError, match="uint8"):
        rgb(grey.astype(float))


def test_what_lies_beside_an_image_in_its_square_is_black():
    square = in_square(np.full((4, 8, 3), 255, np.uint8), 8)
    black = -np.array(CLIP.mean) / np.array(CLIP.deviation)
    np.testing.assert_allclose(square[0, :, 7, 0], black, rtol=1e-6)
    white = (1 - np.array(CLIP.mean)) / np.array(CLIP.deviation)
    np.testing.assert_allclose(square[0, :, 0, 7], white, rtol=1e-6)


def test_sam3_sees_values_from_minus_1_to_1():
    picture = np.zeros((6, 9, 3), np.uint8)
    picture[:, 5:] = 255
    seen = stretched(picture, 14)
    assert seen.shape == (1, 3, 14, 14)
    assert (seen.min(), seen.max()) == (-1, 1)
    assert HALF.apply(np.full((1, 1, 3), 0.5)).max() == 0
