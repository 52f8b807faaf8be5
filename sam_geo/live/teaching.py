"""Teaching on a live raster: a network is taught the polygons of a client, as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.server.sessions.teaching import progress_of, training_job
from sam_geo.finetuning.request import FinetuneRequest
from sam_geo.live.files import check_systems

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.server.sessions.live_source import Reporter
    from sam_geo.live.server_jobs import SessionRaster


def teach(
    request: Mapping[str, Any], folder: Path, raster: SessionRaster, reporter: Reporter
) -> dict[str, Any]:
    """Teach a network the polygons of a client, as `sam-geo finetune` does.

    Args:
        request: As `sam_common.server.sessions.job_requests.FinetuneJob`, with its `model`.
        folder: Folder of the job, for the tuned file, its cards and its curve.
        raster: The raster of the session, with the bands and the stretch in use.
        reporter: Hears of the progress, and may raise to cancel the job.

    Returns:
        The model card with `output`, None where the network is not better, and `notes`.

    Raises:
        InputError: The polygons cannot be used, or are too few; a reference system names a file.
    """
    from sam_geo.finetuning.run import run_finetune  # noqa: PLC0415 - loads torch

    check_systems(request["objects"], request.get("objects_crs"))
    wanted: FinetuneRequest = FinetuneRequest(
        image=str(raster.path),
        bands=raster.bands,
        stretch=raster.stretch,
        objects=request["objects"],
        objects_crs=request.get("objects_crs"),
        job=training_job(request, folder),
        model=request["model"],
    )
    return run_finetune(wanted, progress=progress_of(reporter))
