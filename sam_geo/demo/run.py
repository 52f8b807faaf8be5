"""The demo of the geospatial side: its parts one by one, and the page of all that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.demo.page import write_page
from sam_common.demo.record import write_part
from sam_common.errors import OutputError
from sam_common.support.files import check_no_address
from sam_geo.demo.landcover import run_cover
from sam_geo.demo.trees import run_trees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress


def run(
    folder: Path, load: Callable[[], Segmenter], *, progress: Progress | None = None, quiet: bool
) -> dict[str, Any]:
    """Run both parts, and write the page of all parts of the demo that lie in the folder.

    Files of an earlier demo are replaced.

    Args:
        folder: Folder of the results; made where it is missing.
        load: Makes the segmenter.
        progress: Called with a description and a total for each step of the jobs.
        quiet: Whether nothing is written to stderr while samples are fetched.

    Returns:
        The figures of `trees` and of `landcover`, and the path of the `page`.

    Raises:
        OutputError: The folder cannot be made or written to.
        WeightsError: A sample cannot be fetched.
    """
    check_no_address(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make folder {folder}: {error.strerror}") from error
    trees, tree_figures = run_trees(folder, load, progress=progress, quiet=quiet)
    write_part(trees, folder)
    cover, cover_figures = run_cover(folder, progress=progress, quiet=quiet)
    write_part(cover, folder)
    page = write_page(folder)
    return {"trees": tree_figures, "landcover": cover_figures, "page": str(page)}
