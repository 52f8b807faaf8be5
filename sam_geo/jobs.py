"""Jobs from files to files: what the command line and the demo run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.files import check_input, check_output
from sam_geo.manifest import describe_job, manifest_path, write_manifest
from sam_geo.picture import check_picture_output, write_picture
from sam_geo.prompts import load_prompts
from sam_geo.segment import Progress, PromptJob, run_prompts
from sam_geo.sink import check_table_output, write_table
from sam_geo.source import open_raster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """What to segment, and where the results go."""

    image: str
    """A raster that GDAL opens."""
    prompts: Path
    """A file of prompts."""
    output: Path
    """The table to write; its suffix chooses the format."""
    overlay: Path | None = None
    """A picture to draw."""
    bands: tuple[int, ...] | None = None
    """1-based bands, chosen by colour interpretation where None."""
    prompts_crs: str | None = None
    """Reference system of the prompts, over what their file says."""
    prompts_layer: str | None = None
    """Layer of a vector file that has several."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    def check_outputs(self) -> None:
        """Raise `OutputError` where a result could not be written."""
        check_table_output(self.output, overwrite=self.overwrite)
        check_output(manifest_path(self.output), overwrite=self.overwrite)
        if self.overlay is not None:
            check_picture_output(self.overlay, overwrite=self.overwrite)


def run_request(
    request: PromptRequest,
    load: Callable[[], Segmenter],
    *,
    progress: Progress | None = None,
) -> tuple[PromptJob, dict[str, Any]]:
    """Segment the prompts of a file and write table, record and picture.

    Everything that can be wrong with the request is found before the segmenter is loaded.

    Args:
        request: What to do.
        load: Makes the segmenter.
        progress: Shows how many windows are done.

    Returns:
        The job and its record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the model do not fit the request.
    """
    request.check_outputs()
    check_input(request.prompts)
    start = time.perf_counter()
    with open_raster(request.image, bands=request.bands) as source:
        prompts = load_prompts(
            request.prompts, source, crs=request.prompts_crs, layer=request.prompts_layer
        )
        loading = time.perf_counter()
        segmenter = load()
        loaded = time.perf_counter()
        job = run_prompts(source, prompts, segmenter, progress=progress)
        writing = time.perf_counter()
        write_table(job.table, request.output, overwrite=request.overwrite)
        end = time.perf_counter()
        record = describe_job(
            job,
            segmenter,
            image=request.image,
            prompts=request.prompts,
            parameters={"bands": list(source.bands), "prompts_crs": request.prompts_crs},
            seconds={"load": loaded - loading, "write": end - writing, "total": end - start},
        )
        write_manifest(record, manifest_path(request.output))
        # last: a damaged block that failed its prompts must not cost the others their result
        if request.overlay is not None:
            write_picture(source, job, request.overlay)
    return job, record
