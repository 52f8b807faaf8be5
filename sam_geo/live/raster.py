"""Live raster: one that is open in a session of the server, its clicks and its masks.

How windows are chosen stands in `sam_geo.live.windows`, which files are opened in
`sam_geo.live.files`.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from sam_common.errors import InputError, PromptError
from sam_common.masks.decoded import MaskRegion, joined
from sam_common.prompts import POSITIVE
from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_geo.live.edits import Edits
from sam_geo.live.files import STEM, checked_crs, close, hold, unnamed, write_upload
from sam_geo.live.jobs import JobRaster, run_raster_job
from sam_geo.live.masks import box_of, outline_of
from sam_geo.live.windows import Encoded, encode, live_window
from sam_geo.outlines.area import measurer
from sam_geo.prompted.decode import answers
from sam_geo.prompted.embedding import key_of, signature_of
from sam_geo.prompted.refine import Refinement
from sam_geo.prompts.geo_prompt import GeoPrompt, clip_prompt
from sam_geo.raster.frame import affine_from_frame
from sam_geo.raster.read_window import ReadWindow
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch
from sam_geo.results.finish import Finish, finish_prompts
from sam_geo.results.object_rows import touches_edge, world_outline
from sam_geo.results.record import fingerprint
from sam_geo.results.rows import Row
from sam_geo.tables.formats import FORMATS
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyproj

    from sam_common.frame import Frame
    from sam_common.segmenter.predictor import Embedding
    from sam_common.server.sessions.history import Asked, Edit, ObjectState
    from sam_common.server.sessions.live_source import Context, Reporter
    from sam_common.window import Window
    from sam_geo.prompts.geo_prompt import PromptStatus
    from sam_geo.results.rows import Status

_STATUS: dict[str, Status] = {
    "ok": "ok", "empty": "empty", "nodata": "nodata", "outside": "outside",
}  # fmt: skip
"""Of an object, as a table says it; one without prompts is invalid."""


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveRaster:
    """Open a raster by path, or an uploaded array with its frame.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenRaster`.
        path: The raster, or the uploaded .npy file.
        context: What the server gives.

    Raises:
        InputError: It cannot be used.
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
    with open_raster(path, bands=request.get("bands")) as source:
        if source.crs is not None:
            checked_crs(source.crs.to_wkt())
        stretch = choose_stretch(source, given=request.get("stretch"))
        signature = json.dumps(signature_of(source, context.segmenter, stretch), sort_keys=True)
        known = fingerprint(path)
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
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LiveRaster:
    """An open raster; its file is opened anew for each window that is read."""

    path: Path
    context: Context
    bands: tuple[int, ...]
    stretch: Stretch
    size: tuple[int, int]
    raster_frame: Frame
    crs: pyproj.CRS | None
    fingerprint: str
    signature: str
    """Of all that decides an embedding beside its window."""
    held_bytes: int
    """On disk, of an upload."""
    kind: str = field(default="raster", init=False)

    @property
    def frame(self) -> dict[str, Any]:
        """GDAL's affine (pixel corners) and the reference system."""
        affine = list(affine_from_frame(self.raster_frame))[:6]
        return {"affine": affine, "crs": None if self.crs is None else self.crs.to_wkt()}

    @property
    def pixels(self) -> tuple[str, int]:
        """Of an upload, on disk: those of a file are where they were."""
        return str(self.path), self.held_bytes

    def size_of(self, result: Result) -> int:
        """Bytes of its masks."""
        return result.size_bytes

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """The edit in raster indices."""
        return Edits(self.raster_frame, self.size, self.context.segmenter).normalised(edit)

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """The mask of one object in raster indices."""
        del previous
        prompt = self._prompt(asked)
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
        # the same way as in a job, so that the same prompt has the same outline
        ((_, answer),) = answers(segmenter, encoded.embedding, read, [0], [prompt])
        pieces = answer.pieces(read, Refinement(segmenter, self.size, self._look))
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
        """Rasters have no slices."""
        del asked, reporter
        raise PromptError("only volumes are propagated: this is a raster")

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """The outline along pixel edges in the raster's reference system."""
        outline = self._outline(result)
        area = None
        if outline is not None:
            measured = float(measurer(self.crs)(np.array([outline], dtype=object))[0][0])
            area = measured if np.isfinite(measured) else None
        return {
            "type": "Feature",
            "id": state.object,
            "geometry": None if outline is None else json.loads(shapely.to_geojson(outline)),
            "properties": {
                "name": state.name,
                "class": state.class_name,
                "status": result.status,
                "score": result.score,
                "area_px": result.area,
                "area_m2": area,
            },
        }

    def review(self, result: Result) -> list[dict[str, Any]]:
        """Rasters have no slices."""
        del result
        raise PromptError("a raster has no slices to review: each object has a score of its own")

    def export(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
        reporter: Reporter,
    ) -> dict[str, Any]:
        """One row for each object, in each format."""
        known = {suffix[1:] for suffix in FORMATS} - {"shp"}
        if unknown := sorted(set(formats) - known):
            raise InputError(f"unknown format {unknown[0]} (known: {', '.join(sorted(known))})")
        rows = [self._row(state, result) for state, result in objects]
        table = finish_prompts(rows, Finish(), crs=self.crs, model=self.context.segmenter.name)
        table["name"] = [state.name for state, _ in objects]
        for name in formats:
            write_table(table, folder / f"objects.{name}")
            reporter.step(1)
        return {"objects": len(rows)}

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """The jobs `prompts` and `automatic`."""
        with unnamed(self.path):
            raster = JobRaster(self.path, self.bands, self.stretch, self.context.segmenter)
            return run_raster_job(kind, request, folder, raster, reporter)

    def close(self) -> None:
        """Let go of the file, and remove what was made of an upload."""
        close(self.context)

    def _row(self, state: ObjectState, result: Result) -> Row:
        region = _regions(result)
        seen = result.detail or Seen("ok", len(region))
        return Row(
            seen.status if result.status == "ok" else _STATUS.get(result.status, "invalid"),
            prompt_id=state.object,
            class_name=state.class_name,
            score=result.score,
            stability=result.confidence,
            area_px=float(result.area) if region else None,
            touches_edge=touches_edge(region, self.size) if region else None,
            seam_merged=seen.pieces > 1 if region else None,
            geometry=self._outline(result),
        )

    def _outline(self, result: Result) -> shapely.Geometry | None:
        regions = _regions(result)
        return world_outline(regions, self.raster_frame) if regions else None

    def _prompt(self, asked: Asked) -> GeoPrompt | None:
        """The prompts of an object, what lies outside the raster cut off; None where nothing is."""
        boxes = [(b.box[0], b.box[1], b.box[2], b.box[3]) for b in asked.boxes]
        if not boxes and not asked.points:
            # a mask alone is decoded with the box around it, as a polygon is
            boxes = [box_of(mask) for mask in asked.masks]
        labels = tuple(p.label for p in asked.points)
        if not boxes and POSITIVE not in labels:
            return None
        prompt = GeoPrompt(
            0,
            None,
            boxes[0] if boxes else None,
            tuple((p.point[0], p.point[1]) for p in asked.points),
            labels,
            outline_of(asked.masks[0]) if asked.masks else None,
        )
        return clip_prompt(prompt, self.size)

    def _look(self, window: Window) -> Embedding | None:
        """The embedding of a window at full resolution, for the outline of a large object."""
        height, width = window.shape
        return self._encoded(ReadWindow(window, (height, width), ())).embedding

    def _encoded(self, read: ReadWindow) -> Encoded:
        key = f"{self.signature}/{key_of(read.window, read.size_hw)}"

        def make() -> tuple[Encoded, int]:
            with unnamed(self.path):
                made = encode(self.path, self.bands, self.stretch, self.context.segmenter, read)
            return made, made.size_bytes

        found: Encoded = self.context.pool.get_or_make(key, make)
        return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What a table says of an object beside its mask."""

    status: PromptStatus
    """`clipped` where a part of its prompts lay outside the raster."""
    pieces: int = 0
    """From so many windows it was put together."""


def _regions(result: Result) -> list[MaskRegion]:
    return [MaskRegion(mask.window, mask.array) for mask in result.masks]
