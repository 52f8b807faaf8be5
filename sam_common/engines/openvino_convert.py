"""Conversion of torch networks to OpenVINO models, part by part."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, TypeAlias

import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import nn

from sam_common.network.architecture import WIDTH
from sam_common.network.layers import is_exact
from sam_common.support.files import flush, telling_full_disks, writing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.network.sam import Sam

_TOKENS = 7
"""Points in the example that is traced; the models take any number of points."""
UPSCALING = 4
"""Cells of the mask logits along one side of a cell of the image embedding."""
_POINTS = (torch.zeros(2, _TOKENS, 2), torch.zeros(2, _TOKENS, dtype=torch.int64))
_POINT_SHAPES = ([-1, -1, 2], [-1, -1])


def convert(network: Sam, paths: Mapping[str, Path]) -> None:
    """Write parts of a network as OpenVINO models.

    Args:
        network: As `Sam.prepare_inference` returned it.
        paths: The `.xml` file of each part to convert: "encoder", "encoder-autocast" (in bfloat16
            but for its exact parts), "prompts", "prompts-masks", "decoder-single",
            "decoder-multi".
    """
    for part, path in paths.items():
        _save(_convert(*_form(network, part)), path)


_Form: TypeAlias = tuple[nn.Module, tuple[torch.Tensor, ...], tuple[list[int], ...]]


def _form(network: Sam, part: str) -> _Form:
    """The module that computes a part, example inputs, and input shapes with -1 for any size."""
    if part.startswith("encoder"):
        size = network.preprocess.size
        encoder = network.image_encoder
        shape = [1, 3, size, size]
        typed = part == "encoder-autocast"
        return (_Autocast(encoder) if typed else encoder), (torch.zeros(shape),), (shape,)
    if part == "prompts":
        return network.prompt_encoder, _POINTS, _POINT_SHAPES
    if part == "prompts-masks":
        shape = [1, UPSCALING * network.grid, UPSCALING * network.grid]
        masks = torch.zeros(2, *shape)
        return network.prompt_encoder, (*_POINTS, masks), (*_POINT_SHAPES, [-1, *shape])
    grid = [1, network.channels, network.grid, network.grid]
    example = torch.zeros(grid), torch.zeros(2, _TOKENS, WIDTH), torch.zeros(1, WIDTH, 1, 1)
    decoder = _Decoder(network, multimask=part == "decoder-multi")
    return decoder, example, (grid, [-1, -1, WIDTH], [-1, WIDTH, -1, -1])


class _Decoder(nn.Module):
    """The mask decoder for tracing, with the positional encoding and the mask count fixed."""

    positions: torch.Tensor

    def __init__(self, network: Sam, *, multimask: bool) -> None:
        super().__init__()
        self.decoder = network.mask_decoder
        self.register_buffer("positions", network.prompt_encoder.image_positions())
        self.multimask = multimask

    def forward(
        self, features: torch.Tensor, tokens: torch.Tensor, dense: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        out: tuple[torch.Tensor, torch.Tensor] = self.decoder(
            features, self.positions, tokens, dense, multimask=self.multimask
        )
        return out


class _Autocast(nn.Module):
    """An image encoder for tracing in bfloat16, with its exact parts in float32.

    OpenVINO keeps the types of the trace. It would round parameters towards zero, which is twice
    the error of rounding to the nearest; so they are rounded before.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        kept = {
            id(parameter)
            for module in self.encoder.modules()
            if is_exact(module)
            for parameter in module.parameters()
        }
        for parameter in self.encoder.parameters():
            if id(parameter) not in kept:
                parameter.data = parameter.data.bfloat16().float()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # the cache of cast weights would be recorded by the trace
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            features: torch.Tensor = self.encoder(pixels)
        return features.float()


def _convert(
    module: nn.Module, example: tuple[torch.Tensor, ...], shapes: tuple[list[int], ...]
) -> openvino.Model:
    """Trace a module on the example and convert the trace to a model of these input shapes."""
    with torch.inference_mode(), warnings.catch_warnings():
        # no branch depends on the values, so a trace is exact; OpenVINO reads traces and exports
        warnings.simplefilter("ignore", DeprecationWarning)
        # the tracer asks modules for all their names, those that a library gives up as well
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
    # not `openvino.convert_model`, which traces twice and reports usage over the network
    decoder = TorchScriptPythonDecoder(traced)
    frontend = FrontEndManager().load_by_framework("pytorch")
    loaded = frontend.load(decoder)
    model = frontend.convert(loaded)
    model.reshape(dict(enumerate(shapes)))
    return model


def _save(model: openvino.Model, path: Path) -> None:
    """Write a model as .xml and .bin; the .bin takes its name first, so an .xml is never alone."""
    partial = path.with_name(f"{path.stem}.partial.xml")
    try:
        # read back before it takes its name, as a full disk leaves half of the weights
        with telling_full_disks(path), writing(path, RuntimeError):
            openvino.save_model(model, partial, compress_to_fp16=False)
            for written in (partial, partial.with_suffix(".bin")):
                flush(written)
            openvino.Core().read_model(partial)
            partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
            partial.replace(path)
    finally:
        for written in (partial, partial.with_suffix(".bin")):
            written.unlink(missing_ok=True)
