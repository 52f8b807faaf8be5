"""Detectors against the whole way of transformers: its processors, its networks, its boxes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from detector_models import bert_tokenizer, clip_tokenizer, grounding_dino, owlv2, sam3
from torch.nn import functional

from sam_common.detectors.networks import GroundingDino, Owlv2, Sam3Concepts
from sam_common.detectors.pixels import by_shorter_side, in_square, stretched

SIZES = ((150, 220), (220, 150), (1200, 900), (40, 40), (30, 400))
PHRASES = ("solar panel", "car")
ABOUT = {"name": "seeded", "sha256": "0" * 64}


def drawn(size_hw):
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)


def dino_processor():
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import (
        GroundingDinoImageProcessorPil,
    )

    return GroundingDinoImageProcessorPil()


def owl_processor(side=960):
    from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

    return Owlv2ImageProcessorPil(size={"height": side, "width": side})


@pytest.mark.parametrize("size_hw", SIZES)
def test_pixels_are_those_of_the_processor_of_grounding_dino(size_hw):
    image = drawn(size_hw)
    theirs = dino_processor()(images=image, return_tensors="np")["pixel_values"]
    ours = by_shorter_side(image, shorter=800, longer=1333)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("size_hw", SIZES)
def test_pixels_are_those_of_the_processor_of_owlv2(size_hw):
    image = drawn(size_hw)
    theirs = owl_processor(200)(images=image, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(in_square(image, 200), theirs, atol=1e-4)


@pytest.mark.parametrize("size_hw", SIZES)
def test_pixels_for_sam3_are_the_antialiased_square_of_torch(size_hw):
    # its processor needs torchvision, whose resize of tensors is this one
    image = drawn(size_hw)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    square = functional.interpolate(tensor, (112, 112), mode="bilinear", antialias=True)
    theirs = (square.float() / 255 - 0.5) / 0.5
    # two grey values of rounding, of -1 to 1
    np.testing.assert_allclose(stretched(image, 112), theirs.numpy(), atol=2.01 * 2 / 255)


def test_boxes_of_grounding_dino_are_those_of_its_processor():
    model, tokenizer = grounding_dino(), bert_tokenizer()
    image = drawn((150, 220))
    from transformers.models.grounding_dino.processing_grounding_dino import GroundingDinoProcessor

    processor = GroundingDinoProcessor.__new__(GroundingDinoProcessor)
    inputs = dino_processor()(images=image, return_tensors="pt")
    tokens = tokenizer(["solar panel. car."], return_tensors="pt", return_token_type_ids=True)
    with torch.inference_mode():
        out = model(**inputs, **tokens)
    processor.tokenizer = tokenizer
    theirs = processor.post_process_grounded_object_detection(
        out, tokens["input_ids"], threshold=0.0, text_threshold=2.0, target_sizes=[(150, 220)]
    )[0]
    detector = GroundingDino(model, tokenizer, **ABOUT)
    with torch.inference_mode():
        corners, scores = detector._scored(image, detector._text(PHRASES))
    np.testing.assert_allclose(corners, theirs["boxes"], atol=0.05)
    # positions: [CLS] solar panel . car . [SEP]
    by_token = out.logits[0].sigmoid()
    np.testing.assert_allclose(scores[:, 0], by_token[:, 1:3].amax(dim=1), atol=1e-3)
    np.testing.assert_allclose(scores[:, 1], by_token[:, 4], atol=1e-3)
    assert scores.std() > 1e-3


def test_boxes_of_owlv2_are_those_of_its_processor():
    model, tokenizer = owlv2(), clip_tokenizer()
    image = drawn((150, 220))
    processor = owl_processor(96)
    inputs = processor(images=image, return_tensors="pt")
    tokens = tokenizer(list(PHRASES), return_tensors="pt", padding="max_length", max_length=16)
    with torch.inference_mode():
        out = model(pixel_values=inputs["pixel_values"].float(), **tokens)
    theirs = processor.post_process_object_detection(out, threshold=0.0, target_sizes=[(150, 220)])[
        0
    ]
    detector = Owlv2(model, tokenizer, **ABOUT)
    with torch.inference_mode():
        corners, scores = detector._scored(image, detector._text(PHRASES))
    np.testing.assert_allclose(corners, theirs["boxes"], atol=1e-2)
    np.testing.assert_allclose(scores.amax(dim=1), theirs["scores"], atol=1e-5)
    assert scores.argmax(dim=1).tolist() == theirs["labels"].tolist()


def test_boxes_of_sam3_are_those_of_its_processor():
    model, tokenizer = sam3(), clip_tokenizer(32)
    image = drawn((150, 220))
    detector = Sam3Concepts(model, tokenizer, **ABOUT)
    with torch.inference_mode():
        corners, scores = detector._scored(image, detector._text(PHRASES))
        for n, phrase in enumerate(PHRASES):
            tokens = tokenizer([phrase], return_tensors="pt", padding="max_length", max_length=32)
            pixels = torch.from_numpy(stretched(image, 112))
            out = model(pixel_values=pixels, **tokens)
            own = slice(20 * n, 20 * (n + 1))
            sizes = torch.tensor([220, 150, 220, 150])
            np.testing.assert_allclose(corners[own], out.pred_boxes[0] * sizes, atol=1e-3)
            expected = (out.pred_logits.sigmoid() * out.presence_logits.sigmoid())[0]
            np.testing.assert_allclose(scores[own, n], expected, atol=1e-6)
    assert scores.std() > 1e-3
