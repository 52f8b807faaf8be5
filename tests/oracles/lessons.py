"""Pictures of bright discs on a dark ground, and lessons made of them."""

from __future__ import annotations

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.capabilities import Capabilities
from sam_common.training.run import Base, Lesson
from sam_common.training_data.examples import TrainingImage, TrainingObject

ALL = Capabilities(points=True, boxes=True, masks=True, multimask=True)
BASE = Base("small", "tiny_vit_256", "ab" * 32, "Apache-2.0", ALL)


def disc(size_hw, centre_rc, radius):
    """(H, W) pixels of a disc."""
    rows, cols = np.ogrid[: size_hw[0], : size_hw[1]]
    return (rows - centre_rc[0]) ** 2 + (cols - centre_rc[1]) ** 2 <= radius**2


def picture(size_hw=(96, 128), seed=0, across=4, down=3):
    """A grey image and its discs, in the order of their rows."""
    random = np.random.default_rng(seed)
    image = random.integers(20, 60, size_hw).astype(np.uint8)
    masks = []
    for row in range(down):
        for col in range(across):
            centre = (size_hw[0] * (row + 0.5) / down, size_hw[1] * (col + 0.5) / across)
            masks.append(disc(size_hw, centre, random.uniform(7, 12)))
            image[masks[-1]] = random.integers(180, 240)
    return image, masks


def lesson_of(parts=("learn",) * 4 + ("stop",) * 3 + ("judge",) * 5, pictures=1):
    """A lesson of pictures whose discs have these parts."""
    images = []
    for seed in range(pictures):
        image, masks = picture(seed=seed)
        objects = tuple(
            TrainingObject(MaskRegion.tight((0, 0), mask), part, f"disc {n}")
            for n, (mask, part) in enumerate(zip(masks, parts, strict=True))
        )
        images.append(TrainingImage(lambda image=image: image, image.shape, objects))
    return Lesson(images, "discs", "by hand", {"pictures": pictures})
