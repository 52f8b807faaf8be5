"""Dry run: what a land-cover job would cost, measured on its samples and one of its blocks."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from sam_common.tiled_job.parts import pack
from sam_common.tiled_job.progress import silent
from sam_common.tiled_job.run import AHEAD
from sam_geo.classification.block_classes import Classification
from sam_geo.mapping.network import opened_network
from sam_geo.mapping.opened import Training, opened_map
from sam_geo.mapping.trained import learned_model

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.blocks import Block
    from sam_geo.mapping.request import LandcoverRequest

    IntArray = npt.NDArray[np.int64]

RESULT_SHARE = 3
"""Parts, the map as it is drawn and the map together take about this many times the parts."""
COPIES = 3
"""Copies of the features of a block that are in memory at most: layers, table, classifier's own."""


def dry_run_landcover(
    request: LandcoverRequest,
    load: Callable[[], Segmenter] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Estimate the cost of `run_landcover`: the samples are learned, and one block is classified.

    Args:
        request: The job.
        load: Makes the network; needed where its embedding is to be tried or was learned.
        progress: Called with a description and a total for each step.

    Returns:
        `windows, seconds, ram_bytes, disk_bytes` (as `sam_common.tiled_job.plan.Estimate`; to find
        objects by a network comes on top, and where its embedding is pooled, that is done over
        superpixels), `features`, `encoder_calls` where there are any, and for samples what
        `training_facts` says of them and of the accuracies. Nothing is written.

    Raises:
        SuiteError: As `run_landcover` would, before its work.
    """
    with (
        opened_map(request, writes=False) as opened,
        opened_network(request, load, progress, writes=False) as network,
    ):
        start = time.perf_counter()
        origin, told = opened.origin, {}
        if isinstance(origin, Training):
            model, notes = learned_model(origin, opened.stack, network, None, progress)
            told = {name: model.training[name] for name in ("samples", "accuracies", "tried")}
            told["notes"] = notes
        else:
            model = origin
        learning = time.perf_counter() - start
        work = Classification(opened.stack, model)
        n, found, reading = _middle(work)
        encoding, calls = 0.0, {}
        if model.embedding is not None:
            start = time.perf_counter()
            embedded = network.embed(model, [found[0].window])
            each = (time.perf_counter() - start) / len(network.view.needed([found[0].window]))
            calls = {"encoder_calls": len(network.view.windows)}
            encoding = each * calls["encoder_calls"]
            work = Classification(opened.stack, model, None, embedded)
            start = time.perf_counter()
            found = work.read(n)
            reading = time.perf_counter() - start
        start = time.perf_counter()
        part = work.classify(n, found)
        seconds = reading + time.perf_counter() - start
        windows = work.windows
        pixels = max(math.prod(window.shape) for window in windows)
    floats = len(model.features.names) * COPIES + len(model.features.band_names)
    at_work = request.workers + AHEAD
    return {
        "windows": len(windows),
        "seconds": learning + encoding + seconds * len(windows) / request.workers,
        "ram_bytes": 4 * floats * pixels * at_work,
        "disk_bytes": RESULT_SHARE * len(pack(part)) * len(windows),
        "features": len(model.features.names),
        **calls,
        **told,
    }


def _middle(work: Classification) -> tuple[int, tuple[Block, IntArray | None], float]:
    """The block in the middle, or the next one with data: its number, it, and seconds to read it.

    The last one that was looked at where none has data.
    """
    count = len(work.windows)
    order = [*range(count // 2, count), *range(count // 2)]
    for n in order:
        start = time.perf_counter()
        found = work.read(n)
        reading = time.perf_counter() - start
        if found[0].valid.any():
            break
    return n, found, reading
