"""Trainable: a network of which some weights learn, and the way through it with gradients.

The mask decoder learns as it is. The image encoder gets low-rank changes of its linear layers and
1 x 1 convolutions, by parametrisation: a layer that reads `.weight` and calls no module, as the
attention here does, sees the changed weight too (an adapter around the module would train nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from sam_common.errors import ModelError
from sam_common.support.device_arrays import aligned, to_device
from sam_common.tuned.delta import DIFFERENCE, LOW_A, LOW_B, low_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from sam_common.network.sam import Sam
    from sam_common.prompts import Prompts
    from sam_common.training.options import TrainingOptions

KEPT_AS = torch.float16
"""Type in which differences are kept: half the size, and 1/1000 of a small difference is enough."""


class LowRank(nn.Module):
    """A low-rank change of a weight, zero at first (LoRA, Hu et al. 2021, arXiv 2106.09685).

    Args:
        weight: (out, in) or (out, in, 1, 1).
        rank: Rank of the change; that of the weight where it is more.
        generator: Gives the first values of `a`; `b` begins as zeros.
    """

    def __init__(self, weight: torch.Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        out, into = weight.shape[:2]
        rank = min(rank, out, into)
        first = torch.randn(rank, into, generator=generator) / into**0.5
        self.a = nn.Parameter(first.to(weight.device))
        self.b = nn.Parameter(torch.zeros(out, rank, device=weight.device))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight with its change."""
        return low_rank(weight, self.a, self.b)


class Trainable:
    """A network whose tuned parts learn.

    Args:
        network: As `Sam.prepare_inference` returned it; its decoder is changed in place, its
            encoder gets parametrisations.
        options: Parts, rank and seed.
        device: Where it runs; mixed precision (bfloat16) only on CUDA.

    Raises:
        ModelError: If the encoder is to be tuned and has no layer for it.
    """

    def __init__(self, network: Sam, options: TrainingOptions, device: str = "cpu") -> None:
        self.network = network.to(device)
        self.device = device
        self.parts = options.tuned
        self._positions = network.prompt_encoder.image_positions()
        self._base: dict[str, torch.Tensor] = {}
        self._decoder: dict[str, nn.Parameter] = {}
        self._low_rank: dict[str, LowRank] = {}
        if "decoder" in self.parts:
            for name, parameter in network.mask_decoder.named_parameters(prefix="mask_decoder"):
                self._base[name] = parameter.detach().clone()
                parameter.requires_grad_()
                self._decoder[name] = parameter
        if "encoder" in self.parts:
            generator = torch.Generator().manual_seed(options.seed)
            for name, layer in list(_linear_layers(network.image_encoder)):
                change = LowRank(layer.weight, options.rank, generator)
                parametrize.register_parametrization(layer, "weight", change)
                self._low_rank[f"image_encoder.{name}.weight"] = change
            if not self._low_rank:
                raise ModelError("the image encoder of this model has no linear layer to tune")

    @property
    def learns_encoder(self) -> bool:
        """Whether images must be encoded anew after each step."""
        return bool(self._low_rank)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Everything that learns, by name, always in the same order."""
        found: dict[str, nn.Parameter] = dict(self._decoder)
        for name, change in self._low_rank.items():
            found[f"{LOW_A}:{name}"], found[f"{LOW_B}:{name}"] = change.a, change.b
        return found

    def encode(self, pixels: npt.NDArray[np.float32]) -> torch.Tensor:
        """(1, 3, S, S) prepared pixels to (1, 256, 64, 64) features, with gradients."""
        with self._mixed():
            features: torch.Tensor = self.network.image_encoder(
                to_device(aligned(pixels), self.device)
            )
        return features.float()

    def decode(
        self,
        features: torch.Tensor,
        prompts: Prompts,
        scale_xy: npt.NDArray[np.float64],
        *,
        multimask: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, C, 256, 256) and scores (N, C) of N prompts, with gradients.

        Args:
            features: (1, 256, 64, 64).
            prompts: In indices of the image.
            scale_xy: Pixels of the network's input for one pixel of the image, along x and y.
            multimask: Whether C is 3 instead of 1.
        """
        points, labels = prompts.as_points(scale_xy)
        masks = prompts.mask_logits
        with torch.no_grad():
            tokens, dense = self.network.prompt_encoder(
                to_device(aligned(points), self.device),
                to_device(labels, self.device),
                None if masks is None else to_device(aligned(masks[:, None]), self.device),
            )
        with self._mixed():
            logits, scores = self.network.mask_decoder(
                features, self._positions, tokens, dense, multimask=multimask
            )
        return logits.float(), scores.float()

    def _mixed(self) -> torch.autocast:
        kind = self.device.partition(":")[0]
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")

    @torch.no_grad()
    def load(self, values: Mapping[str, torch.Tensor]) -> None:
        """Set what learns to the given values, by name."""
        for name, parameter in self.parameters().items():
            parameter.copy_(values[name])

    def values(self) -> dict[str, torch.Tensor]:
        """A copy of everything that learns, by name."""
        return {name: p.detach().clone() for name, p in self.parameters().items()}

    def delta(self) -> dict[str, torch.Tensor]:
        """What was learned, as `sam_common.tuned.delta.apply_delta` adds it to the base."""
        found: dict[str, torch.Tensor] = {}
        for name, parameter in self._decoder.items():
            change = (parameter.detach() - self._base[name]).to(KEPT_AS)
            found[f"{DIFFERENCE}:{name}"] = change
        for name, low in self._low_rank.items():
            found[f"{LOW_A}:{name}"] = low.a.detach().clone()
            found[f"{LOW_B}:{name}"] = low.b.detach().clone()
        return found

    def round_as_kept(self) -> None:
        """Set the decoder to what its delta will give, so that figures are those of the file."""
        with torch.no_grad():
            for name, parameter in self._decoder.items():
                change = (parameter - self._base[name]).to(KEPT_AS).to(torch.float32)
                parameter.copy_(self._base[name] + change)


def _linear_layers(module: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    """Linear layers and 1 x 1 convolutions, by name."""
    for name, layer in module.named_modules():
        is_point = isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)
        if isinstance(layer, nn.Linear) or (is_point and layer.groups == 1):
            yield name, cast("nn.Linear | nn.Conv2d", layer)


def stacked(masks: Sequence[npt.NDArray[np.float32]], device: str) -> torch.Tensor:
    """Arrays of one shape as one tensor on a device."""
    tensor: torch.Tensor = to_device(aligned(np.stack(masks)), device)
    return tensor
