"""Encoding: embeddings of a whole raster, so that prompts afterwards need no encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.progress import parts_of, silent
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.tally import Tally
from sam_common.tiled_job.work import Work
from sam_geo.prompted.embedding import EmbeddingSource, open_store
from sam_geo.prompted.windows import shared_windows

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.executors.executor import Executor
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_common.window import Window
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch


def encode_raster(  # noqa: PLR0913  # four keyword-only options
    source: RasterSource,
    segmenter: Segmenter,
    stretch: Stretch,
    folder: Path,
    *,
    max_bytes: int | None = None,
    workers: int = 1,
    executor: Executor | None = None,
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
        workers: Windows that are embedded at the same time by this process.
        executor: Runs the encoder in other processes, which have to see the folder; this process
            does where None.
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
    steps = _Steps(EmbeddingSource(segmenter, stretch, store))
    work = Work(source.read_data, steps.encode, windows.__getitem__, steps.tally)
    with parts_of(plan, None) as parts, (progress or silent)("windows", len(plan)) as show:
        report = run_job(work, parts, workers=workers, executor=executor, advance=show)
    return {
        "windows": len(plan),
        **{name: int(steps.tally[name]) for name in ("encoded", "stored", "nodata")},
        "failed": report.messages,
        "bytes": store.size_bytes(),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Embeds windows, in this or another process."""

    embeddings: EmbeddingSource
    tally: Tally = field(default_factory=Tally)
    """Number of windows that were `encoded`, `stored` before or have no valid pixel (`nodata`)."""

    def encode(self, window: Window, pixels: Pixels | None) -> Part:
        """Embed a window and keep that in the store; the part says nothing."""
        if pixels is None:
            self.tally.add("nodata")
        else:
            _, _, was_stored = self.embeddings.embed(window, pixels)
            self.tally.add("stored" if was_stored else "encoded")
        return Part()
