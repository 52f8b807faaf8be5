"""The OpenVINO engine, the fastest on a CPU.

The torch network of a checkpoint is converted once and kept on disk as OpenVINO models, whose
compiled form OpenVINO keeps beside them. The name of their folder holds the sha256 of the
checkpoint and of the code that was converted, so neither can be stale. Models on disk run without
torch.

```
cache_dir()/openvino/<checkpoint>-<code>/encoder.xml, encoder.bin, decoder-single.xml, ...
cache_dir()/openvino/<checkpoint>-<code>/fp32, bf16     models compiled for this processor
```
"""

from __future__ import annotations

import functools
import hashlib
import os
import queue
import threading
from contextlib import contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING

import filelock
import numpy as np
import openvino

from sam_common.engines.decode_batch import DecodeBatch
from sam_common.support.cache_folder import cache_dir, forget_unused, used_folder
from sam_common.support.device_arrays import to_host
from sam_common.support.files import writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy.typing as npt

    from sam_common.engines.engine import EngineName, Precision
    from sam_common.network.lazy_network import LazyNetwork
    from sam_common.support.device_arrays import Array

_HINTS = {"fp32": "f32", "bf16": "bf16"}
UNUSED_SECONDS = 30 * 24 * 3600.0
"""Converted networks that no process used for so long, such as those of an earlier version, are
removed."""


class OpenVINOEngine:
    """An `Engine` that runs converted networks through OpenVINO on the CPU.

    Precision "bf16" lets OpenVINO encode images in bfloat16; an encoder with exact parts is
    converted with its types fixed instead, see `openvino_convert`. "fp32" forbids bfloat16, because
    OpenVINO's own default is bfloat16 wherever the CPU has it. The decoder always runs in float32:
    in bfloat16 it would save 10 ms a prompt and cost half of the agreement with fp32.

    Args:
        network: Loaded only where a part of it was not converted yet.
        precision: Precision of the image encoder.

    Raises:
        CheckpointError: If the network must be converted and its checkpoint does not fit.
        OutputError: If the cache cannot be written to.
    """

    name: EngineName = "openvino"
    device = "cpu"

    def __init__(self, network: LazyNetwork, precision: Precision) -> None:
        self.precision = precision
        exact = network.architecture.has_exact_parts
        typed = precision == "bf16" and exact and supports_bf16()
        encoder = "encoder-autocast" if typed else "encoder"
        parts = (encoder, "prompts", "prompts-masks", "decoder-single", "decoder-multi")
        paths = _converted(network, parts)
        # a part is compiled when it first runs: boxes on embeddings from disk need one decoder,
        # which starts in a third of the time of all parts
        self._encoder = _Part(paths[0], "fp32" if typed else precision)
        self._prompts, self._masks, *decoders = (_Part(path, "fp32") for path in paths[1:])
        self._decoders = dict(zip((False, True), decoders, strict=True))
        self._batch = DecodeBatch(network.architecture.channels)

    def decode_batch(self, prompts: int) -> int:
        """How many of a job's prompts to decode at once."""
        return self._batch.size(prompts, self)

    def fix_decode_batch(self, size: int) -> None:
        """Decode as many prompts at once as another process does."""
        self._batch.fix(size)

    def encode(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(B, 3, S, S) to (B, 256, 64, 64) float32 features, see `Engine.encode`."""
        # one image at a time: on a CPU a batch would add memory and save no time
        features = [self._encoder.run([image[None]])[0] for image in pixels]
        return features[0] if len(features) == 1 else np.concatenate(features)

    def decode(
        self,
        features: Array,
        points_xy: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int64],
        masks: npt.NDArray[np.float32] | None,
        *,
        multimask: bool,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits (N, C, 256, 256) and scores (N, C), float32, see `Engine.decode`."""
        if masks is None:
            prompts = self._prompts.run([points_xy, labels])
        else:
            prompts = self._masks.run([points_xy, labels, masks[:, None]])
        logits, scores = self._decoders[multimask].run([to_host(features), *prompts])
        return logits, scores


def _thread_settings() -> dict[str, str]:
    """OpenVINO's setting for `OMP_NUM_THREADS`, which it does not look at itself.

    Without it each of several processes, such as workers of a cluster, would take all cores.
    Threads are then not bound to cores: OpenVINO binds to the first ones, and so all processes
    would share these and leave the others idle.
    """
    number = os.environ.get("OMP_NUM_THREADS", "")
    if not (number.isdecimal() and int(number)):
        return {}
    return {"INFERENCE_NUM_THREADS": number, "ENABLE_CPU_PINNING": "NO"}


_BUILDING = threading.Lock()
"""Held while a part is converted or compiled. On a busy machine OpenVINO sometimes failed where two
networks of one process were compiled for the first time side by side."""


class _Part:
    """A converted part of a network with its inference requests, each for one thread at a time."""

    def __init__(self, path: Path, precision: Precision) -> None:
        self._path = path
        self._precision = precision
        self._lock = threading.Lock()
        self._compiled: openvino.CompiledModel | None = None
        self._idle: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()

    def run(self, inputs: Sequence[npt.NDArray[np.generic]]) -> list[npt.NDArray[np.float32]]:
        """Run the part and return its outputs as copies, which later runs do not change."""
        compiled = self._compile()
        inputs = [np.ascontiguousarray(array) for array in inputs]
        with self._borrow(compiled) as request:
            outputs = request.infer(inputs, share_inputs=True)
            return [outputs[port] for port in compiled.outputs]

    def _compile(self) -> openvino.CompiledModel:
        """The compiled part, compiled by the first thread that needs it."""
        with self._lock:
            if self._compiled is None:
                folder = self._path.parent
                settings = {
                    "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
                    "PERFORMANCE_HINT": "LATENCY",
                    **_thread_settings(),
                }
                alone: AbstractContextManager[object] = nullcontext()
                if os.access(folder, os.W_OK):  # a shared cache may be read-only
                    # one folder for each precision: OpenVINO 2026.4 takes a compiled model of the
                    # other precision for its own and crashes in the first inference
                    settings["CACHE_DIR"] = str(folder / self._precision)
                    # two processes at once would write the same compiled file
                    alone = filelock.FileLock(folder / f".{self._path.stem}.lock")
                with _BUILDING, alone:
                    self._compiled = openvino.Core().compile_model(self._path, "CPU", settings)
            return self._compiled

    @contextmanager
    def _borrow(self, compiled: openvino.CompiledModel) -> Iterator[openvino.InferRequest]:
        """An idle request, or a new one, for one inference."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


def supports_bf16() -> bool:
    """Whether this CPU computes in bfloat16 (AVX512-BF16 or AMX), as OpenVINO sees it."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _converted(network: LazyNetwork, parts: Sequence[str]) -> list[Path]:
    """The `.xml` files of the parts of a network; missing ones are converted."""
    root = cache_dir() / "openvino"
    code = _code_version(network.arch, network.architecture.is_sam2)
    folder = used_folder(root / f"{network.sha256[:16]}-{code}")
    paths = [folder / f"{part}.xml" for part in parts]
    if all(path.is_file() for path in paths):
        return paths
    with _BUILDING, writing(folder), filelock.FileLock(folder / ".lock"):
        missing = {
            part: path for part, path in zip(parts, paths, strict=True) if not path.is_file()
        }
        if missing:
            from sam_common.engines.openvino_convert import convert  # noqa: PLC0415 - loads torch

            convert(network.load(), missing)
    forget_unused(root, UNUSED_SECONDS)
    return paths


def _version_of(distribution: str) -> str:
    """Version of a library; the empty text where it is not installed, as it may be by now."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


@functools.cache
def _code_version(arch: str, is_sam2: bool = False) -> str:  # noqa: FBT001, FBT002 - cached
    """Hash of all that decides a converted network beside its weights: arch, code and libraries."""
    digest = hashlib.sha256(f"{arch} {openvino.__version__} {version('torch')}".encode())
    packages = [("sam_common.network", ""), ("sam_common.engines", "openvino_")]
    if is_sam2:
        digest.update(_version_of("transformers").encode())
        packages.append(("sam_common.sam2", ""))
    for package, prefix in packages:
        for file in sorted(files(package).iterdir(), key=lambda entry: entry.name):
            if file.name.startswith(prefix) and file.name.endswith(".py"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
