"""Network: SAM 2 for single images, its encoder by transformers and its decoder by ours.

The embedding is one array. Each cell of the 64 x 64 grid holds its own 256 channels, then what the
two finer levels of the encoder have under it: 2 x 2 places of 64 channels, and 4 x 4 of 32.

```
coarsest   256 x  64 x  64                     256 channels of a cell
middle      64 x 128 x 128   2 x 2 x 64   =    256
finest      32 x 256 x 256   4 x 4 x 32   =    512      1024 together, 16 MiB in float32
```
So whatever keeps, copies or measures embeddings does it for SAM 2 as for SAM, and the decoder,
whose upscaling lays the children of a token side by side (`mask_decoder.upscale`), adds the finer
levels without moving them.

Equals `Sam2Model` of transformers, to the rounding of float32; parity is tested in
`tests/oracles/test_sam2_parity.py` for every kind of prompt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from sam_common.network.architecture import (
    CANDIDATES,
    EMBEDDING_GRID,
    SAM2_CHANNELS,
    SAM2_PREPROCESS,
    SAM2_STRIDE,
    WIDTH,
)
from sam_common.network.checkpoint import load_state
from sam_common.network.mask_decoder import MaskDecoder, upscale
from sam_common.network.prompt_encoder import PromptEncoder
from sam_common.network.sam import Sam
from sam_common.sam2.names import own_state

if TYPE_CHECKING:
    from collections.abc import Sequence

STABLE_OFFSET = 0.05
"""Distance of the two thresholds between which a single mask must not change much; as published."""
STABLE = 0.98
"""IoU of the masks at these thresholds below which a candidate is taken instead; as published."""


class Sam2(Sam):
    """Image encoder, prompt encoder and mask decoder of a SAM 2.

    Args:
        model: A `Sam2Model` of transformers with its weights.
    """

    channels: ClassVar[int] = SAM2_CHANNELS

    def __init__(self, model: Any) -> None:
        size = int(model.config.prompt_encoder_config.image_size)
        super().__init__(ImageEncoder(model), replace(SAM2_PREPROCESS, size=size))
        state = model.state_dict()
        prompts = own_state(state, "prompt_encoder")
        self.prompt_encoder = load_state(PromptEncoder(size), prompts, source="SAM 2")
        masks = own_state(state, "mask_decoder") | {"no_memory": state["no_memory_embedding"]}
        # the encoder has projected the finer levels, and images need no score of an object
        unused = ("conv_s0.", "conv_s1.", "pred_obj_score_head.")
        masks = {name: value for name, value in masks.items() if not name.startswith(unused)}
        self.mask_decoder = load_state(FineMaskDecoder(), masks, source="SAM 2")

    @property
    def grid(self) -> int:
        """Rows and columns of the image embedding; mask logits have four times as many."""
        return self.preprocess.size // SAM2_STRIDE


class ImageEncoder(nn.Module):
    """(B, 3, S, S) pixels to (B, 1024, S / 16, S / 16) features of three levels, folded."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.vision_encoder
        self.to_middle = model.mask_decoder.conv_s1
        self.to_finest = model.mask_decoder.conv_s0

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode images; see the drawing above for the order of the channels."""
        finest, middle, coarsest = self.encoder(pixels, return_dict=True).fpn_hidden_states
        return fold((coarsest, self.to_middle(middle), self.to_finest(finest)))


def fold(levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Levels (B, 256, G, G), (B, 64, 2G, 2G), (B, 32, 4G, 4G) to (B, 1024, G, G)."""
    coarsest, middle, finest = levels
    grid = coarsest.shape[-1]
    # rows and columns in a cell go to the front, in the order of the children in the upscaling
    middle = middle.reshape(-1, WIDTH // 4, grid, 2, grid, 2).permute(0, 3, 5, 1, 2, 4)
    finest = finest.reshape(-1, WIDTH // 8, grid, 2, 2, grid, 2, 2)
    finest = finest.permute(0, 3, 6, 4, 7, 1, 2, 5)
    cells = [level.reshape(level.shape[0], -1, grid, grid) for level in (middle, finest)]
    return torch.cat([coarsest, *cells], dim=1)


def unfold(features: torch.Tensor) -> list[torch.Tensor]:
    """The three levels of a folded embedding, the coarsest first; the inverse of `fold`."""
    grid = features.shape[-1]
    coarsest, middle, finest = features.tensor_split([WIDTH, 2 * WIDTH], dim=1)
    middle = middle.reshape(-1, 2, 2, WIDTH // 4, grid, grid).permute(0, 3, 4, 1, 5, 2)
    finest = finest.reshape(-1, 2, 2, 2, 2, WIDTH // 8, grid, grid)
    finest = finest.permute(0, 5, 6, 1, 3, 7, 2, 4)
    return [
        coarsest,
        middle.reshape(-1, WIDTH // 4, 2 * grid, 2 * grid),
        finest.reshape(-1, WIDTH // 8, 4 * grid, 4 * grid),
    ]


class FineMaskDecoder(MaskDecoder):
    """The mask decoder of SAM with what SAM 2 adds: finer levels, and a choice among candidates."""

    def __init__(self) -> None:
        super().__init__()
        self.obj_score_token = nn.Embedding(1, WIDTH)
        self.no_memory = nn.Parameter(torch.zeros(1, 1, WIDTH))

    def forward(
        self,
        features: torch.Tensor,
        positions: torch.Tensor,
        prompt_tokens: torch.Tensor,
        dense: torch.Tensor,
        *,
        multimask: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N prompts on one image, see `MaskDecoder.forward`; features are (1, 1024, 64, 64).

        Where one mask is asked for and that is not stable, the best of the three candidates is
        given instead.
        """
        count = prompt_tokens.shape[0]
        own = [self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight]
        tokens = torch.cat([torch.cat(own).expand(count, -1, -1), prompt_tokens], dim=1)
        cells = features.flatten(2).transpose(1, 2)
        image = cells[..., :WIDTH] + self.no_memory + dense.flatten(2).transpose(1, 2)
        tokens, image = self.transformer(tokens, image, positions)
        kernels = torch.stack(
            [mlp(tokens[:, i + 2]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=2
        )
        area = EMBEDDING_GRID * EMBEDDING_GRID
        finer = (
            cells[..., WIDTH : 2 * WIDTH].reshape(1, 4 * area, WIDTH // 4),
            cells[..., 2 * WIDTH :].reshape(1, 16 * area, WIDTH // 8),
        )
        scores = self.iou_prediction_head(tokens[:, 1]).sigmoid()
        if multimask:
            return upscale(self.output_upscaling, image, kernels[..., 1:], finer), scores[:, 1:]
        return _stable(upscale(self.output_upscaling, image, kernels, finer), scores)


def _stable(logits: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The single mask where it is stable, else the candidate with the highest score.

    Args:
        logits: (N, 4, H, W) of the single mask and of three candidates.
        scores: (N, 4) predicted IoU.
    """
    flat = logits.flatten(2)
    inner = (flat[:, 0] > STABLE_OFFSET).sum(dim=-1).float()
    outer = (flat[:, 0] > -STABLE_OFFSET).sum(dim=-1).float()
    is_stable = inner >= STABLE * outer
    best = scores[:, 1:].argmax(dim=-1) + 1
    pick = torch.where(is_stable, torch.zeros_like(best), best)
    # a product with ones and zeros: a gather of whole masks is slow in converted networks
    ones = (torch.arange(CANDIDATES + 1, device=pick.device) == pick[:, None]).to(flat.dtype)
    chosen = (ones[:, None] @ flat).reshape(-1, 1, *logits.shape[2:])
    return chosen, (ones * scores).sum(dim=-1, keepdim=True)
