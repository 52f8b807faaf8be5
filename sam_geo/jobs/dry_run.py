"""Dry runs: what a job will cost, measured on one of its windows."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.tiled_job.parts import pack
from sam_common.tiled_job.plan import Estimate
from sam_common.tiled_job.run import AHEAD

if TYPE_CHECKING:
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.plan import Plan
    from sam_common.tiled_job.run import Work
    from sam_geo.raster.source import RasterSource

DECODER_BYTES = 256 * 2**20
"""What a decoder holds at its peak, over the loaded model: a batch of prompts and its logits."""
RESULT_SHARE = 3
"""A result with its parts takes about so many times the bytes of the parts."""


def estimate(
    work: Work[Any], plan: Plan, source: RasterSource, *, segmenter: Segmenter, workers: int = 1
) -> Estimate:
    """Do the window in the middle of the plan, or the next one with valid pixels.

    Args:
        work: What is done with a window.
        plan: All windows.
        source: The raster.
        segmenter: Whose encoder runs.
        workers: Windows that will be segmented at the same time; on a CPU they share its cores,
            so the time is that of one.

    Returns:
        Figures for the whole plan. Windows without valid pixels are counted as if they had some,
        so time and encoder calls are upper limits.
    """
    middle = len(plan) // 2
    seconds, part_bytes = 0.0, 0
    for n in [*range(middle, len(plan)), *range(middle)]:
        pixels = work.read(n)
        if pixels is None:
            continue
        # not the job's: the first call of an engine compiles and warms up
        segmenter.embed(np.zeros((*plan.windows[n].shape, 3), dtype=np.uint8))
        start = time.perf_counter()
        part = work.segment(n, work.read(n))
        seconds = time.perf_counter() - start
        part_bytes = len(pack(part))
        break
    largest = max((math.prod(window.shape) for window in plan.windows), default=0)
    pixel_bytes = len(source.bands) * (source.dtype.itemsize + 1) + 1
    return Estimate(
        windows=len(plan),
        encoder_calls=len(plan) if seconds else 0,
        seconds=seconds * len(plan),
        ram_bytes=DECODER_BYTES + (workers + AHEAD) * largest * pixel_bytes,
        disk_bytes=RESULT_SHARE * part_bytes * len(plan),
    )
