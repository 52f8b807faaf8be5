"""Plate: an image, enlarged, with thin lines and words over it, for people to look at.

Nothing is painted over the image but lines: each lies on a darker, wider one, so that it is seen on
bright and on dark ground. Lines and words are drawn without steps, at parts of a pixel.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sam_common.support.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from PIL.ImageFont import FreeTypeFont

Rgb: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
Canvas: TypeAlias = npt.NDArray[np.uint8]
"""(H, W, 3) RGB bytes of a picture."""
Anchor: TypeAlias = "str"
"""Where the place of a word is in it, as Pillow says: `mm` its middle, `la` its upper left."""

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
HALO = 0.55
"""Opacity of the dark line under a line."""
FINE_BITS = 4
"""Bits of a part of a pixel at which OpenCV places lines."""
DASH_PX, GAP_PX = 7.0, 5.0
"""Length of a dash and of the gap after it, in pixels of the picture."""
JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line over a picture."""

    points_xy: npt.NDArray[np.float64]
    """(N, 2) places in pixels of the picture; whole numbers are centres of pixels."""
    rgb: Rgb = WHITE
    width_px: int = 2
    is_closed: bool = True
    """Whether the last point is joined to the first one."""
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word over a picture."""

    text: str
    at_xy: tuple[float, float]
    """Place in pixels of the picture."""
    rgb: Rgb = WHITE
    size_px: int = 20
    """Height of the letters, about."""
    anchor: Anchor = "mm"


def enlarge(
    image: npt.NDArray[np.uint8], size_wh: tuple[int, int], *, smooth: bool = True
) -> Canvas:
    """An image at the size of a picture.

    Args:
        image: (h, w) grey or (h, w, 3) RGB bytes.
        size_wh: Width and height of the picture in pixels.
        smooth: Whether values between pixels are interpolated; else each pixel stays one block.
    """
    way = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    if image.shape[0] > size_wh[1]:
        way = cv2.INTER_AREA
    large = cv2.resize(np.ascontiguousarray(image), size_wh, interpolation=way)
    if large.ndim == 2:  # noqa: PLR2004
        large = np.repeat(large[:, :, None], 3, axis=2)
    return np.ascontiguousarray(large, dtype=np.uint8)


def outlines(
    mask: npt.NDArray[np.bool_], size_wh: tuple[int, int]
) -> list[npt.NDArray[np.float64]]:
    """Outlines of a mask, holes too, at the size of a picture.

    An outline runs where the mask, interpolated between the centres of its pixels, is one half:
    half way between a pixel of the object and one beside it.

    Args:
        mask: (h, w) pixels of an image.
        size_wh: Width and height of the picture in pixels.

    Returns:
        (N, 2) closed lines in pixels of the picture.
    """
    # a border, so that what ends at the edge of the image is closed there
    padded = np.pad(mask.astype(np.float32), 1)
    across, down = size_wh[0] / mask.shape[1], size_wh[1] / mask.shape[0]
    wide = (round(padded.shape[1] * across), round(padded.shape[0] * down))
    large = cv2.resize(padded, wide, interpolation=cv2.INTER_LINEAR) >= 0.5  # noqa: PLR2004
    found, _ = cv2.findContours(large.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    ends = np.array(size_wh) - 1.0
    return [np.clip(line[:, 0] - (across, down), 0.0, ends) for line in found]


def placed(
    points_xy: npt.ArrayLike, size_hw: Sequence[int], size_wh: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Places of an image, in indices (x, y), as places of the picture of a size.

    >>> placed([(-0.5, 0.0), (1.5, 1.0)], (2, 2), (20, 20)).tolist()
    [[-0.5, 4.5], [19.5, 14.5]]
    """
    scale = np.array([size_wh[0] / size_hw[1], size_wh[1] / size_hw[0]])
    return np.asarray((np.asarray(points_xy, dtype=np.float64) + 0.5) * scale - 0.5)


def box_line(box_xyxy: Sequence[float]) -> npt.NDArray[np.float64]:
    """The four corners of a box."""
    x0, y0, x1, y1 = box_xyxy
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


def draw_lines(canvas: Canvas, lines: Iterable[Line]) -> Canvas:
    """A picture with lines over it: all halos first, so that none lies over another line."""
    drawn = [(line, _polylines(line)) for line in lines]
    halo = canvas.copy()
    for line, parts in drawn:
        _stroke(halo, parts, line, BLACK, line.width_px + 2)
    picture = cv2.addWeighted(halo, HALO, canvas, 1 - HALO, 0.0)
    for line, parts in drawn:
        _stroke(picture, parts, line, line.rgb, line.width_px)
    return np.asarray(picture)


def draw_words(canvas: Canvas, words: Iterable[Word]) -> Canvas:
    """A picture with words over it, each in a dark border."""
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    for word in words:
        pen.text(
            word.at_xy,
            word.text,
            fill=word.rgb,
            font=font(word.size_px),
            anchor=word.anchor,
            stroke_width=max(2, word.size_px // 9),
            stroke_fill=BLACK,
        )
    return np.asarray(image).copy()


def font(size_px: int) -> FreeTypeFont:
    """The letters that Pillow brings: the same on every machine."""
    return ImageFont.load_default(size_px)  # type: ignore[return-value]


def write_jpeg(canvas: Canvas, path: Path, *, quality: int = JPEG_QUALITY) -> None:
    """Write a picture as JPEG, whole or not at all.

    Raises:
        OutputError: The disk does not take the file.
    """
    encoded = io.BytesIO()
    # colours at full resolution, or thin lines fade; not optimised, as Pillow's buffer for that is
    # too small for a picture of noise
    Image.fromarray(canvas).save(encoded, format="JPEG", quality=quality, subsampling=0)
    write_bytes(path, encoded.getvalue())


def _stroke(
    canvas: Canvas, parts: Sequence[npt.NDArray[np.int32]], line: Line, rgb: Rgb, width: int
) -> None:
    """Draw the parts of a line onto a canvas, in place."""
    closed = line.is_closed and not line.is_dashed
    cv2.polylines(canvas, parts, closed, rgb, width, cv2.LINE_AA, FINE_BITS)


def _polylines(line: Line) -> list[npt.NDArray[np.int32]]:
    """The parts of a line in the numbers that OpenCV takes."""
    parts = _dashes(line) if line.is_dashed else [line.points_xy]
    return [np.rint(part * (1 << FINE_BITS)).astype(np.int32) for part in parts]


def _dashes(line: Line) -> Iterator[npt.NDArray[np.float64]]:
    """A line cut into dashes along its length."""
    points = line.points_xy
    if line.is_closed:
        points = np.concatenate([points, points[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    for start in np.arange(0.0, along[-1], DASH_PX + GAP_PX):
        stop = min(start + DASH_PX, along[-1])
        inside = along[(along > start) & (along < stop)]
        at = np.concatenate([[start], inside, [stop]])
        yield np.column_stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)])
