"""Number of prompts that are decoded at once, measured once on a machine and kept in the cache.

A batch must keep all cores busy and yet fit their cache. The best size depends on the machine and
not on the checkpoint, since all of SAM share a form of decoder and all of SAM 2 another. The first
job with many prompts therefore measures a few sizes, and later jobs read the size from the cache
folder.
"""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import time
from typing import TYPE_CHECKING

import filelock
import numpy as np

from sam_common.errors import ModelError, OutputError
from sam_common.network.architecture import EMBEDDING_GRID, WIDTH
from sam_common.prompts import BOTTOM_RIGHT, TOP_LEFT
from sam_common.support.cache_folder import cache_dir, used_folder
from sam_common.support.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.engines.engine import Engine

VARIABLE = "SAM_GEOMED_DECODE_BATCH"
"""Environment variable that sets a fixed batch size in place of the measured one."""
SIZES = {"cpu": (4, 16), "mps": (16, 64), "cuda": (64, 256)}
"""Usual and largest batch size by device.

The usual size is tried first, and jobs of no more prompts take it without measuring. The largest
bounds memory: each prompt of a batch holds about 30 MB.
"""
GAIN = 0.9
"""A size replaces another where its time per prompt is below this share of the other's; smaller
gains may be the noise of a busy machine."""
ROUNDS = 2
"""Timed runs of each size, of which the fastest counts."""


def best_size(seconds: Callable[[int], float], usual: int, most: int) -> int:
    """The batch size with the least time per prompt, by doubling, or by halving if that fails.

    Args:
        seconds: Returns the time in seconds that a batch of a given size takes.
        usual: Size with which the search begins.
        most: Largest size that may be returned.

    >>> best_size(lambda size: 9.0 + size, 4, 16)
    16
    >>> best_size(lambda size: 1.0 + size**2, 4, 16)
    1
    >>> best_size(lambda size: 1.0 * size, 4, 16)
    4
    """
    best, least = usual, seconds(usual) / usual
    for factor in (2.0, 0.5):
        while 1 <= (size := int(best * factor)) <= most:
            if (each := seconds(size) / size) > GAIN * least:
                break
            best, least = size, each
        if best != usual:
            break
    return best


def timed(decode: Callable[[int], object]) -> Callable[[int], float]:
    """A function that decodes batches of a size and returns the seconds of the fastest run.

    An untimed run comes first, in which libraries compile what they need for the size.
    """

    def seconds(size: int) -> float:
        decode(size)
        least = math.inf
        for _ in range(ROUNDS):
            start = time.perf_counter()
            decode(size)
            least = min(least, time.perf_counter() - start)
        return least

    return seconds


class DecodeBatch:
    """The batch size of one engine, measured when it is first needed.

    An engine holds its `DecodeBatch`, which therefore holds no engine: objects that hold each other
    would stay in memory after their use.

    Args:
        channels: Channels of the image embedding that the engine decodes.

    Raises:
        ModelError: If the environment variable holds no whole number from 1 up.
    """

    def __init__(self, channels: int = WIDTH) -> None:
        self._channels = channels
        fixed = os.environ.get(VARIABLE)
        self._known = _number(fixed) if fixed else None

    def fix(self, size: int) -> None:
        """Take a size that was measured elsewhere, unless the environment variable sets another."""
        if self._known is None:
            self._known = size

    def size(self, prompts: int, engine: Engine) -> int:
        """How many of a job's prompts the engine should decode at once."""
        if self._known is None:
            usual, most = SIZES[engine.device.partition(":")[0]]
            if prompts <= usual:
                return usual
            self._known = _kept(engine, usual, most, self._channels)
        return self._known


def _kept(engine: Engine, usual: int, most: int, channels: int) -> int:
    """The size that is kept for this machine and engine, measured where there is none."""
    # machines that share a cache need not share their size
    place = f"{engine.name}-{engine.device}-{platform.node()}-{_cores()}".replace(":", "-")
    if channels != WIDTH:
        place += f"-{channels}"
    try:
        path = cache_dir() / "decode-batch" / f"{place}.json"
        used_folder(path.parent)
        if path.is_file():
            return _known(path)
        # two processes that measure at the same time would disturb each other
        with filelock.FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                decode = functools.partial(_decode, engine, channels)
                size = best_size(timed(decode), usual, most)
                write_bytes(path, json.dumps({"decode_batch": size}).encode())
            return _known(path)
    except (OSError, OutputError):
        # a cache that cannot be written to costs time, not the job
        return usual


def _known(path: Path) -> int:
    return int(json.loads(path.read_text())["decode_batch"])


def _decode(engine: Engine, channels: int, size: int) -> None:
    """Decode boxes on an empty embedding: the time does not depend on the values."""
    features = np.zeros((1, channels, EMBEDDING_GRID, EMBEDDING_GRID), dtype=np.float32)
    corners = np.tile(np.array([[8, 8], [99, 99]], dtype=np.float32), (size, 1, 1))
    labels = np.tile([TOP_LEFT, BOTTOM_RIGHT], (size, 1))
    # the scores are copied to the CPU, so a GPU has finished when this returns
    engine.decode(features, corners, labels, None, multimask=False)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ModelError(f"{VARIABLE} must be a whole number from 1 up, got {text!r}")
    return int(text)


def _cores() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
