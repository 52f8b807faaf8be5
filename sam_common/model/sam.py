"""A whole Segment Anything network, and how its images must be prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from sam_common.errors import UnknownModelError
from sam_common.model.image_encoder import VIT_SHAPES, ImageEncoderViT
from sam_common.model.mask_decoder import MaskDecoder
from sam_common.model.prompt_encoder import PromptEncoder
from sam_common.model.tiny_vit import TinyViT, fold_norms


@dataclass(frozen=True, slots=True)
class Preprocess:
    """From an RGB uint8 image to the network's square input, as published for each model."""

    size: int
    """Side of the square; the longest side of the image is brought to it."""
    resize: Literal["bilinear", "area"]
    """SAM: Pillow's antialiased bilinear. LiteMedSAM: OpenCV's area interpolation."""
    scaling: Literal["imagenet", "minmax"]
    """SAM: mean and deviation of ImageNet. LiteMedSAM: min and max of the image."""


SAM_PREPROCESS = Preprocess(1024, "bilinear", "imagenet")
LITE_MEDSAM_PREPROCESS = Preprocess(256, "area", "minmax")
ARCHITECTURES = ("vit_b", "vit_l", "vit_h", "tiny_vit_1024", "tiny_vit_256")


class Sam(nn.Module):
    """Image encoder, prompt encoder and mask decoder under their published names."""

    def __init__(self, image_encoder: nn.Module, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(preprocess.size)
        self.mask_decoder = MaskDecoder()

    def prepare_inference(self) -> Sam:
        """Fold the batch norms, freeze the parameters; returns itself."""
        self.eval()
        fold_norms(self)
        return self.requires_grad_(requires_grad=False)


def build_sam(arch: str) -> Sam:
    """An untrained network.

    Args:
        arch: One of `ARCHITECTURES`.

    Raises:
        UnknownModelError: For any other name.
    """
    if arch in VIT_SHAPES:
        return Sam(ImageEncoderViT(VIT_SHAPES[arch]), SAM_PREPROCESS)
    if arch == "tiny_vit_1024":
        return Sam(TinyViT(patch_stride=2), SAM_PREPROCESS)
    if arch == "tiny_vit_256":
        return Sam(TinyViT(patch_stride=1), LITE_MEDSAM_PREPROCESS)
    raise UnknownModelError(
        f"unknown architecture {arch!r}: choose from {', '.join(ARCHITECTURES)}"
    )


@torch.no_grad()
def randomise(network: Sam, seed: int, deviation: float = 0.02) -> Sam:
    """Fill every parameter with seeded noise, for benchmarks and parity without a checkpoint."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator) * deviation
        # scales and variances stay around one, or activations would vanish layer by layer
        near_one = name.endswith(("running_var",)) or (name.endswith("weight") and tensor.ndim == 1)
        tensor.copy_(noise.abs() + 1 if near_one else noise)
    return network
