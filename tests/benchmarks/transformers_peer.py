"""Tasks of transformers' `SamModel`, in an environment of its own; nothing of this suite."""

from __future__ import annotations

import re

import torch
from transformers import SamConfig, SamModel

from tests.benchmarks import inputs
from tests.benchmarks.worker import Work

NAMES = (
    (r"^image_encoder\.patch_embed\.proj", "vision_encoder.patch_embed.projection"),
    (r"^image_encoder\.blocks", "vision_encoder.layers"),
    (r"^image_encoder\.neck\.0", "vision_encoder.neck.conv1"),
    (r"^image_encoder\.neck\.1", "vision_encoder.neck.layer_norm1"),
    (r"^image_encoder\.neck\.2", "vision_encoder.neck.conv2"),
    (r"^image_encoder\.neck\.3", "vision_encoder.neck.layer_norm2"),
    (r"^image_encoder", "vision_encoder"),
    (r"\.norm([12])\.", r".layer_norm\1."),
)
"""Published names of the image encoder's weights, and transformers' own."""


def encode(state: str) -> Work:
    """The image encoder of ViT-B on one image.

    Args:
        state: File of the weights by their published names.
    """
    model = SamModel(SamConfig()).eval()
    weights = {}
    for name, tensor in torch.load(state, weights_only=True).items():
        if name.startswith("image_encoder"):
            renamed = name
            for pattern, into in NAMES:
                renamed = re.sub(pattern, into, renamed)
            weights[renamed] = tensor
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if name.startswith("vision_encoder")]
    if missing or unexpected:
        raise ValueError(f"missing {missing}, unexpected {unexpected}")
    pixels = torch.from_numpy(inputs.pixels(inputs.SIDE))

    @torch.inference_mode()
    def run() -> torch.Tensor:
        return model.get_image_embeddings(pixels)

    return Work(run, lambda found: {"features": found.numpy()})


TASKS = {"encode": encode}
