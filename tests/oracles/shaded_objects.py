"""Bright objects in dark volumes, and a network that finds what is bright: to test propagation."""

from __future__ import annotations

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Embedding
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.propagate.prediction import Prediction, across, box_of_window
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch

DIRECTION = (1, 0, 0, 0, 1, 0, 0, 0, 1)
BRIGHT = 150


class ShadeSegmenter(FakeSegmenter):
    """Finds what is bright in a box, or the bright pixels around a point."""

    def embed(self, image):
        light = super().embed(image)
        pixels = image[None, None].astype(np.float32)
        return Embedding(pixels, light.image_size_hw, light.input_size_hw, light.model)

    def decode(self, embedding, prompts, *, multimask=False):
        masks = super().decode(embedding, prompts, multimask=multimask)
        bright = embedding.features[0, 0] > BRIGHT
        if prompts.boxes_xyxy is None:
            regions = [MaskRegion(Window.full(bright.shape), bright)] * len(prompts)
        else:
            regions = [
                r and MaskRegion(r.window, r.mask & bright[r.window.slices]) for r in masks.regions
            ]
        found = [r if r is not None and r.mask.any() else None for r in regions]
        scores = np.array([[0.9 if r is not None else 0.1] for r in found], dtype=np.float32)
        sizes = embedding.image_size_hw, embedding.input_size_hw
        return type(masks)(masks.logits, scores, *sizes, masks.model_size, tuple(found))


def slices_of(array, segmenter=None, spacing_ijk=(1, 1, 1), **options):
    """Embeddings of a CT with these values in HU."""
    frame = frames.from_itk((0, 0, 0), spacing_ijk, DIRECTION)
    volume = Volume(array, frame, "CT")
    stretch = choose_stretch(volume)
    return SliceEmbeddings(volume, stretch, segmenter or ShadeSegmenter(), **options)


def ball(shape=(30, 34, 38), centre=(14, 17, 20), radii=(9, 5, 6)):
    """An ellipsoid as a (k, j, i) mask."""
    index = np.indices(shape).astype(float)
    away = sum(((x - c) / r) ** 2 for x, c, r in zip(index, centre, radii, strict=True))
    return away <= 1


def scan(mask, noise=5):
    """A bright object in darkness, in HU."""
    rng = np.random.default_rng(11)
    return (np.where(mask, 180, -100) + rng.integers(-noise, noise + 1, mask.shape)).astype(
        np.int16
    )


def tight(mask):
    """The smallest window that holds a mask."""
    found = np.nonzero(mask)
    return Window(tuple(int(x.min()) for x in found), tuple(int(x.max()) + 1 for x in found))


def slice_box(mask, axis, index):
    """The smallest box around a mask on one slice."""
    return SliceBox(axis, index, tight(np.take(mask, index, axis)))


def shown(mask, axis, quality):
    """Predictions of one quality that show a mask on every slice along an axis."""
    window = Window.full(mask.shape)
    return {
        (axis, index): prediction((axis, index), part, window, quality)
        for index, part in enumerate(np.moveaxis(mask, axis, 0))
    }


def stack(predictions, window):
    """The masks of predictions along one axis as one array of the window's shape."""
    mask = np.zeros(window.shape, dtype=bool)
    for one in predictions:
        np.moveaxis(mask, one.axis, 0)[one.index - window.start[one.axis]] = one.mask
    return mask


def prediction(place, mask, window, quality=1.0, **known):
    """One prediction of a mask on the window's part of a slice."""
    assert mask.shape == across(window, place[0]).shape
    certainty = np.where(mask, 100, -100).astype(np.int8)
    return Prediction(*place, box_of_window(window, place[0]), certainty, quality, 1.0, **known)
