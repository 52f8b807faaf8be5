"""Resumable: requests whose job keeps what is done beside its output until it is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.tiled_job.plan_file import PLAN
from sam_common.tiled_job.storage import Storage

if TYPE_CHECKING:
    from pathlib import Path


class Resumable:
    """What the requests of all jobs that can be resumed have in common."""

    __slots__ = ()

    output: Path
    """The first file that the job writes."""
    resume: bool
    """Whether to go on with an interrupted job."""
    overwrite: bool
    """Whether outputs that exist may be replaced."""
    parts_at: str | None = None
    """Folder or address, such as `s3://bucket/runs`, in which the folder of the parts lies; beside
    the output where None."""

    @property
    def parts(self) -> Path:
        """Folder beside the output that keeps what is done until the job is finished."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def storage(self) -> Storage | None:
        """Where the parts of windows are kept in place of that folder; None where it has them."""
        if self.parts_at is None:
            return None
        return Storage(f"{self.parts_at.rstrip('/')}/{self.parts.name}")

    @property
    def replaces(self) -> bool:
        """Whether outputs that exist may be replaced: a resumed job replaces its own."""
        return self.overwrite or (self.resume and (self.parts / PLAN).is_file())
