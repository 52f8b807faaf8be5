"""Networks of SAM 2 against `Sam2Model` of transformers, from the image to masks of its size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from sam2_models import pipeline, resized, seeded_image_model

from sam_common.network.architecture import SAM2_PREPROCESS
from sam_common.network.preprocess import prepare
from sam_common.prompts import Prompts
from sam_common.sam2.network import Sam2
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import segmenter_of

ALL = Capabilities(points=True, boxes=True, masks=True, multimask=True)
SIZE_HW = (150, 220)
POINTS = [[[40.0, 30.0], [150.0, 90.0]], [[100.5, 20.25], [10.0, 140.0]]]
LABELS = [[1, 0], [1, 1]]
BOXES = [[20.0, 10.0, 120.0, 100.0], [90.5, 40.0, 210.0, 149.0]]


def drawn():
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, SIZE_HW[::-1], interpolation=cv2.INTER_CUBIC)


def asked():
    mask = np.random.default_rng(1).normal(0, 4, (1, 256, 256)).astype(np.float32)
    points = {"points_xy": POINTS, "point_labels": LABELS}
    one = {"points_xy": POINTS[:1], "point_labels": LABELS[:1], "boxes_xyxy": BOXES[:1]}
    return {
        "points": Prompts(**points),
        "boxes": Prompts(boxes_xyxy=BOXES),
        "boxes and points": Prompts(boxes_xyxy=BOXES, **points),
        "a mask": Prompts(mask_logits=mask),
        "a mask, a box and points": Prompts(mask_logits=mask, **one),
    }


@pytest.fixture(scope="module")
def model():
    return seeded_image_model()


@pytest.fixture(scope="module")
def published(model):
    """Logits and scores of transformers, for each kind of prompt and number of candidates."""
    pixels, _ = prepare(drawn(), SAM2_PREPROCESS)
    embeddings = model.get_image_embeddings(torch.tensor(pixels[None]))
    return {
        (kind, multimask): pipeline(model, embeddings, SIZE_HW, prompts, multimask=multimask)
        for kind, prompts in asked().items()
        for multimask in ({False} if kind != "points" else {False, True})
    }


@pytest.fixture(scope="module")
def ours(model, tmp_path_factory):
    """A segmenter and its embedding, by engine."""

    def make(engine):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SAM_GEOMED_CACHE", str(tmp_path_factory.mktemp("cache")))
            segmenter = segmenter_of(
                Sam2(model).prepare_inference(),
                name="few",
                sha256="5a" * 32,
                capabilities=ALL,
                placement=("cpu", engine, "fp32"),
            )
            return segmenter, segmenter.embed(drawn())

    return {engine: make(engine) for engine in ("torch", "openvino")}


def test_pictures_are_prepared_as_by_the_processor():
    prepared, size_hw = prepare(drawn(), SAM2_PREPROCESS)
    assert size_hw == (1024, 1024)
    # both round to whole shades of 256, and may round to neighbours
    assert np.abs(prepared - resized(drawn(), 1024)).max() < 1.01 / 255 / 0.224


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_masks_are_those_of_transformers(published, ours, engine):
    segmenter, embedding = ours[engine]
    for (kind, multimask), (logits, scores) in published.items():
        masks = segmenter.decode(embedding, asked()[kind], multimask=multimask)
        assert masks.scores.shape == scores.shape == logits.shape[:2]
        found = np.empty_like(logits)
        for n, c in np.ndindex(scores.shape):
            found[n, c] = masks.full_logits(n, c)
        assert np.abs(found - logits).max() <= 1e-4 * np.abs(logits).max(), kind
        np.testing.assert_allclose(masks.scores, scores, atol=1e-4)
        assert (masks.full(0) == (logits[0, 0] > 0)).mean() > 0.999
        assert 0.01 < (logits > 0).mean() < 0.99
