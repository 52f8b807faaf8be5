"""Deltas: what tuning changed in the weights of a network, added back to the weights of its base.

```
difference:mask_decoder.iou_token.weight        W = W_base + difference
low_rank_b:image_encoder.(...).attn.qkv.weight   W = W_base + b @ a     (out, rank) @ (rank, in)
low_rank_a:image_encoder.(...).attn.qkv.weight
```
Both end in plain weights (LoRA: Hu et al. 2021, arXiv 2106.09685, is merged and not kept beside
them), so every engine runs a tuned network as it runs its base, and as fast. Layers that read
`.weight` themselves, as the attention of the image encoders does, see the sum too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sam_common.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.network.sam import Sam

DIFFERENCE, LOW_A, LOW_B = "difference", "low_rank_a", "low_rank_b"
"""What the names of tensors in a delta begin with, before a colon and the name of a parameter."""


def low_rank(weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """A weight with its low-rank change: `weight + b @ a`, in the shape of the weight.

    Args:
        weight: (out, in) of a linear layer, or (out, in, 1, 1) of a 1 x 1 convolution.
        a: (rank, in).
        b: (out, rank).
    """
    return weight + (b @ a).view_as(weight)


@torch.no_grad()
def apply_delta(network: Sam, tensors: Mapping[str, torch.Tensor], *, source: str) -> Sam:
    """Add a delta to the weights of its base, in place, and return the network.

    Args:
        network: As `Sam.prepare_inference` returned it.
        tensors: As `sam_common.training.trainable.Trainable.delta` gives them.
        source: What an error calls the delta.

    Raises:
        CheckpointError: If a tensor belongs to no parameter of the network, or has another shape.
    """
    parameters = dict(network.named_parameters())
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, parameter = name.partition(":")
        if kind not in {DIFFERENCE, LOW_A, LOW_B} or parameter not in parameters:
            raise CheckpointError(f"{source} does not fit its base: it has no parameter for {name}")
        parts.setdefault(parameter, {})[kind] = tensor.to(torch.float32)
    for name, part in parts.items():
        parameters[name].copy_(_changed(parameters[name], part, f"{source}: {name}"))
    return network


def _changed(weight: torch.Tensor, part: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
    """A weight with its difference, or with its low-rank change."""
    part = {kind: tensor.to(weight.device) for kind, tensor in part.items()}
    if part.keys() == {DIFFERENCE} and part[DIFFERENCE].shape == weight.shape:
        return weight + part[DIFFERENCE]
    if part.keys() == {LOW_A, LOW_B}:
        a, b = part[LOW_A], part[LOW_B]
        flat = weight.shape[:2]
        shapes = ((b.shape[0], a.shape[-1]), b.shape[1:], weight[0, 0].numel())
        if shapes == (tuple(flat), a.shape[:1], 1):
            return low_rank(weight, a, b)
    raise CheckpointError(f"{name} is incomplete or of another shape: it does not fit its base")
