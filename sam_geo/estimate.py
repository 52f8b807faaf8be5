"""Dry runs: what an automatic job will cost, measured on one of its windows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sam_common.job import AHEAD
from sam_common.parts import pack
from sam_common.plan import Estimate

if TYPE_CHECKING:
    from sam_common.plan import Plan
    from sam_geo.auto import AutoJob

DECODER_BYTES = 256 * 2**20
"""What a decoder holds at its peak, over the loaded model: a batch of prompts and its logits."""
RESULT_SHARE = 3
"""A result with its parts takes about so many times the bytes of the parts."""


def estimate(job: AutoJob, plan: Plan, *, workers: int = 1) -> Estimate:
    """Do the window in the middle of the raster, or the next one with valid pixels.

    Args:
        job: The job.
        plan: Its plan.
        workers: Windows that will be segmented at the same time; on a CPU they share its cores,
            so the time is that of one.

    Returns:
        Figures for the whole plan. Windows without valid pixels are counted as if they had some,
        so time and encoder calls are upper limits.
    """
    work = job.work(plan)
    middle = len(plan) // 2
    order = [*range(middle, len(plan)), *range(middle)]
    seconds, part_bytes = 0.0, 0
    for n in order:
        pixels = work.read(n)
        if pixels is None:
            continue
        work.segment(n, pixels)  # the first one also warms caches up
        start = time.perf_counter()
        part = work.segment(n, work.read(n))
        seconds = time.perf_counter() - start
        part_bytes = len(pack(part))
        break
    side_hw = plan.windows[0].shape
    pixel_bytes = len(job.source.bands) * (job.source.dtype.itemsize + 1) + 1
    in_flight = (workers + AHEAD) * side_hw[0] * side_hw[1] * pixel_bytes
    return Estimate(
        windows=len(plan),
        encoder_calls=len(plan) if seconds else 0,
        seconds=seconds * len(plan),
        ram_bytes=DECODER_BYTES + in_flight,
        disk_bytes=RESULT_SHARE * part_bytes * len(plan),
    )
