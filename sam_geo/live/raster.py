"""Live raster: a raster that is open in a session of the local server, with prompts and masks.

`sam_geo.live.windows` chooses the window of an object, and `sam_geo.live.files` says which files
may be opened.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError, PromptError
from sam_common.masks.decoded import joined
from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_geo.live.drawing import Tiles, class_tile, preview_of, table_outlines
from sam_geo.live.edits import Edits
from sam_geo.live.files import STEM, checked_crs, close, hold, unnamed, write_upload
from sam_geo.live.prompts import final_mask, prompt_of
from sam_geo.live.results import ObjectTables, Seen
from sam_geo.live.server_jobs import SessionRaster, run_server_job
from sam_geo.live.teaching import teach
from sam_geo.live.windows import Encoded, encode, live_window
from sam_geo.prompted.decode import answers
from sam_geo.prompted.embedding import key_of, signature_of
from sam_geo.prompted.refine import Refinement
from sam_geo.raster.fingerprint import file_facts
from sam_geo.raster.frame import affine_from_frame
from sam_geo.raster.read_window import ReadWindow
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyproj

    from sam_common.frame import Frame
    from sam_common.masks.decoded import MaskRegion
    from sam_common.segmenter.predictor import Embedding
    from sam_common.server.sessions.live_source import Context, Reporter
    from sam_common.server.sessions.object_state import Asked, Edit, ObjectState
    from sam_common.window import Window


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveRaster:
    """Open a raster by path, or an uploaded array with its frame.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenRaster`.
        path: The raster, or the uploaded .npy file.
        context: The segmenter, the pool of embeddings and the session's own folder.

    Raises:
        InputError: The file is no raster that a server opens, or the array is no image.
        RefusedPathError: One of the raster's files may not be read.
    """
    try:
        if request.get("upload") is not None:
            held = write_upload(path, request.get("frame"), context.folder / f"{STEM}.tif")
        else:
            with unnamed(path):
                held = hold(path, context)
        with unnamed(held):
            return _opened(request, held, context)
    except BaseException:
        close(context)
        raise


def _opened(request: Mapping[str, Any], path: Path, context: Context) -> LiveRaster:
    """The live raster of a file in the session's own folder."""
    with open_raster(path, bands=request.get("bands")) as source:
        if source.crs is not None:
            checked_crs(source.crs.to_wkt())
        stretch = choose_stretch(source, given=request.get("stretch"))
        signature = json.dumps(signature_of(source, context.segmenter, stretch), sort_keys=True)
        known = source.identity
        if known.keys() & {"files", "unknown"}:
            # of several files that is one hash over all: a log of edits goes by the raster's own
            known = file_facts(path)
        content = known.get("sha256") or f"{known['bytes']}-{known['sha256_ends']}"
        return LiveRaster(
            path=path,
            context=context,
            bands=source.bands,
            stretch=stretch,
            size=source.size_hw,
            raster_frame=source.frame,
            crs=source.crs,
            fingerprint=content,
            signature=hashlib.sha256(signature.encode()).hexdigest(),
            held_bytes=0 if path.is_symlink() else path.stat().st_size,
            overviews=tuple(source.header.overviews[source.bands[0] - 1]),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LiveRaster:
    """A raster of a session; its file is opened again for each window that is read."""

    path: Path
    """The raster in the session's own folder."""
    context: Context
    bands: tuple[int, ...]
    """1-based numbers of one or three bands."""
    stretch: Stretch
    size: tuple[int, int]
    """Rows and columns."""
    raster_frame: Frame
    """Raster indices (row, col) to world coordinates (x, y)."""
    crs: pyproj.CRS | None
    fingerprint: str
    """Hash of the raster's file: a log of edits is replayed on the same content only."""
    signature: str
    """Hash of everything beside its window that decides an embedding."""
    held_bytes: int
    """Size of an uploaded array on disk; 0 for a raster of a file."""
    overviews: tuple[int, ...] = ()
    """Decimation factors of the overviews of the raster's file."""
    kind: str = field(default="raster", init=False)

    @property
    def frame(self) -> dict[str, Any]:
        """`affine`: a, b, c, d, e, f of GDAL, from pixel corners; `crs`: WKT, or None."""
        affine = list(affine_from_frame(self.raster_frame))[:6]
        return {"affine": affine, "crs": None if self.crs is None else self.crs.to_wkt()}

    @property
    def pixels(self) -> tuple[str, int]:
        """Path and size in bytes of the pixels that the session itself keeps on disk."""
        return str(self.path), self.held_bytes

    def size_of(self, result: Result) -> int:
        """Memory of the masks of a result in bytes."""
        return result.size_bytes

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """Check an edit and convert it to raster indices, see `sam_geo.live.edits.Edits`."""
        return Edits(self.raster_frame, self.size, self.context.segmenter).normalised(edit)

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """Decode the prompts of one object.

        Args:
            asked: The prompts, in raster indices.
            previous: Not used: a raster has no earlier result to go on from.

        Returns:
            The status `ok` with a mask in raster indices, or `no_prompt`, `outside`, `nodata` or
            `empty` without one; with the seconds of `encode` and `decode`.

        Raises:
            PromptError: The window of the object is too large to be answered at once.
        """
        del previous
        if (final := final_mask(asked)) is not None:
            return _as_is(final)
        prompt = prompt_of(asked, self.size)
        if prompt is None:
            return Result("no_prompt")
        if not prompt.is_placed:
            return Result("outside", detail=Seen(prompt.status))
        segmenter = self.context.segmenter
        read = live_window(prompt, self.size, side=segmenter.model_size)
        started = time.perf_counter()
        encoded = self._encoded(read)
        embedded = time.perf_counter()
        seconds = {"encode": embedded - started, "decode": 0.0}
        if encoded.embedding is None or not encoded.is_on_data(prompt, read):
            return Result("nodata", seconds=seconds)
        # by the function of a job, so that a prompt has the same outline here and there
        ((_, answer),) = answers(segmenter, encoded.embedding, read, [0], [prompt])
        pieces = answer.pieces(read, Refinement(segmenter, self.size, self._embed_native))
        seconds["decode"] = time.perf_counter() - embedded
        if not pieces:
            return Result("empty", score=answer.score, seconds=seconds)
        region = joined(pieces)
        return Result(
            "ok",
            (PlacedMask(region.window, region.mask),),
            region.window,
            region.area_px,
            round(answer.score, 4),
            round(answer.stability, 4),
            detail=Seen(prompt.status, len(pieces)),
            seconds=seconds,
        )

    def propagate(self, asked: Asked, reporter: Reporter) -> Result:
        """Raise `PromptError`: a raster has no slices to propagate through."""
        del asked, reporter
        raise PromptError("only volumes are propagated: this is a raster")

    def prefetch(self, results: Sequence[Result]) -> Iterator[object]:
        """Nothing: the window of the next click on a raster is not known before."""
        del results
        return iter(())

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """The outline of an object as a GeoJSON Feature.

        Returns:
            A Feature whose geometry lies along pixel edges in the raster's reference system, None
            where there is no mask; its area is in pixels and, where it can be known, in m2.
        """
        return self._tables.feature(state, result)

    def review(self, result: Result) -> list[dict[str, Any]]:
        """Raise `PromptError`: a raster has no slices to review."""
        del result
        raise PromptError("a raster has no slices to review: each object has a score of its own")

    def candidates(self, result: Result) -> list[dict[str, Any]]:
        """Raise `PromptError`: an object of a raster is not chosen from whole answers."""
        del result
        raise PromptError("a raster has no answers to choose from: add points to the object")

    def export(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
        reporter: Reporter,
        *,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Write a table with one row for each object, in each format.

        Args:
            objects: The objects with their masks, in the order of the rows.
            formats: Suffixes without the point: gpkg, fgb, geojson, parquet.
            folder: Folder of the files `objects.FORMAT`.
            reporter: Hears of each file.
            options: None; those of a volume are refused.

        Returns:
            `objects`: the number of rows.

        Raises:
            InputError: A format or an option is unknown.
            OutputError: A file cannot be written.
        """
        if options:
            raise InputError(f"a raster is exported without options, got {', '.join(options)}")
        return {"objects": self._tables.write(objects, formats, folder, reporter)}

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """Run a job that needs no session, such as `prompts` or `finetune`, and give its summary.

        See `sam_geo.live.server_jobs` and `sam_geo.live.teaching`.
        """
        with unnamed(self.path):
            raster = SessionRaster(self.path, self.bands, self.stretch, self.context.segmenter)
            if kind == "finetune":
                return teach(request, folder, raster, reporter)
            return run_server_job(kind, request, folder, raster, reporter)

    def pyramid(self) -> dict[str, Any]:
        """The levels of tiles, see `sam_geo.live.drawing.Tiles`."""
        return self._tiles.describe()

    def tile(self, level: int, row: int, column: int) -> bytes:
        """One tile as PNG, see `sam_geo.live.drawing.Tiles`."""
        with unnamed(self.path):
            return self._tiles.png(level, row, column)

    def preview(self, asked: Asked) -> dict[str, Any]:
        """The outline of prompts on a window that was encoded before; no encoder runs.

        Args:
            asked: The prompts, in raster indices.

        Returns:
            `status`: as of `segment`, or `not_encoded` where the window of the prompts was not
            encoded yet, or is read coarser than the raster; with `ok`, `outline` and `score`.
        """
        prompt = prompt_of(asked, self.size)
        if prompt is None or not prompt.is_placed:
            return {"status": "outside" if prompt else "no_prompt"}
        segmenter = self.context.segmenter
        read = live_window(prompt, self.size, side=segmenter.model_size)
        encoded: Encoded | None = self.context.pool.get(self._key(read))
        if encoded is None or not read.is_native:
            return {"status": "not_encoded"}
        if encoded.embedding is None or not encoded.is_on_data(prompt, read):
            return {"status": "nodata"}
        ((_, answer),) = answers(segmenter, encoded.embedding, read, [0], [prompt])
        shift = (read.window.start[0], read.window.start[1])
        region = None if answer.region is None else answer.region.shift(shift)
        return preview_of(region, answer.score)

    def outlines(self, table: Path) -> dict[str, Any]:
        """The outlines of a table that a job wrote, in pixel corners."""
        return table_outlines(table, self.raster_frame)

    def class_tile(self, path: Path, level: int, row: int, column: int) -> bytes:
        """One tile of a class map that a job wrote, see `sam_geo.live.drawing.class_tile`."""
        return class_tile(path, level, row, column)

    def close(self) -> None:
        """Close the raster's files and remove the folder of its session."""
        close(self.context)

    @property
    def _tiles(self) -> Tiles:
        """The tiles of this raster."""
        return Tiles(self.path, self.bands, self.stretch, self.size, self.overviews)

    @property
    def _tables(self) -> ObjectTables:
        """Rows and features of this raster's objects."""
        return ObjectTables(self.raster_frame, self.size, self.crs, self.context.segmenter.name)

    def _embed_native(self, window: Window) -> Embedding | None:
        """The embedding of a window at full resolution; None where no pixel of it is valid."""
        height, width = window.shape
        return self._encoded(ReadWindow(window, (height, width), ())).embedding

    def _key(self, read: ReadWindow) -> str:
        """The key in the pool of a window with its embedding."""
        return f"{self.signature}/{key_of(read.window, read.size_hw)}"

    def _encoded(self, read: ReadWindow) -> Encoded:
        """A window with its embedding: from the pool, else read and encoded."""

        def make() -> tuple[Encoded, int]:
            with unnamed(self.path):
                made = encode(self.path, self.bands, self.stretch, self.context.segmenter, read)
            return made, made.size_bytes

        found: Encoded = self.context.pool.get_or_make(self._key(read), make)
        return found


def _as_is(region: MaskRegion) -> Result:
    """The result of an object whose mask is known."""
    mask = PlacedMask(region.window, region.mask)
    return Result("ok", (mask,), region.window, region.area_px, detail=Seen("ok", 1))
