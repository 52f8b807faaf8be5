"""Finetune request: the raster, the polygons that teach, and the training job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.support.files import check_input
from sam_geo.jobs.request import RasterRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.training.job import TrainingJob


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneRequest(RasterRequest):
    """A network that is taught the objects of a raster."""

    objects: Path | Mapping[str, Any]
    """Polygons, one for each object: a vector file, or a GeoJSON mapping."""
    job: TrainingJob
    """The base, what is tuned, and the outputs."""
    objects_crs: str | None = None
    """Reference system of the objects, in place of the one that their file states; `pixel` for
    pixel coordinates."""
    objects_layer: str | None = None
    """Layer of a vector file that has several."""
    judge: Path | None = None
    """Vector file of polygons that judge, in place of a part of the objects."""

    @property
    def objects_name(self) -> str:
        """The name of the objects in a model card: that of their file."""
        return self.objects.name if isinstance(self.objects, Path) else "objects"

    def check_files(self) -> None:
        """Raise where an input is not there, or an output cannot be written."""
        inputs = [path for path in (self.objects, self.judge) if isinstance(path, Path)]
        for path in inputs:
            check_input(path)
        local = Path(self.image)
        self.job.check_outputs([*inputs, *([local] if local.is_file() else [])])
