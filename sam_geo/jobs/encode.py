"""Encoding: embeddings of a whole raster, so that prompts afterwards need no encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import Work, run_job
from sam_geo.prompted.embedding import EmbeddingSource, open_store
from sam_geo.prompted.windows import shared_windows

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch


def encode_raster(
    source: RasterSource,
    segmenter: Segmenter,
    stretch: Stretch,
    folder: Path,
    *,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fill a folder with the embeddings of a raster; those that lie there are not made again.

    The windows are those that most prompts are decoded from
    (`sam_geo.prompted.windows.shared_windows`): boxes that are, with their context, up to half a
    window, and points, need no encoder afterwards.

    Args:
        source: The raster.
        segmenter: The segmenter whose encoder runs.
        stretch: Raster values to bytes.
        folder: Folder of the embeddings; made where it is missing.
        max_bytes: Size at which the embeddings used longest ago are removed; no limit where None.
        progress: Called with a description and the number of windows.

    Returns:
        The number of `windows`, of those that were `encoded`, `stored` before or have no valid
        pixel (`nodata`), one message for each that `failed`, and `bytes` of all embeddings.

    Raises:
        InputError: The folder holds embeddings of another raster, stretch or model, or a later
            change of the raster could not be noticed.
        OutputError: The folder cannot be made.
    """
    store = open_store(folder, source, segmenter, stretch, max_bytes=max_bytes)
    windows = tuple(shared_windows(source.size_hw, side=segmenter.model_size))
    plan = Plan(source.size_hw, windows, {})
    embeddings = EmbeddingSource(segmenter, stretch, store)
    figures = dict.fromkeys(("encoded", "stored", "nodata"), 0)

    def encode(n: int, pixels: Pixels | None) -> Part:
        if pixels is None:
            figures["nodata"] += 1
        else:
            _, _, was_stored = embeddings.embed(windows[n], pixels)
            figures["stored" if was_stored else "encoded"] += 1
        return Part()

    work = Work(lambda n: source.read_data(windows[n]), encode)
    with parts_of(plan, None) as parts, (progress or silent)("windows", len(plan)) as show:
        report = run_job(work, parts, advance=show)
    return {
        "windows": len(plan),
        **figures,
        "failed": report.messages,
        "bytes": store.size_bytes(),
    }
