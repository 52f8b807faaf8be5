"""Found objects: everything that a network finds in a raster, as objects of a land-cover map."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.support.files import write_bytes
from sam_geo.classification.objects import open_objects
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto

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
    folder = request.parts / FOLDER
    labels, figures = _found(request, folder, load, progress)
    with open_objects(labels, stack.grid) as objects:
        yield objects, figures


def _found(
    request: LandcoverRequest, folder: Path, load: Callable[[], Segmenter], progress: Progress
) -> tuple[Path, dict[str, Any]]:
    """The label raster of all objects; made once for a job, however often that is resumed."""
    folder.mkdir(exist_ok=True)
    labels, told = folder / "objects.tif", folder / "figures.json"
    if told.is_file() and labels.is_file():
        return labels, json.loads(told.read_text(encoding="utf-8"))
    record = run_auto(
        AutoRequest(
            image=request.rasters[0],
            output=folder / "objects.parquet",
            labels=labels,
            model=request.network,
            embeddings=request.embeddings,
            workers=request.workers,
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
    return labels, figures
