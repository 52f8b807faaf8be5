"""The OpenVINO engine: the fastest way on a CPU.

The torch networks are traced once for each checkpoint and kept on disk as OpenVINO models, whose
compiled form OpenVINO keeps beside them. A file's name holds the sha256 of the checkpoint and of
the code that was traced, so neither can be stale.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import queue
import threading
import warnings
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

import filelock
import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import nn

from sam_common.cache import cache_dir
from sam_common.model.layers import is_exact
from sam_common.model.prompt_encoder import EMBEDDING_GRID, WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sam_common.engines import EngineName, Precision
    from sam_common.model.mask_decoder import MaskDecoder
    from sam_common.model.sam import Sam

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_TOKENS = 7
"""Tokens in the traced example; the model takes any number."""


class OpenVINOEngine:
    """Runs converted networks through OpenVINO on the CPU.

    Precision "bf16" lets OpenVINO encode images in bfloat16, except for an encoder with parts that
    must be exact: it is converted with the types of `_Autocast`. "fp32" forbids bfloat16, because
    the plugin's own default is bfloat16 wherever the CPU has it. The decoder always runs in
    float32: in bfloat16 it would save 10 ms a prompt and cost half of the agreement with fp32.
    """

    name: EngineName = "openvino"
    device = "cpu"
    decode_batch = 4

    def __init__(self, network: Sam, precision: Precision, sha256: str) -> None:
        self.precision = precision
        self._stem = f"{sha256[:16]}-{_code_version()}"
        size = network.preprocess.size
        self._positions = network.prompt_encoder.image_positions()
        encoder = network.image_encoder
        typed = precision == "bf16" and supports_bf16() and any(map(is_exact, encoder.modules()))
        # what a job does not need is never compiled: of embeddings that are kept, boxes take one
        # decoder, which starts in a third of the time of all three
        self._encoder = self._part(
            "encoder-autocast" if typed else "encoder",
            lambda: _Autocast(encoder) if typed else encoder,
            (torch.zeros(1, 3, size, size),),
            ([1, 3, size, size],),
            "fp32" if typed else precision,
        )
        self._decoders = {
            multimask: self._part(
                f"decoder-{'multi' if multimask else 'single'}",
                functools.partial(_Decoder, network.mask_decoder, multimask=multimask),
                (
                    torch.zeros(1, WIDTH, EMBEDDING_GRID, EMBEDDING_GRID),
                    self._positions,
                    torch.zeros(2, _TOKENS, WIDTH),
                    torch.zeros(1, WIDTH, 1, 1),
                ),
                (
                    [1, WIDTH, EMBEDDING_GRID, EMBEDDING_GRID],
                    list(self._positions.shape),
                    [-1, -1, WIDTH],
                    [-1, WIDTH, -1, -1],
                ),
                "fp32",
            )
            for multimask in (False, True)
        }

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) to (B, 256, 64, 64) float32."""
        # one image at a time: a batch would only add memory on a CPU
        features = [self._encoder.run([image[None].numpy()])[0] for image in pixels.contiguous()]
        return torch.cat([torch.from_numpy(feature) for feature in features])

    def decode(
        self, features: torch.Tensor, tokens: torch.Tensor, dense: torch.Tensor, *, multimask: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, C, 256, 256) and scores (N, C), float32."""
        inputs = [x.contiguous().numpy() for x in (features, self._positions, tokens, dense)]
        logits, scores = self._decoders[multimask].run(inputs)
        return torch.from_numpy(logits), torch.from_numpy(scores)

    def _part(
        self,
        part: str,
        make: Callable[[], nn.Module],
        example: tuple[torch.Tensor, ...],
        shapes: tuple[list[int], ...],
        precision: Precision,
    ) -> _Part:
        """A converted network on disk, to be compiled when it is first run.

        What is converted is made only where it is missing on disk: `_Autocast` reads all weights.
        """
        folder = cache_dir() / "openvino"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._stem}-{part}.xml"
        with filelock.FileLock(folder / f".{path.stem}.lock"):
            if not path.is_file():
                _save(_convert(make(), example, shapes), path)
        return _Part(path, precision)


class _Part:
    """A converted network and its idle requests: one request serves one thread at a time."""

    def __init__(self, path: Path, precision: Precision) -> None:
        self._path = path
        self._precision = precision
        self._lock = threading.Lock()
        self._compiled: openvino.CompiledModel | None = None
        self._idle: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()

    def run(self, inputs: list[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        """The outputs, in arrays of their own."""
        compiled = self._compile()
        with self._borrow(compiled) as request:
            outputs = request.infer(inputs, share_inputs=True)
            return [outputs[port] for port in compiled.outputs]

    def _compile(self) -> openvino.CompiledModel:
        with self._lock:
            if self._compiled is None:
                folder = self._path.parent
                settings = {
                    "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
                    # one folder for each precision: OpenVINO 2026.4 takes the blob of the other
                    # precision for its own and crashes in the first inference
                    "CACHE_DIR": str(folder / self._precision),
                    "PERFORMANCE_HINT": "LATENCY",
                }
                # two processes at once would write one blob
                with filelock.FileLock(folder / f".{self._path.stem}.lock"):
                    self._compiled = openvino.Core().compile_model(self._path, "CPU", settings)
            return self._compiled

    @contextmanager
    def _borrow(self, compiled: openvino.CompiledModel) -> Iterator[openvino.InferRequest]:
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


class _Decoder(nn.Module):
    """The mask decoder with the number of masks fixed, as a trace needs it."""

    def __init__(self, decoder: MaskDecoder, *, multimask: bool) -> None:
        super().__init__()
        self.decoder = decoder
        self.multimask = multimask

    def forward(
        self,
        features: torch.Tensor,
        positions: torch.Tensor,
        tokens: torch.Tensor,
        dense: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        out: tuple[torch.Tensor, torch.Tensor] = self.decoder(
            features, positions, tokens, dense, multimask=self.multimask
        )
        return out


class _Autocast(nn.Module):
    """An image encoder that has its types in it: bfloat16, and float32 in its exact parts.

    OpenVINO takes them as they are. It rounds constants towards zero, twice the error of rounding
    to the nearest; so parameters are rounded before.
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
        # without the cache, which a trace would record
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            features: torch.Tensor = self.encoder(pixels)
        return features.float()


def supports_bf16() -> bool:
    """Whether this CPU computes in bfloat16 (AVX512-BF16 or AMX), as OpenVINO sees it."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _convert(
    module: nn.Module, example: tuple[torch.Tensor, ...], shapes: tuple[list[int], ...]
) -> openvino.Model:
    with torch.inference_mode(), warnings.catch_warnings():
        # the shapes are fixed, so a trace is exact; OpenVINO reads traces as well as exports
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
    # the frontend itself: `openvino.convert_model` traces twice and reports usage over the network
    decoder = TorchScriptPythonDecoder(traced)
    frontend = FrontEndManager().load_by_framework("pytorch")
    loaded = frontend.load(decoder)
    model = frontend.convert(loaded)
    model.reshape(dict(enumerate(shapes)))
    return model


def _save(model: openvino.Model, path: Path) -> None:
    # the weights go first: whoever sees the .xml also sees a whole .bin
    partial = path.with_name(f"{path.stem}.partial.xml")
    openvino.save_model(model, partial, compress_to_fp16=False)
    partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
    partial.replace(path)


@functools.cache
def _code_version() -> str:
    """Hash of what decides how a converted network looks: our code and the two libraries."""
    digest = hashlib.sha256(f"{openvino.__version__} {torch.__version__}".encode())
    for file in sorted(files("sam_common.model").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    digest.update(files("sam_common.engines").joinpath("openvino_engine.py").read_bytes())
    return digest.hexdigest()[:12]
