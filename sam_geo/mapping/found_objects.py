"""Found objects: everything that a network finds in a raster, as objects of a land-cover map."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sam_common.errors import InputError
from sam_common.support.files import write_bytes
from sam_geo.automatic.options import AutoOptions
from sam_geo.classification.objects import open_objects
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto
from sam_geo.mapping.network import NetworkJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.stack import RasterStack
    from sam_geo.classification.objects import Objects
    from sam_geo.mapping.request import LandcoverRequest

AUTO = "auto"
"""Value of `--objects` that means everything that the network finds."""
FOLDER = "objects"
"""Folder of the automatic job among the parts of the map."""


@contextmanager
def opened_objects(
    request: LandcoverRequest,
    stack: RasterStack,
    load: Callable[[], Segmenter] | None,
    progress: Progress,
) -> Iterator[tuple[Objects | None, dict[str, Any]]]:
    """Open the objects of a request; those of the network are found first, if they are not there.

    Args:
        request: The job.
        stack: The rasters; the network sees the first one.
        load: Makes the network.
        progress: Called with a description and a total for each step.

    Yields:
        The objects, None where there are none; and figures for the record.

    Raises:
        SuiteError: The objects cannot be read or found, or there is no network to find them.
    """
    if request.objects is None:
        yield None, {}
        return
    if request.objects != AUTO:
        with open_objects(request.objects, stack.grid) as objects:
            yield objects, {}
        return
    if load is None:
        raise InputError("objects that a network finds need a network: say how to load one")
    files = find_everything(request, load, progress)
    with open_objects(files.labels, stack.grid) as objects:
        yield objects, files.figures


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Everything that a network found in a raster, in files among the parts of a job."""

    table: Path
    """The outlines, as GeoParquet."""
    labels: Path
    """A label raster of them."""
    figures: dict[str, Any]
    """Figures of the automatic job for the record."""


class FindingJob(NetworkJob, Protocol):
    """What a job says of the network that finds its objects."""

    @property
    def network(self) -> str:
        """The network, by its name or file."""
        ...

    @property
    def resume(self) -> bool:
        """Whether to go on with an interrupted job."""
        ...


def find_everything(
    request: FindingJob,
    load: Callable[[], Segmenter],
    progress: Progress,
    *,
    options: AutoOptions | None = None,
    embeddings: Path | None = None,
) -> FoundFiles:
    """Find everything in a raster; once for a job, however often that is resumed.

    Args:
        request: The job; the network sees the first of its rasters.
        load: Makes the network.
        progress: Called with a description and a total for each step.
        options: Windows and grid of points.
        embeddings: Where embeddings are kept, in place of the folder of the request.
    """
    folder = request.parts / FOLDER
    folder.mkdir(exist_ok=True)
    table, labels = folder / "objects.parquet", folder / "objects.tif"
    told = folder / "figures.json"
    if told.is_file() and labels.is_file():
        return FoundFiles(table, labels, json.loads(told.read_text(encoding="utf-8")))
    record = run_auto(
        AutoRequest(
            image=request.rasters[0],
            output=table,
            labels=labels,
            model=request.network,
            options=options or AutoOptions(),
            embeddings=embeddings or request.embeddings,
            workers=request.workers,
            executor=request.executor,
            parts_at=None if request.storage is None else f"{request.storage.address}/{FOLDER}",
            resume=request.resume,
            overwrite=True,
        ),
        load,
        progress=progress,
    )
    kept = ("model", "counts", "windows", "embeddings", "failures")
    figures = {name: record[name] for name in kept}
    if not figures["failures"]:
        write_bytes(told, json.dumps(figures).encode())
    return FoundFiles(table, labels, figures)
