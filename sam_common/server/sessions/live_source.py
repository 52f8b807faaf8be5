"""Live source: what an adapter gives the server for an open raster or volume.

The server knows no file format. Packages name the modules that open sources as entry points of the
group `sam_geomed.live`; each gives an object with the methods of `LiveSource`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.files.held import Held
    from sam_common.server.sessions.embedding_pool import EmbeddingPool
    from sam_common.server.sessions.history import Asked, Edit, ObjectState
    from sam_common.window import Window

ADAPTERS = "sam_geomed.live"
"""Entry points by kind of source or job: the module that opens or runs it."""
RESULT_BYTES = 512
"""What a result takes beside its masks."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedMask:
    """A binary mask on a raster or on one slice."""

    window: Window
    """(row, col)."""
    array: npt.NDArray[np.bool_]
    axis: int | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What an object looks like."""

    status: str
    """ok, empty, outside, nodata or no_prompt."""
    masks: Sequence[PlacedMask] = ()
    window: Window | None = None
    """(row, col) or (k, j, i) around all masks; None where there is none."""
    area: int = 0
    """Pixels or voxels."""
    score: float | None = None
    """IoU as predicted by the network."""
    confidence: float | None = None
    detail: Any = None
    """What the domain goes on from."""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Of its masks."""
        return RESULT_BYTES + sum(mask.array.nbytes for mask in self.masks)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the server gives a domain to work with."""

    segmenter: Segmenter
    pool: EmbeddingPool
    held: Held
    """Opens what may be read."""
    reporter: Reporter | None = None
    """Hears how far the source is opened; None where nobody waits for it."""
    keep_embeddings: bool = False
    """Whether embeddings may stay on disk, for later servers."""

    @property
    def folder(self) -> Path:
        """Private folder of the source, for files that it makes."""
        return self.held.folder

    def close(self) -> None:
        """Let go of the files, and remove the folder."""
        self.held.close()


class Reporter(Protocol):
    """Who hears of a job; every call may raise to cancel it."""

    def begin(self, what: str, total: int) -> None:
        """So many steps are to come."""

    def step(self, done: int) -> None:
        """So many steps more are done."""

    def note(self, message: str) -> None:
        """One line of news."""


class LiveSource(Protocol):
    """An open raster or volume."""

    kind: str
    size: tuple[int, ...]
    """(rows, columns) or (slices k, rows j, columns i)."""
    frame: Mapping[str, Any]
    fingerprint: str
    """Of the content."""

    @property
    def pixels(self) -> tuple[str, int]:
        """Bytes of pixels that it holds, under a name that is the same where they are shared."""

    def size_of(self, result: Result) -> int:
        """Bytes that a result takes."""

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """The edit in pixel space; raises `PromptError` where it cannot be."""

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """The mask of an object; `previous` gives what is known of the same with less."""

    def propagate(self, asked: Asked, reporter: Reporter) -> Result:
        """The mask of an object in the whole volume."""

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """The outline as a GeoJSON Feature."""

    def review(self, result: Result) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first."""

    def export(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
        reporter: Reporter,
    ) -> dict[str, Any]:
        """Write files, one step for each format, and say what there is to know."""

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """A job of this source's own: prompts, automatic or batch."""

    def close(self) -> None:
        """Let go of everything."""


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveSource:
    """Open what a request names.

    Raises:
        InputError: The domain's extra is not installed, or the source cannot be used.
    """
    try:
        opened: LiveSource = domain(request["kind"]).open_source(request, path, context)
    except BaseException:
        context.close()
        raise
    return opened


def domain(kind: str) -> Any:
    """The module of a kind of source or job, by its entry point.

    Raises:
        InputError: No package brings it, or its extra is not installed.
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
