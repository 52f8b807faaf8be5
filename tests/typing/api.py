"""What a user writes, checked by mypy: the public names and the types that they give."""

from __future__ import annotations

from typing import assert_type

import numpy as np
import numpy.typing as npt

from sam_common.frame import Frame
from sam_common.masks import MaskRegion, Masks
from sam_common.prompts import Prompts
from sam_common.segmenter import Embedding, Segmenter, load_segmenter
from sam_common.window import Window


def segment(image: npt.NDArray[np.uint8]) -> MaskRegion | None:
    """The core in five lines."""
    segmenter = load_segmenter("mobile_sam", engine="torch", precision="fp32")
    assert_type(segmenter, Segmenter)
    embedding = segmenter.embed(image)
    assert_type(embedding, Embedding)
    masks = segmenter.decode(embedding, Prompts.from_boxes([[75, 275, 1725, 850]]))
    assert_type(masks, Masks)
    assert_type(masks.full(0), npt.NDArray[np.bool_])
    return masks.best().region(0)


def geometry(frame: Frame, window: Window) -> None:
    """Windows and frames."""
    assert_type(frame.crop(window), Frame)
    assert_type(frame.to_world([0, 0]), npt.NDArray[np.float64])
    assert_type(window.intersect(window.expand(3)), Window | None)
