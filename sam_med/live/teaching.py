"""Teaching on a live volume: a network is taught the segments of a client, as a job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError
from sam_common.server.sessions.teaching import progress_of, training_job
from sam_common.window import Window
from sam_med.objects.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.server.sessions.live_source import Reporter
    from sam_med.geometry.volume import Volume
    from sam_med.slices.window_level import Stretch

NDIM = 3
NAME = "the volume"
"""What messages call the volume: never by its file or its patient."""


def teach(
    request: Mapping[str, Any],
    folder: Path,
    shown: tuple[Volume, Stretch, str],
    reporter: Reporter,
) -> dict[str, Any]:
    """Teach a network the segments of a client, as `sam-med finetune` does.

    Args:
        request: As `sam_common.server.sessions.job_requests.FinetuneJob`, with its `model` and the
            `file` of each segment.
        folder: Folder of the job, for the tuned file, its cards and its curve.
        shown: The volume, the window in which it is shown, and the hash of its voxels.
        reporter: Hears of the progress, and may raise to cancel the job.

    Returns:
        The model card with `output`, None where the network is not better, and `notes`.

    Raises:
        InputError: A segment does not fit the volume, or the slices with objects are too few.
    """
    from sam_med.finetuning.run import finetune_volume  # noqa: PLC0415 - loads torch
    from sam_med.finetuning.slice_examples import LabelledVolume  # noqa: PLC0415 - the same

    volume, stretch, fingerprint = shown
    segments = segments_of(request["segments"], volume)
    digest = hashlib.sha256()
    for one in segments:
        digest.update(repr((one.window, one.name)).encode())
        digest.update(np.packbits(one.mask).data)
    return finetune_volume(
        LabelledVolume(NAME, volume, stretch, segments),
        training_job(request, folder),
        signature={"volume": fingerprint, "segments": digest.hexdigest()},
        progress=progress_of(reporter),
    )


def segments_of(asked: list[Mapping[str, Any]], volume: Volume) -> list[Segment]:
    """The uploaded segments on the grid of a volume; empty ones are left out.

    Raises:
        InputError: A segment does not fit the volume, or all are empty.
    """
    found = []
    for value, one in enumerate(asked, start=1):
        array = np.load(one["file"], mmap_mode="r", allow_pickle=False)
        if array.ndim != NDIM:
            raise InputError(
                f"the segment {one['name']} has {array.ndim} axes: send slices, rows and columns"
            )
        stop = tuple(a + n for a, n in zip(one["start"], array.shape, strict=True))
        if any(b > size for b, size in zip(stop, volume.shape, strict=True)):
            raise InputError(
                f"the segment {one['name']} ends at (k, j, i) {stop}, the volume at {volume.shape}"
            )
        mask = np.asarray(array) != 0
        if mask.any():
            window = Window(tuple(one["start"]), stop)
            found.append(Segment(one["name"], value, window, mask))
    if not found:
        raise InputError("all segments are empty: correct or paint some first")
    return found
