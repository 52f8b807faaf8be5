"""Encoding: embeddings of a whole raster, so that prompts afterwards need no encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.errors import OutputError
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
    """Fill a store with the embeddings of a raster; what is there already is not made again.

    Windows are those that prompts go to, `sam_geo.prompted.windows.shared_windows`: boxes of up to
    half a window with their context, and points, need no encoder afterwards.

    Args:
        source: The raster.
        segmenter: Whose encoder runs.
        stretch: Values to bytes.
        folder: Where the store lies; made where it is missing.
        max_bytes: Size at which the oldest embeddings are removed.
        progress: Shows how many windows are done.

    Returns:
        The figures `windows`, `encoded`, `stored`, `nodata`, `failed` and `bytes`.

    Raises:
        SuiteError: The folder holds embeddings of something else or cannot be written to, or no
            prompts could be placed in the raster.
    """
    store = open_store(folder, source, segmenter, stretch, max_bytes=max_bytes)
    if not store.is_writable:
        raise OutputError(f"cannot write to folder {folder}: embeddings are kept there")
    windows = tuple(shared_windows(source.size_hw, side=segmenter.model_size))
    plan = Plan(source.size_hw, windows, {})
    embeddings = EmbeddingSource(segmenter, stretch, store)
    figures = dict.fromkeys(("encoded", "stored", "nodata"), 0)

    def read(n: int) -> Pixels | None:
        return source.read_data(windows[n])

    def encode(n: int, pixels: Pixels | None) -> Part:
        if pixels is None:
            figures["nodata"] += 1
        else:
            _, _, was_stored = embeddings.embed(windows[n], pixels)
            figures["stored" if was_stored else "encoded"] += 1
        return Part()

    with parts_of(plan, None) as parts, (progress or silent)("windows", len(plan)) as show:
        report = run_job(Work(read, encode), parts, advance=show)
    return {
        "windows": len(plan),
        **figures,
        "failed": report.messages,
        "bytes": store.size_bytes(),
    }
