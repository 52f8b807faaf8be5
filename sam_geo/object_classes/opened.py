"""Opened jobs: the locks, rasters and parts of a job that tells objects apart."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.support.held_outputs import held as held_outputs
from sam_common.tiled_job.folder import check_unfinished, held
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.window import Window
from sam_geo.bands.stack import open_stack
from sam_geo.jobs.output_checks import check_against, try_output
from sam_geo.results.record import StepTimes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sam_geo.bands.stack import RasterStack
    from sam_geo.object_classes.request import ClassifyRequest, SimilarRequest


@dataclass(frozen=True, slots=True, eq=False)
class OpenedObjects:
    """A job whose files are right, and whose rasters are open."""

    stack: RasterStack
    times: StepTimes = field(default_factory=StepTimes)
    """Wall time of each step so far; later steps are added."""
    _start: float = field(default_factory=time.perf_counter)

    def seconds(self) -> dict[str, float]:
        """Seconds of each step so far, and in `total` since the job began."""
        return {**self.times.seconds, "total": time.perf_counter() - self._start}


@contextmanager
def opened_objects_job(
    request: SimilarRequest | ClassifyRequest, *, band_names: Sequence[str] | None = None
) -> Iterator[OpenedObjects]:
    """Check the files of a request, lock its outputs, and open its rasters.

    Args:
        request: Inputs, outputs and options.
        band_names: Names of all bands in their order; from the files where None.

    Yields:
        The opened job; its rasters are closed and its outputs unlocked with the block.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    request.check_files()
    with held(request.parts, request.storage), held_outputs(request.named_outputs):
        # behind the lock: parts of a job that runs are not to be deleted
        check_unfinished(request.parts, request.storage, resume=request.resume)
        with open_stack(request.rasters, band_names=band_names) as stack:
            _ = stack.grid.frame  # raises where the raster has no usable geotransform
            network = Path(request.network)
            read = [*request.read_files, network if network.is_file() else None]
            for layer in stack.layers:
                check_against(request.outputs, layer.source, read)
            try_output(request.output, stack.grid, dst_crs=None, layer=request.layer)
            yield OpenedObjects(stack)


def begin_parts(
    request: SimilarRequest | ClassifyRequest, stack: RasterStack, origin: Mapping[str, Any]
) -> None:
    """Mark the folder of the parts as that of this job.

    Raises:
        InputError: It holds the parts of another job; the message says what differs.
    """
    plan = Plan(stack.size_hw, (Window.full(stack.size_hw),), dict(origin))
    PartStore(request.parts, plan, resume=request.resume, storage=request.storage)
