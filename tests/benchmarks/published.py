"""Tasks of the published packages, for `tests.benchmarks.worker`; never our engines or masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import reference
import torch
from published_loop import PublishedLoop, soft_tissue

from sam_common.network.sam import build_sam
from tests.benchmarks import inputs
from tests.benchmarks.worker import Work
from tests.oracles.random_weights import randomise

BATCH = 64
"""Prompts that the published generator decodes at once."""


def network(model: str) -> Any:
    """The published network with the same weights."""
    if model == "lite_medsam":
        return reference.lite_medsam_reference()
    if model == "mobile_sam":
        return reference.mobile_sam_network()
    found = reference.segment_anything_reference().sam_model_registry["vit_b"]()
    found.load_state_dict(randomise(build_sam("vit_b"), inputs.SEED).state_dict(), strict=True)
    return found.eval()


def encode(model: str) -> Work:
    """The image encoder on one image."""
    encoder = network(model).image_encoder
    pixels = torch.from_numpy(inputs.pixels(256 if model == "lite_medsam" else inputs.SIDE))

    @torch.inference_mode()
    def run() -> torch.Tensor:
        return encoder(pixels)

    return Work(run, lambda found: {"features": found.numpy()})


def decode(model: str, count: int) -> Work:
    """Boxes on one embedding, to logits: all at once, or as many as the generator takes."""
    sam = network(model)
    predictor = reference.mobile_sam_reference().SamPredictor(sam)
    predictor.set_image(inputs.noise())
    boxes = torch.from_numpy(inputs.boxes(count)).float()

    @torch.inference_mode()
    def run() -> torch.Tensor:
        return torch.cat([_logits(sam, predictor.features, part) for part in boxes.split(BATCH)])

    return Work(run, lambda found: {"logits": found[:, 0].numpy()})


def _logits(sam: Any, features: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    sparse, dense = sam.prompt_encoder(points=None, boxes=boxes, masks=None)
    logits, _ = sam.mask_decoder(
        image_embeddings=features,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )
    return logits


def click(model: str, kind: str) -> Work:
    """A click or a box on one embedding, to a mask of the image, by the published predictor."""
    spots = iter(np.random.default_rng(1).uniform(100, 900, (10_000, 2)))
    if model == "lite_medsam":
        script = PublishedLoop(inputs.noise()[None, :, :, 0])
        scale = 256 / inputs.SIDE
        return Work(lambda: script.infer(0, _around(next(spots)) * scale), lambda _: {})
    package = (
        reference.mobile_sam_reference()
        if model == "mobile_sam"
        else reference.segment_anything_reference()
    )
    predictor = package.SamPredictor(network(model))
    predictor.set_image(inputs.noise())

    def run() -> object:
        spot = next(spots)
        if kind == "box":
            return predictor.predict(box=_around(spot))
        return predictor.predict(point_coords=spot[None], point_labels=np.ones(1))

    return Work(run, lambda _: {})


def _around(spot: np.ndarray) -> np.ndarray:
    return np.array([*(spot - 50), *(spot + 50)])


def everything(root: str, points_per_side: int, repeat_to: int = 0, batch: int = BATCH) -> Work:
    """All objects of a picture, the encoder included, by the published generator."""
    image = inputs.picture(root, repeat_to)
    generator = reference.mobile_sam_generator(
        points_per_side=points_per_side, points_per_batch=batch
    )

    def answer(found: list[dict[str, Any]]) -> dict[str, Any]:
        masks = np.array([one["segmentation"] for one in found])
        return {"masks": np.packbits(masks, axis=-1)}

    return Work(lambda: generator.generate(image), answer)


def loop(root: str) -> Work:
    """Five organs on thirty slices, each slice encoded for each organ as the script does."""
    volume = np.asarray(nibabel.load(Path(root) / inputs.CT).dataobj).T[inputs.SLAB]
    script = PublishedLoop(soft_tissue(volume), keep=False)
    extents = inputs.extents(root)

    def run() -> np.ndarray:
        labels = np.zeros(volume.shape, dtype=np.uint8)
        for name, box in extents.items():
            labels[script.segment(box)] = inputs.ORGANS[name]
        return labels

    return Work(run, lambda labels: {"labels": labels})


TASKS = {
    "encode": encode,
    "decode": decode,
    "click": click,
    "everything": everything,
    "loop": loop,
}
