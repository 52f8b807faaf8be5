"""The network of a job: its embeddings of the windows of the first raster, as features.

```
cover.tif.parts/
  sampled/      windows that samples lie in, with all channels: axes are found in them
  embedding/    every window, on these axes; only where they were found to help
```
Both are tiled jobs: each window is embedded once, an interrupt loses none, and order does not
matter. Embeddings that `sam-geo encode` or an earlier job kept are used where a folder is given.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sam_common.errors import InputError
from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.progress import parts_of
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work
from sam_geo.bands.embedded_raster import FEATURES, EmbeddedRaster, NetworkView
from sam_geo.bands.embedding_axes import find_axes
from sam_geo.prompted.embedding import EmbeddingSource, open_store
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.results.record import network_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sam_common.executors.executor import Executor
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.progress import Progress
    from sam_common.tiled_job.storage import Storage
    from sam_common.tiled_job.work import JobReport
    from sam_common.window import Window
    from sam_geo.bands.embedding_axes import EmbeddingAxes
    from sam_geo.learning.model import LandcoverModel
    from sam_geo.raster.pixels import Pixels
    from sam_geo.raster.source import RasterSource

Grid: TypeAlias = "Callable[[RasterSource, Segmenter], Iterable[Window]]"
"""Gives the windows (row, col) in which a network sees a raster."""
SAMPLED, MAPPED = "sampled", "embedding"
"""Folders among the parts of a map."""


class NetworkJob(Protocol):
    """What a job says of its network."""

    @property
    def rasters(self) -> tuple[str, ...]:
        """Rasters that GDAL opens; the network sees the first."""
        ...

    @property
    def parts(self) -> Path:
        """Folder that keeps what is done until the job is finished."""
        ...

    @property
    def storage(self) -> Storage | None:
        """Where the parts of windows are kept in place of that folder."""
        ...

    @property
    def embeddings(self) -> Path | None:
        """Folder of embeddings that earlier jobs kept, and where new ones are kept."""
        ...

    @property
    def workers(self) -> int:
        """Windows that are embedded at the same time by this process."""
        ...

    @property
    def executor(self) -> Executor | None:
        """Runs the network in other processes; None for this one."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Projection:
    """Embeds windows on axes, in this or another process; a part that is known is only reduced."""

    embed_read: Callable[[Window], Pixels | None]
    embed: Callable[[Window, Pixels | None], Part]
    axes: EmbeddingAxes

    def read(self, asked: Window | Part) -> Pixels | None:
        """The pixels of a window; None where none is valid, or its part is known."""
        return None if isinstance(asked, Part) else self.embed_read(asked)

    def project(self, asked: Window | Part, pixels: Pixels | None) -> Part:
        """The part of a window on the axes."""
        part = asked if isinstance(asked, Part) else self.embed(asked, pixels)
        return _on_axes(part, self.axes)


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    """Windows that were embedded."""

    numbers: list[int]
    parts: PartStore
    report: JobReport

    def find(self, n: int) -> Part:
        """The part of a window.

        Raises:
            InputError: It could not be embedded.
        """
        k = self.numbers.index(n)
        if (part := self.parts.read(k)) is None:
            start = self.parts.plan.windows[k].start
            raise InputError(
                f"the window at row {start[0]}, column {start[1]} could not be embedded: "
                f"{self.report.failures.get(k, 'its part is missing')}"
            )
        return part


@dataclass(eq=False)
class JobNetwork:
    """A network that is loaded when it is first asked for; make one with `opened_network`."""

    request: NetworkJob
    writes: bool
    """Whether what is done is kept among the parts of the map."""
    progress: Progress
    _load: Callable[[], Segmenter] | None
    _opened: ExitStack
    _grid: Grid | None = None
    _sampled: _Done | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    """For the record: `network`, and `embedding` with the number of windows that were `encoded`,
    `stored` by an earlier job or `nodata`; empty where the map needed none."""

    @cached_property
    def view(self) -> NetworkView:
        """The first raster as the network sees it."""
        if self._load is None:
            raise InputError("the embedding of a network needs a network: say how to load one")
        source = self._opened.enter_context(open_raster(self.request.rasters[0]))
        with self.progress("model", 1) as advance:
            segmenter = self._load()
            advance(1)
        stretch = choose_stretch(source)
        store = None
        if (folder := self.request.embeddings) is not None and (self.writes or folder.is_dir()):
            store = open_store(folder, source, segmenter, stretch)
        grid = None if self._grid is None else tuple(self._grid(source, segmenter))
        return NetworkView(source, EmbeddingSource(segmenter, stretch, store), grid)

    def survey(self, windows: Iterable[Window]) -> tuple[EmbeddingAxes, EmbeddedRaster]:
        """Embed what some windows (row, col) of the raster need, and find axes in that.

        Raises:
            InputError: A window could not be embedded, or none has data.
        """
        numbers = self.view.needed(windows)
        done = self._run(SAMPLED, numbers, self.view.work(numbers), {})
        cells = (
            arrays[FEATURES].reshape(len(arrays[FEATURES]), -1)
            for arrays in (done.find(n).arrays for n in numbers)
            if FEATURES in arrays
        )
        network = self.view.segmenter
        axes = find_axes(cells, network=network.name, sha256=network.sha256)
        self._sampled = done
        return axes, EmbeddedRaster(self.view, axes.count, lambda n: _on_axes(done.find(n), axes))

    def embed(self, model: LandcoverModel, windows: Iterable[Window]) -> EmbeddedRaster | None:
        """Embed what some windows (row, col) of the raster need, on the axes of a model.

        A window that fails is told when it is read.

        Returns:
            None where the model was trained without a network.

        Raises:
            InputError: The network is another one than the model was trained with.
        """
        if (axes := model.embedding) is None:
            return None
        model.check_network(self.view.segmenter.name, self.view.segmenter.sha256)
        return self.embed_on(axes, windows)

    def embed_on(self, axes: EmbeddingAxes, windows: Iterable[Window]) -> EmbeddedRaster:
        """Embed what some windows (row, col) of the raster need, on axes that are known.

        A window that fails is told when it is read.
        """
        numbers = self.view.needed(windows)
        sampled = self._sampled
        plain = self.view.work(numbers)

        def ask(k: int) -> Window | Part:
            if sampled is not None and numbers[k] in sampled.numbers:
                return sampled.find(numbers[k])
            return plain.ask(k)

        steps = _Projection(plain.read, plain.segment, axes)
        digest = hashlib.sha256(axes.mean.tobytes() + axes.axes.tobytes()).hexdigest()
        done = self._run(MAPPED, numbers, Work(steps.read, steps.project, ask), {"axes": digest})
        self.figures = {
            "network": network_facts(self.view.segmenter),
            "embedding": {"windows": len(numbers), **_counts(done)},
        }
        return EmbeddedRaster(self.view, axes.count, done.find)

    def _run(
        self, folder: str, numbers: list[int], work: Work[Any, Any], signature: dict[str, Any]
    ) -> _Done:
        plan = self.view.plan(numbers)
        plan = replace(plan, signature={**plan.signature, **signature})
        place = self.request.parts / folder if self.writes else None
        storage = self.request.storage if self.writes else None
        if storage is not None:
            storage = storage.within(folder)
        # what a job that is not resumed finds here is of this very run
        parts = self._opened.enter_context(parts_of(plan, place, resume=True, storage=storage))
        with self.progress("embedding", len(plan)) as advance:
            report = run_job(
                work,
                parts,
                workers=self.request.workers,
                executor=self.request.executor,
                advance=advance,
            )
        return _Done(numbers, parts, report)


@contextmanager
def opened_network(
    request: NetworkJob,
    load: Callable[[], Segmenter] | None,
    progress: Progress,
    *,
    writes: bool = True,
    grid: Grid | None = None,
) -> Iterator[JobNetwork]:
    """The network of a job, which is loaded when it is first asked for.

    Args:
        request: The job; the network sees the first of its rasters.
        load: Makes the network.
        progress: Called with a description and a total for each step.
        writes: Whether what is done is kept among the parts of the map.
        grid: Gives the windows (row, col) in which the network sees the raster; those of
            `sam-geo encode` where None.
    """
    with ExitStack() as opened:
        yield JobNetwork(request, writes, progress, load, opened, grid)


def _on_axes(part: Part, axes: EmbeddingAxes) -> Part:
    """A part with all channels, reduced to axes."""
    if FEATURES not in part.arrays:
        return part
    return replace(part, arrays={FEATURES: axes.apply(part.arrays[FEATURES])})


def _counts(done: _Done) -> dict[str, int]:
    """How windows fared, by `encoded`, `stored`, `nodata` and `failed`."""
    counts = dict.fromkeys(("encoded", "stored", "nodata", "failed"), 0)
    for k in range(len(done.numbers)):
        part = done.parts.read(k)
        if part is None:
            counts["failed"] += 1
        elif not part.arrays:
            counts["nodata"] += 1
        else:
            counts["stored" if part.notes["stored"] else "encoded"] += 1
    return counts
