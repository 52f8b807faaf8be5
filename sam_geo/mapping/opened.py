"""Opened jobs: everything that can be wrong with a land-cover request, checked before the work.

```
options and outputs -> rasters, their grids and bands -> model, or samples, indices and classifier
```
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.support.held_outputs import held as held_outputs
from sam_common.tiled_job.folder import check_unfinished, held
from sam_geo.bands.indices import find_indices
from sam_geo.bands.stack import open_stack
from sam_geo.class_maps.legend import legend_of
from sam_geo.jobs.output_checks import check_against, try_output
from sam_geo.learning.classifier import DEFAULT, check_classifier
from sam_geo.learning.model import load_model
from sam_geo.learning.samples import read_samples
from sam_geo.results.record import StepTimes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam_geo.bands.indices import SpectralIndex
    from sam_geo.bands.stack import RasterStack
    from sam_geo.learning.model import LandcoverModel
    from sam_geo.learning.samples import Samples
    from sam_geo.mapping.request import LandcoverRequest, SampleChoice


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """Samples that lie on the rasters of a job, and how a classifier is to learn from them."""

    choice: SampleChoice
    samples: Samples
    indices: tuple[SpectralIndex, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OpenedMap:
    """A land-cover job whose request is right."""

    stack: RasterStack
    origin: Training | LandcoverModel
    """Samples to learn from, or a model that is applied."""
    times: StepTimes = field(default_factory=StepTimes)
    """Wall time of each step so far; later steps are added."""
    _start: float = field(default_factory=time.perf_counter)

    def seconds(self) -> dict[str, float]:
        """Seconds of each step so far, and in `total` since the job began, its checks included."""
        total = time.perf_counter() - self._start
        return {
            name: round(value, 3) for name, value in {**self.times.seconds, "total": total}.items()
        }


@contextmanager
def opened_map(request: LandcoverRequest, *, writes: bool = True) -> Iterator[OpenedMap]:
    """Check a request, and open its rasters, samples and model.

    Args:
        request: Inputs, outputs and options.
        writes: Whether outputs are written: then no other job may work on them within the block.

    Yields:
        The opened job; its rasters are closed with the block.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    request.check_files()
    if not writes:
        with _opened(request) as opened:
            yield opened
        return
    with held(request.parts, request.storage), held_outputs(request.named_outputs):
        # behind the lock: parts of a job that runs are not to be deleted
        check_unfinished(request.parts, request.storage, resume=request.resume)
        with _opened(request) as opened:
            yield opened


@contextmanager
def _opened(request: LandcoverRequest) -> Iterator[OpenedMap]:
    with open_stack(request.rasters, band_names=request.band_names) as stack:
        _ = stack.grid.frame  # raises where the raster has no usable geotransform
        for layer in stack.layers:
            check_against(request.outputs, layer.source, request.read_files)
        if request.polygons is not None:
            try_output(request.polygons, stack.grid, dst_crs=None, layer=None)
        origin = request.origin
        if isinstance(origin, Path):
            model = load_model(origin)
            model.check_bands(stack.band_names, files=", ".join(request.rasters))
            yield OpenedMap(stack, model)
        else:
            yield OpenedMap(stack, _training(origin, stack))


def _training(choice: SampleChoice, stack: RasterStack) -> Training:
    """Read samples, and check all that can be wrong with what is to be learned of them."""
    indices = find_indices(choice.indices, stack.band_names)
    check_classifier(choice.classifier or DEFAULT)
    samples = read_samples(
        choice.samples,
        stack.grid,
        class_field=choice.class_field,
        layer=choice.layer,
        crs=choice.crs,
    )
    legend_of(samples.classes)
    return Training(choice, samples, indices)
