"""Pixels: images as the published processors of the detectors prepare them, without torchvision.

```
Grounding DINO   shorter side to 800, longer to 1333 at most; mean and deviation of ImageNet
OWLv2            padded to a square by black, smoothed, to 960 x 960; mean and deviation of CLIP
SAM 3            both sides to 1008; from -1 to 1
```
Held against the processors of transformers in `tests/oracles/test_detector_parity.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image
from scipy import ndimage

from sam_common.network.preprocess import check_image

if TYPE_CHECKING:
    import numpy.typing as npt

Colour: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Mean and standard deviation of red, green and blue, for values from 0 to 1."""

    mean: Colour
    deviation: Colour

    def apply(self, image: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """(H, W, 3) values from 0 to 1 to (1, 3, H, W) normalised ones."""
        scaled = (image - np.array(self.mean)) / np.array(self.deviation)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=np.float32)


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = Normalisation((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def rgb(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An image (H, W, 3) or (H, W) as (H, W, 3).

    Raises:
        InputError: If the array is no image.
    """
    check_image(image)
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image  # noqa: PLR2004


def by_shorter_side(
    image: npt.NDArray[np.uint8], *, shorter: int, longer: int
) -> npt.NDArray[np.float32]:
    """(1, 3, h, w) pixels for Grounding DINO.

    Args:
        image: (H, W, 3) RGB.
        shorter: Length that the shorter side gets.
        longer: Most pixels of the longer side.
    """
    rows, cols = fitted_hw((image.shape[0], image.shape[1]), shorter=shorter, longer=longer)
    picture = Image.fromarray(image).resize((cols, rows), Image.Resampling.BILINEAR)
    return IMAGENET.apply(np.asarray(picture) / 255)


def fitted_hw(size_hw: tuple[int, int], *, shorter: int, longer: int) -> tuple[int, int]:
    """Rows and columns of an image for Grounding DINO, rounded as published.

    A very thin image keeps a row or column.

    >>> [fitted_hw((rows, 900), shorter=800, longer=1333) for rows in (600, 300)]
    [(800, 1200), (444, 1333)]
    """
    low, high = min(size_hw), max(size_hw)
    exact: float = shorter
    if high / low * shorter > longer:
        exact = longer * low / high
    side = max(1, round(exact))
    return (side, int(exact * high / low)) if low == size_hw[0] else (int(exact * high / low), side)


def in_square(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """(1, 3, S, S) pixels for OWLv2: the image lies at the top left of a black square.

    Args:
        image: (H, W, 3) RGB.
        side: Side of the square that the network takes.
    """
    longest = max(image.shape[:2])
    square = np.zeros((longest, longest, 3))
    square[: image.shape[0], : image.shape[1]] = image / 255
    factor = longest / side
    sigma = max(0.0, (factor - 1) / 2)
    # as published: smoothed by the scale, then sampled linearly
    smooth = ndimage.gaussian_filter(square, (sigma, sigma, 0), mode="mirror")
    zoom = (1 / factor, 1 / factor, 1)
    scaled = ndimage.zoom(smooth, zoom, order=1, mode="mirror", grid_mode=True)
    return CLIP.apply(np.clip(scaled, square.min(), square.max()))


def stretched(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """(1, 3, S, S) pixels for SAM 3: both sides of the image become those of the square.

    Args:
        image: (H, W, 3) RGB.
        side: Side of the square that the network takes.
    """
    picture = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return HALF.apply(np.asarray(picture) / 255)
