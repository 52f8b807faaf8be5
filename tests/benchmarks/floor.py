"""The least time a row can take on this machine: its operations at the best rate seen here.

Operations are those of the matrix products and convolutions of the networks as they stand
(a multiplication and an addition count as two), bytes those of weights, inputs and outputs, each
moved once. The rates are the best of several products of 2048 x 2048 matrices in the same
precision, and of copies that no cache holds. Norms, activations and softmax are on no floor.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sam_common.engines.openvino_engine import supports_bf16
from sam_common.network.architecture import EMBEDDING_GRID, GRID, WIDTH
from sam_common.network.sam import Sam, build_sam

SIDE = 2048
COPY_BYTES = 1 << 28
ROUNDS = 12
TOKENS = 2
"""Prompt tokens of a box."""
FLOAT = 4
ARCHITECTURES = {"lite_medsam": "tiny_vit_256", "mobile_sam": "tiny_vit_1024", "vit_b": "vit_b"}
Work = tuple[float, float]
"""Operations and bytes."""


_rates: dict[str, float] = {}


def sample() -> None:
    """Measure the rates of this machine; the best of all counts, since others may share it."""
    measures = {"fp32": lambda: _products(torch.float32), "bandwidth": _copies}
    if supports_bf16():
        measures["bf16"] = lambda: _products(torch.bfloat16)
    for name, measure in measures.items():
        _rates[name] = max(_rates.get(name, 0.0), measure())


def rate(name: str) -> float:
    """Operations a second in "fp32" or "bf16"; or "bandwidth", bytes a second, read and written."""
    if name not in _rates:
        sample()
    return _rates[name]


def _products(dtype: torch.dtype) -> float:
    a, b = torch.randn((2, SIDE, SIDE)).to(dtype)
    return 2 * SIDE**3 / _best(lambda: a @ b)


def _copies() -> float:
    source = torch.zeros(COPY_BYTES // FLOAT)
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / _best(lambda: target.copy_(source))


def _best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def seconds(work: Work, precision: str = "fp32") -> float:
    """What this machine needs at least."""
    operations, moved = work
    return max(operations / rate(precision), moved / rate("bandwidth"))


@functools.cache
def _network(model: str) -> Sam:
    return build_sam(ARCHITECTURES[model]).prepare_inference()


@contextmanager
def _counting() -> Iterator[FlopCounterMode]:
    # the counter does not know the fused attention of CPUs: it is counted as its two products
    with (
        torch.inference_mode(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counted,
    ):
        yield counted


@functools.cache
def encode(model: str) -> Work:
    """One image through the encoder."""
    network = _network(model)
    size = network.preprocess.size
    with _counting() as counted:
        network.image_encoder(torch.zeros((1, 3, size, size)))
    weights = sum(p.numel() for p in network.image_encoder.parameters())
    features = WIDTH * EMBEDDING_GRID**2
    return counted.get_total_flops(), FLOAT * (weights + 3 * size**2 + features)


def decode(model: str, count: int, *, multimask: bool = False) -> Work:
    """So many boxes or points on one embedding."""
    operations, weights = _decode(model, multimask=multimask)
    masks = count * (3 if multimask else 1) * GRID**2
    return count * operations, FLOAT * (weights + WIDTH * EMBEDDING_GRID**2 + masks)


@functools.cache
def _decode(model: str, *, multimask: bool) -> Work:
    network = _network(model)
    with _counting() as counted:
        network.mask_decoder(
            torch.zeros((1, WIDTH, EMBEDDING_GRID, EMBEDDING_GRID)),
            network.prompt_encoder.image_positions(),
            torch.zeros((1, TOKENS, WIDTH)),
            torch.zeros((1, WIDTH, 1, 1)),
            multimask=multimask,
        )
    return counted.get_total_flops(), sum(p.numel() for p in network.mask_decoder.parameters())


def add(*parts: Work) -> Work:
    """One after the other.

    >>> add((1.0, 2.0), (3.0, 4.0))
    (4.0, 6.0)
    """
    return sum(p[0] for p in parts), sum(p[1] for p in parts)


def times(count: int, part: Work) -> Work:
    """Again and again."""
    return count * part[0], count * part[1]
