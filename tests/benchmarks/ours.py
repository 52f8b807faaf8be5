"""Tasks of this suite, for `tests.benchmarks.worker`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_common.automatic.mask_generator import generate_masks
from sam_common.automatic.options import EverythingOptions
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import Segmenter, load_segmenter, segmenter_of
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto
from sam_med.files.read import read_volume
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.run.segment import segment_volume
from tests.benchmarks import inputs
from tests.benchmarks.worker import Work

ALL = Capabilities(points=True, boxes=True, masks=True, multimask=True)


def segmenter(model: str, precision: str = "auto") -> Segmenter:
    """One of the registry, or a ViT-B of seeded weights, whose own are not to be had everywhere."""
    if model != inputs.RANDOM_VIT_B:
        return load_segmenter(model, precision=precision)
    # torch in memory would be a part of the peak, and what is converted needs none
    from sam_common.network.sam import build_sam
    from tests.oracles.random_weights import randomise

    network = randomise(build_sam("vit_b"), inputs.SEED).prepare_inference()
    placement = ("cpu", "auto", precision)
    return segmenter_of(
        network, name=model, sha256="5eed" * 16, capabilities=ALL, placement=placement
    )


def encode(model: str, precision: str) -> Work:
    """The image encoder on one image."""
    network = segmenter(model, precision)
    pixels = inputs.pixels(network.model_size)

    def answer(found: npt.NDArray[np.float32]) -> dict[str, Any]:
        return {"features": found, "precision": network.precision, "engine": network.engine}

    return Work(lambda: network._engine.encode(pixels), answer)


def decode(model: str, count: int) -> Work:
    """Boxes on one embedding, to logits."""
    network = segmenter(model, "fp32")  # or the error were that of the embedding
    embedding = network.embed(inputs.noise())
    prompts = Prompts.from_boxes(inputs.boxes(count))
    return Work(
        lambda: network.decode(embedding, prompts), lambda found: {"logits": found.logits[:, 0]}
    )


def click(model: str, kind: str) -> Work:
    """A click or a box on one embedding, to a mask of the image."""
    network = segmenter(model)
    picture = inputs.noise()
    embedding = network.embed(picture[:, :, 0] if model == "lite_medsam" else picture)
    spots = iter(np.random.default_rng(1).uniform(100, 900, (10_000, 2)))

    def run() -> object:
        spot = next(spots)
        if kind == "box":
            box = Prompts.from_boxes([[*(spot - 50), *(spot + 50)]])
            return network.decode(embedding, box).region(0)
        masks = network.decode(embedding, Prompts.from_points(spot[None]), multimask=True)
        return masks.best().region(0)

    return Work(run, lambda _: {})


def everything(root: str, points_per_side: int, repeat_to: int = 0) -> Work:
    """All objects of a picture, the encoder included."""
    network = segmenter("mobile_sam", "fp32")  # or masks at a threshold would differ
    image = inputs.picture(root, repeat_to)
    options = EverythingOptions(points_per_side=points_per_side)
    # the first run of a part compiles it
    network.decode(network.embed(image), Prompts.from_points([[5, 5]]), multimask=True)

    def answer(found: list[Any]) -> dict[str, Any]:
        masks = np.zeros((len(found), *image.shape[:2]), dtype=np.bool_)
        for mask, instance in zip(masks, found, strict=True):
            mask[instance.region.window.slices] = instance.region.mask
        return {"masks": np.packbits(masks, axis=-1)}

    return Work(lambda: generate_masks(network, image, options=options), answer)


def polygons(root: str, points_per_side: int) -> Work:
    """Everything in a GeoTIFF to a GeoPackage."""
    network = segmenter("mobile_sam")
    network.decode(network.embed(inputs.noise()), Prompts.from_points([[5, 5]]), multimask=True)
    folder = tempfile.TemporaryDirectory()
    request = AutoRequest(
        image=Path(root) / inputs.GEOTIFF,
        output=Path(folder.name) / "table.gpkg",
        overwrite=True,
        options=AutoOptions(everything=EverythingOptions(points_per_side=points_per_side)),
    )

    def run() -> str:
        run_auto(request, lambda: network)
        return str(request.output)

    def answer(found: str) -> dict[str, Any]:
        with folder:
            return {"covered": inputs.covered(root, found)}

    return Work(run, answer)


def loop(root: str) -> Work:
    """Five organs on thirty slices in the way of the published loop."""
    volume = read_volume(Path(root) / inputs.CT)
    # the grid's origin has no part in the result
    volume = replace(volume, array=volume.array[inputs.SLAB])
    network = segmenter("lite_medsam", "fp32")
    network.decode(network.embed(inputs.noise()), Prompts.from_boxes([[5, 5, 90, 90]]))
    prompts = [
        ObjectPrompt.from_ijk(name, inputs.ORGANS[name], box)
        for name, box in inputs.extents(root).items()
    ]
    return Work(
        lambda: segment_volume(
            volume, prompts, network, method="litemedsam", overwrite_labels="all"
        ),
        lambda found: {"labels": found.labels.array},
    )


TASKS = {
    "encode": encode,
    "decode": decode,
    "click": click,
    "everything": everything,
    "polygons": polygons,
    "loop": loop,
}
