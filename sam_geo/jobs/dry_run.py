"""Dry runs: what a job would cost, measured on one of its windows; nothing is written."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.tiled_job.parts import pack
from sam_common.tiled_job.plan import Estimate
from sam_common.tiled_job.run import AHEAD
from sam_geo.automatic.windows_to_objects import AutoWork
from sam_geo.jobs.opened import loaded_detector, opened_job, run_options
from sam_geo.prompted.segment import prompt_work
from sam_geo.words.windows_to_boxes import WordWork

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.detectors.detector import Detector
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.plan import Plan
    from sam_common.tiled_job.work import Work
    from sam_geo.jobs.opened import OpenedJob
    from sam_geo.jobs.request import AutoRequest, PromptRequest

DECODER_BYTES = 256 * 2**20
"""Memory of a decoder at its peak, over the loaded model: a batch of prompts and its logits."""
RESULT_SHARE = 3
"""A result together with its parts takes about this many times the bytes of the parts."""


def dry_run_auto(request: AutoRequest, load: Callable[[], Segmenter]) -> dict[str, Any]:
    """Estimate the cost of `sam_geo.run_auto` from one window; nothing is written.

    Args:
        request: The job.
        load: Makes the segmenter.

    Returns:
        `windows, encoder_calls, seconds, ram_bytes, disk_bytes`, as
        `sam_common.tiled_job.plan.Estimate`.

    Raises:
        SuiteError: As `run_auto` would, before its work.
    """
    with opened_job(request, load, writes=False) as opened:
        work = AutoWork(
            opened.source, opened.segmenter, opened.stretch, request.options, opened.boxes
        )
        plan = work.plan()
        return asdict(estimate(work.work(plan), plan, opened, workers=request.workers))


def dry_run_prompts(
    request: PromptRequest,
    load: Callable[[], Segmenter],
    *,
    find: Callable[[], Detector] | None = None,
) -> dict[str, Any]:
    """Estimate the cost of `sam_geo.run_request` from one window; nothing is written.

    Args:
        request: The job.
        load: Makes the segmenter.
        find: Makes the detector of a request with words; the one that it names where None.

    Returns:
        As `dry_run_auto`, with `prompts` and `prompts_per_embedding`; refinement of objects larger
        than a window comes on top. Of words the cost of looking for them, with the number of
        `phrases`: how many masks follow is not known before.

    Raises:
        SuiteError: As `run_request` would, before its work.
    """
    with opened_job(request, load, writes=False) as opened:
        if request.words is not None:
            detector = loaded_detector(opened, request.words, find)
            looked = WordWork(opened.source, detector, opened.stretch, request.words)
            plan = looked.plan()
            cost = estimate(looked.work(plan), plan, opened, workers=request.workers)
            return {"phrases": len(request.words.phrases), **asdict(cost)}
        how = run_options(request, opened, writes=False)
        work = prompt_work(opened.source, opened.prompts, opened.segmenter, how)
        cost = estimate(work.work(None), work.plan(), opened, workers=request.workers)
    placed = sum(len(read.prompts) for read in work.windows)
    shared = round(placed / len(work.windows), 2) if work.windows else None
    return {"prompts": len(opened.prompts), "prompts_per_embedding": shared, **asdict(cost)}


def estimate(work: Work[Any, Any], plan: Plan, opened: OpenedJob, *, workers: int = 1) -> Estimate:
    """Segment the window in the middle of the plan, or the next one with valid pixels.

    Args:
        work: Reading and segmenting a window.
        plan: All windows.
        opened: The raster and the segmenter.
        workers: Windows that will be segmented at the same time; on a CPU they share its cores,
            so the time is that of one.

    Returns:
        Figures for the whole plan. Windows without valid pixels are counted as if they had some,
        so time and encoder calls are upper limits.
    """
    source, middle = opened.source, len(plan) // 2
    seconds, part_bytes = 0.0, 0
    for n in [*range(middle, len(plan)), *range(middle)]:
        question = work.ask(n)
        pixels = work.read(question)
        if pixels is None:
            continue
        # the first call of an engine compiles and warms up: that time is not the job's
        opened.segmenter.embed(np.zeros((*plan.windows[n].shape, 3), dtype=np.uint8))
        start = time.perf_counter()
        part = work.segment(question, work.read(question))
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
