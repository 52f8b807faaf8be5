"""Shapes: the published sizes of SAM 2's Hiera encoders, known before transformers is loaded.

The numbers are those of the files `sam2.1_hiera_*.yaml` in the repository facebookresearch/sam2,
and of `sam2.1_hiera_t512.yaml` in bowang-lab/MedSAM2. A folder that `save_pretrained` wrote has its
own in `config.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.network.architecture import ARCHITECTURES, SAM2_STRIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOWS = (8, 4, 14, 7)
"""Sides of the attention windows of the four stages; the large encoder has others."""


@dataclass(frozen=True, slots=True)
class HieraShape:
    """A Hiera image encoder (Ryali et al. 2023, arXiv 2306.00989) of four stages."""

    width: int
    """Channels of the first stage; each stage has twice those of the one before."""
    heads: int
    """Attention heads of the first stage; each stage has twice those of the one before."""
    blocks: tuple[int, int, int, int]
    """Blocks in each stage."""
    global_blocks: tuple[int, ...]
    """Numbers of the blocks that attend to the whole image, not to windows."""
    windows: tuple[int, int, int, int] = WINDOWS
    """Sides of the attention windows of the stages."""
    background: int = 7
    """Rows and columns of the positional embedding that is interpolated to the image."""

    @property
    def widths(self) -> list[int]:
        """Channels of the four stages."""
        return [self.width << stage for stage in range(4)]

    def config(self, size: int) -> dict[str, Any]:
        """The shape at an input of `size` pixels, in the words of transformers' `config.json`."""
        backbone = {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": self.width,
            "num_attention_heads": self.heads,
            "image_size": [size, size],
            "blocks_per_stage": list(self.blocks),
            "embed_dim_per_stage": self.widths,
            "num_attention_heads_per_stage": [self.heads << stage for stage in range(4)],
            "window_size_per_stage": list(self.windows),
            "global_attention_blocks": list(self.global_blocks),
            "window_positional_embedding_background_size": [self.background, self.background],
        }
        return {
            "vision_config": {
                "model_type": "sam2_vision_model",
                "backbone_config": backbone,
                "backbone_channel_list": self.widths[::-1],
                "backbone_feature_sizes": [[size // n, size // n] for n in (4, 8, SAM2_STRIDE)],
            },
            "prompt_encoder_config": {"image_size": size},
            "mask_decoder_config": {},
        }


_TINY = HieraShape(96, 1, (1, 2, 7, 2), (5, 7, 9))
SHAPES: Mapping[str, HieraShape] = {
    "hiera_tiny": _TINY,
    "hiera_small": HieraShape(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "hiera_base_plus": HieraShape(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    "hiera_large": HieraShape(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
    "hiera_tiny_512": _TINY,
}
"""Shapes by the names that the option `--arch` takes."""


def config_of(arch: str) -> dict[str, Any]:
    """The configuration of a published architecture, as `config.json` would state it."""
    return SHAPES[arch].config(ARCHITECTURES[arch].preprocess.size)
