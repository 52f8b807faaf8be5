"""Automatic masks against the published generators, on the same networks and a real picture."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
import torch
from PIL import Image

from sam_common.automatic.mask_generator import generate_masks
from sam_common.automatic.options import EverythingOptions
from sam_common.network.architecture import SAM_PREPROCESS
from sam_common.network.image_encoder import VIT_SHAPES, ImageEncoderViT
from sam_common.network.sam import Sam
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import Segmenter, load_segmenter, segmenter_of
from tests.oracles.random_weights import randomise

pytestmark = pytest.mark.slow
ALL = Capabilities(points=True, boxes=True, masks=True, multimask=True)


@pytest.fixture(scope="module")
def image(data: Path) -> np.ndarray:
    return np.asarray(Image.open(data / "natural" / "truck.jpg").convert("RGB"))[::2, ::2].copy()


def matched(
    segmenter: Segmenter, generator: Any, image: np.ndarray, **options: float
) -> tuple[list[float], int]:
    """For each published mask the IoU of ours that is nearest to it, and the number of ours."""
    found = generate_masks(segmenter, image, options=EverythingOptions(**options))
    full = np.zeros((len(found), *image.shape[:2]), dtype=np.bool_)
    for mask, instance in zip(full, found, strict=True):
        mask[instance.region.window.slices] = instance.region.mask
    overlaps = []
    for one in generator(**options).generate(image):
        expected = one["segmentation"]
        shared, either = (full & expected).sum(axis=(1, 2)), (full | expected).sum(axis=(1, 2))
        overlaps.append(float((shared / either).max()))
    return overlaps, len(found)


@pytest.mark.parametrize(
    "options",
    [
        {"points_per_side": 6, "min_mask_region_area": 50},
        {"points_per_side": 6, "crop_n_layers": 1, "crop_n_points_downscale_factor": 2},
    ],
    ids=["one crop", "crops"],
)
def test_mobile_sam(options: dict[str, float], image: np.ndarray) -> None:
    segmenter = load_segmenter("mobile_sam", engine="openvino", precision="fp32")
    overlaps, count = matched(segmenter, reference.mobile_sam_generator, image, **options)
    assert len(overlaps) > 5
    assert count == len(overlaps)
    assert min(overlaps) > 0.995


def test_the_generator_of_segment_anything(image: np.ndarray) -> None:
    """On two blocks of ViT-B with seeded weights, as the generator sees embeddings alone."""
    shape = replace(VIT_SHAPES["vit_b"], depth=2, global_blocks=(1,))
    ours = randomise(Sam(ImageEncoderViT(shape), SAM_PREPROCESS), seed=7, deviation=0.1)
    with torch.no_grad():
        # or else no mask of random weights has a score above zero
        ours.mask_decoder.iou_prediction_head.layers[-1].bias += 99
    package = reference.segment_anything_reference()
    # the package has a function of the same name as this module
    module = importlib.import_module("segment_anything.build_sam")
    published = module._build_sam(shape.width, shape.depth, shape.heads, shape.global_blocks)
    published.load_state_dict(ours.state_dict(), strict=True)
    segmenter = segmenter_of(
        ours.prepare_inference(), name="random", sha256="5eed" * 16, capabilities=ALL
    )

    def generator(**options: float) -> Any:
        return package.SamAutomaticMaskGenerator(published.eval(), **options)

    overlaps, count = matched(
        segmenter,
        generator,
        image,
        points_per_side=3,
        pred_iou_thresh=0.0,
        stability_score_thresh=0.1,
        box_nms_thresh=1.0,  # all masks of random weights are alike
    )
    assert len(overlaps) > 5
    assert count == len(overlaps)
    assert min(overlaps) > 0.995
