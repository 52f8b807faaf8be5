"""Live source: the interface of an open raster or volume, which the adapters implement.

The server knows no file format. Packages name the modules that open sources as entry points of the
group `sam_geomed.live`; `open_source` of such a module gives a `LiveSource`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.files.held import Held
    from sam_common.server.sessions.embedding_pool import EmbeddingPool
    from sam_common.server.sessions.object_state import Asked, Edit, ObjectState
    from sam_common.window import Window

ADAPTERS = "sam_geomed.live"
"""Group of entry points: a kind of source or job to the module that opens or runs it."""
RESULT_BYTES = 512
"""Bytes that a result counts for beside its masks."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedMask:
    """A binary mask on a raster or on one slice of a volume."""

    window: Window
    """(row, col) in the raster or slice."""
    array: npt.NDArray[np.bool_]
    axis: int | None = None
    """Array axis of the slice: 0 is k, 1 is j, 2 is i; None on a raster."""
    index: int | None = None
    """Number of the slice; None on a raster."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The masks of an object and their figures."""

    status: str
    """ok, empty, outside, nodata or no_prompt."""
    masks: Sequence[PlacedMask] = ()
    window: Window | None = None
    """(row, col) or (k, j, i) around all masks; None where there is no mask."""
    area: int = 0
    """Number of pixels or voxels."""
    score: float | None = None
    """IoU as predicted by the network."""
    confidence: float | None = None
    """Confidence of a propagated object, 0 to 1."""
    detail: Any = None
    """What the adapter needs of the object for later steps."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Duration of the steps `encode` and `decode`."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the masks, and `RESULT_BYTES`."""
        return RESULT_BYTES + sum(mask.array.nbytes for mask in self.masks)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the server gives an adapter for opening a source."""

    segmenter: Segmenter
    pool: EmbeddingPool
    held: Held
    """Opens the files that may be read."""
    reporter: Reporter | None = None
    """Hears how far the opening is; None where no job opens the source."""
    keep_embeddings: bool = False
    """Whether embeddings may stay on disk, for later servers."""

    @property
    def folder(self) -> Path:
        """Private folder for files that the source makes."""
        return self.held.folder

    def close(self) -> None:
        """Close the files, and remove the private folder."""
        self.held.close()


class Reporter(Protocol):
    """Hears of the progress of a job; every call may raise in order to cancel the job."""

    def begin(self, what: str, total: int) -> None:
        """Announce the next part of the work: what is counted, and the number of steps."""

    def step(self, done: int) -> None:
        """Count steps that are done."""

    def note(self, message: str) -> None:
        """Tell one line, for instance a warning."""


class StepReporter:
    """A reporter for a part of one step, which can be cancelled and counts no steps.

    Args:
        reporter: Hears of the step; None where no job waits for it, as after an undo.
    """

    def __init__(self, reporter: Reporter | None = None) -> None:
        self._reporter = reporter

    def begin(self, what: str, total: int) -> None:
        """Let the job raise where it was cancelled."""
        del what
        self.step(total)

    def step(self, done: int) -> None:
        """Let the job raise where it was cancelled."""
        del done
        if self._reporter is not None:
            self._reporter.step(0)

    def note(self, message: str) -> None:
        """Pass a line on."""
        if self._reporter is not None:
            self._reporter.note(message)


class LiveSource(Protocol):
    """An open raster or volume."""

    kind: str
    """`raster` or `volume`."""
    size: tuple[int, ...]
    """(rows, columns) or (slices k, rows j, columns i)."""
    frame: Mapping[str, Any]
    """Where the pixels lie, in the JSON of protocol 1."""
    fingerprint: str
    """Hash of the content."""

    @property
    def pixels(self) -> tuple[str, int]:
        """A name of the pixels in memory, equal where sources share them, and their bytes."""

    def size_of(self, result: Result) -> int:
        """Bytes that a result of this source takes in memory."""

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """An edit in pixel space; raises `PromptError` where it makes no sense for this source."""

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """The mask of an object.

        Args:
            asked: Prompts, method of propagation and corrections.
            previous: Gives the result of an object with fewer prompts or corrections.
        """

    def propagate(self, asked: Asked, reporter: Reporter) -> Result:
        """The mask of an object, propagated through the whole volume."""

    def prefetch(self, results: Sequence[Result]) -> Iterator[object]:
        """Prepare what edits of some objects may need, by a step for each value that is taken.

        A step takes no longer than the image encoder needs for one image. Without it the answer to
        an edit is the same, and takes longer.

        Args:
            results: Results of this source; those that are to be ready soonest come first.
        """

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """The outline of an object as a GeoJSON Feature."""

    def review(self, result: Result) -> list[dict[str, Any]]:
        """The slices of a propagated object in the JSON of protocol 1, the least certain first."""

    def candidates(self, result: Result) -> list[dict[str, Any]]:
        """The answers that a propagated object was chosen from, in the JSON of protocol 1."""

    def export(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
        reporter: Reporter,
        *,
        options: Mapping[str, str],
    ) -> dict[str, Any]:
        """Write the objects to a file of each format, one step each, and give the summary.

        Raises:
            InputError: An option is none of this kind of source.
        """

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """Run a job that the source does itself, such as `prompts`.

        Returns:
            The summary of the job; of `finetune` the whole record, with the file as `output`.
        """

    def close(self) -> None:
        """Close the files and drop the pixels."""


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveSource:
    """Open the source of a request; where that fails, its context is closed.

    Args:
        request: The request in JSON, with its `kind`.
        path: Path of the file, folder or upload, which may be opened.
        context: What the adapter may use.

    Raises:
        InputError: The adapter is not installed, or the source cannot be used.
    """
    try:
        opened: LiveSource = domain(request["kind"]).open_source(request, path, context)
    except BaseException:
        context.close()
        raise
    return opened


def domain(kind: str) -> Any:
    """The adapter's module for a kind of source or job, by its entry point.

    Raises:
        InputError: No installed package has such a module, or a package that it needs is missing.
    """
    found = entry_points(group=ADAPTERS, name=kind)
    if not found:
        raise InputError(f"nothing that is installed opens a {kind}: pip install sam-geomed")
    (entry,) = found
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        extra = entry.module.split(".")[0].removeprefix("sam_")
        raise InputError(
            f"a {kind} needs the package {error.name}: pip install 'sam-geomed[{extra}]'"
        ) from error
