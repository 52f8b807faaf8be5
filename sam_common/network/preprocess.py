"""Preprocessing: from a uint8 image to the normalised, padded square that a network takes.

Equals `ResizeLongestSide` and `Sam.preprocess` of `segment_anything`, the preprocessing of the
published LiteMedSAM inference script, and the `Sam2ImageProcessor` of `transformers`. Tested in
`tests/common/network/test_preprocess.py` by hand, and on real pictures in
`tests/oracles/test_predictor_parity.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from sam_common.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_common.network.architecture import Preprocess

_MEAN = np.array([123.675, 116.28, 103.53], dtype=np.float32)
_DEVIATION = np.array([58.395, 57.12, 57.375], dtype=np.float32)
"""Mean and standard deviation of ImageNet in 0..255, RGB, as published for Segment Anything."""


def check_image(image: npt.NDArray[np.uint8]) -> None:
    """Raise `InputError` unless the array is a uint8 image, (H, W, 3) or (H, W), not empty."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"image must be a uint8 array, got {kind}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):  # noqa: PLR2004
        raise InputError(f"image must have shape (H, W, 3) or (H, W), got {image.shape}")
    if image.size == 0:
        raise InputError(f"image must have pixels, got shape {image.shape}")


def resized_hw(size_hw: tuple[int, int], side: int) -> tuple[int, int]:
    """Rows and columns of an image whose longer side is brought to `side`, rounded as published.

    A very thin image keeps at least one row or column.

    >>> resized_hw((600, 900), 1024), resized_hw((1, 5000), 256)
    ((683, 1024), (1, 256))
    """
    scale = side / max(size_hw)
    rows, cols = (max(1, int(length * scale + 0.5)) for length in size_hw)
    return rows, cols


def fitted_hw(size_hw: tuple[int, int], preprocess: Preprocess) -> tuple[int, int]:
    """Rows and columns of an image in a network's square input, before any padding."""
    if preprocess.is_stretched:
        return preprocess.size, preprocess.size
    return resized_hw(size_hw, preprocess.size)


def prepare(
    image: npt.NDArray[np.uint8], preprocess: Preprocess
) -> tuple[npt.NDArray[np.float32], tuple[int, int]]:
    """Resize, normalise and pad an image.

    Args:
        image: (H, W, 3) RGB or (H, W) grey, uint8.
        preprocess: The rules of the network.

    Returns:
        (3, S, S) float32, zero-padded at the bottom and the right, and the size (rows, columns)
        before padding.
    """
    rows, cols = fitted_hw((image.shape[0], image.shape[1]), preprocess)
    rgb = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image  # noqa: PLR2004
    if preprocess.resize == "area":
        resized = cv2.resize(rgb, (cols, rows), interpolation=cv2.INTER_AREA)
    else:
        picture = Image.fromarray(rgb)
        resized = np.asarray(picture.resize((cols, rows), Image.Resampling.BILINEAR))
    if preprocess.scaling == "minmax":
        low, high = float(resized.min()), float(resized.max())
        scaled = ((resized.astype(np.float64) - low) / max(high - low, 1e-8)).astype(np.float32)
    else:
        scaled = (resized - _MEAN) / _DEVIATION
    pixels = np.zeros((3, preprocess.size, preprocess.size), dtype=np.float32)
    pixels[:, :rows, :cols] = scaled.transpose(2, 0, 1)
    return pixels, (rows, cols)
