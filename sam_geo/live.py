"""Live rasters: what the local server asks of a raster while a person clicks on it.

For each object one window is read that holds its prompts with context. Windows lie on a grid, so
that neighbouring clicks, and neighbouring objects, are decoded from one embedding:

```
side 1024, windows start every 512    |------ a ------|
                                              |------ b ------|
                                                  x               a click at x is decoded in b
```
Where a window lies follows from the prompts alone, so that the same log gives the same masks.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from sam_common.errors import InputError, PromptError, SuiteError
from sam_common.everything import EverythingOptions
from sam_common.masks import MaskRegion
from sam_common.prompts import POSITIVE, Prompts
from sam_common.rle import RLE
from sam_common.rle import decode as decode_runs
from sam_common.segmenter import check_prompts
from sam_common.server.sources import PlacedMask, Result
from sam_common.window import Window
from sam_geo.area import measurer
from sam_geo.auto import AutoOptions
from sam_geo.decode import is_on_data, likeliest
from sam_geo.embedding import key_of, signature_of
from sam_geo.finish import Finish, finish_prompts
from sam_geo.frame import affine_from_frame
from sam_geo.jobs import run_auto
from sam_geo.manifest import fingerprint
from sam_geo.mask_prompt import mask_logits
from sam_geo.objects import touches_edge, world_outline
from sam_geo.placement import clip_box, is_inside
from sam_geo.prompts import GeoPrompt, load_prompts
from sam_geo.request import AutoRequest
from sam_geo.rows import Row
from sam_geo.segment import RunOptions, run_prompts
from sam_geo.sink import FORMATS, write_table
from sam_geo.source import Pixels, open_raster
from sam_geo.stretch import Stretch, choose_stretch
from sam_geo.windows import ReadWindow, needed_window, plan_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sam_common.frame import Frame
    from sam_common.segmenter import Embedding
    from sam_common.server.history import Asked, Edit, MaskState, ObjectState
    from sam_common.server.sources import Context, Reporter
    from sam_geo.rows import Status

GRID_SHARES = (2, 4, 8)
"""A window starts at multiples of this part of its side: the coarsest grid on which it fits."""
_STATUS: dict[str, Status] = {
    "ok": "ok", "empty": "empty", "nodata": "nodata", "outside": "outside",
}  # fmt: skip
"""Of an object, as a table says it; one without prompts is invalid."""
MOST_PIXELS = 1 << 26
"""Of the window of one object: a mask of 64 MiB."""
DRIVERS = (
    "GTiff", "COG", "JPEG", "PNG", "JP2OpenJPEG", "HFA", "BMP", "ENVI", "AAIGrid", "WEBP",
)  # fmt: skip
"""Formats whose pixels lie in the file itself: others name further files, or addresses."""


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveRaster:
    """Open a raster by path, or an uploaded array with its frame.

    Args:
        request: As `sam_common.server.protocol.OpenRaster`.
        path: The raster, or the uploaded .npy file.
        context: What the server gives.

    Raises:
        InputError: It cannot be used.
    """
    try:
        if request.get("upload") is not None:
            path = _written(path, request.get("frame"), context.folder / "upload.tif")
        _check_files(path, context)
        return _opened(request, path, context)
    except SuiteError as error:
        # names of files stay with the server
        raise type(error)(str(error).replace(str(path), "the raster")) from error


def _opened(request: Mapping[str, Any], path: Path, context: Context) -> LiveRaster:
    with open_raster(path, bands=request.get("bands")) as source:
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
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Encoded:
    """What the pool holds of a window."""

    embedding: Embedding | None
    """None where no pixel is valid."""
    valid: np.ndarray[Any, Any] | None
    """Valid pixels, eight in a byte; None where all are."""

    @property
    def size_bytes(self) -> int:
        """Of both."""
        features = 0 if self.embedding is None else self.embedding.features.nbytes
        return features + (0 if self.valid is None else self.valid.nbytes) + 256


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
    kind: str = field(default="raster", init=False)

    @property
    def frame(self) -> dict[str, Any]:
        """GDAL's affine (pixel corners) and the reference system."""
        affine = list(affine_from_frame(self.raster_frame))[:6]
        return {"affine": affine, "crs": None if self.crs is None else self.crs.to_wkt()}

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """The edit in raster indices."""
        ready = {k: v for k, v in edit.items() if v is not None and k != "space"}
        if edit.get("axis") is not None or (edit.get("mask") or {}).get("axis") is not None:
            raise PromptError("axis and index are for volumes: this is a raster")
        if edit["op"] == "propagated":
            raise PromptError("only volumes are propagated: this is a raster")
        in_world = edit.get("space") == "world"
        if "point" in ready:
            ready["point"] = self._point(ready["point"], in_world=in_world)
        if "box" in ready:
            ready["box"] = self._box(ready["box"], in_world=in_world)
        if "mask" in ready:
            ready["mask"] = self._mask(ready["mask"])
        self._check_kind(ready)
        return ready

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """The mask of one object in raster indices."""
        del previous
        prompt, masks = self._prompt(asked)
        if prompt is None:
            return Result("outside")
        if not (prompt.box_xyxy or POSITIVE in prompt.point_labels):
            return Result("no_prompt")
        read = self._window(prompt)
        started = time.perf_counter()
        encoded = self._encoded(read)
        embedded = time.perf_counter()
        seconds = {"encode": embedded - started, "decode": 0.0}
        if encoded.embedding is None or not _on_data(prompt, read, encoded):
            return Result("nodata", seconds=seconds)
        prompts = self._prompts(prompt, masks, read, encoded.embedding)
        points_only = prompts.boxes_xyxy is None and prompts.mask_logits is None
        multimask = points_only and self.context.segmenter.capabilities.multimask
        found = self.context.segmenter.decode(encoded.embedding, prompts, multimask=multimask)
        answer = likeliest(found.onto((read.window.shape[0], read.window.shape[1])), 0)
        seconds["decode"] = time.perf_counter() - embedded
        if answer.region is None:
            return Result("empty", score=answer.score, seconds=seconds)
        region = answer.region.shift((read.window.start[0], read.window.start[1]))
        return Result(
            "ok",
            (PlacedMask(region.window, region.mask),),
            region.window,
            region.area_px,
            round(answer.score, 4),
            round(answer.stability, 4),
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
        return {"objects": len(rows)}

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """The jobs `prompts` and `automatic`."""
        work = {"prompts": self._run_prompts, "automatic": self._run_automatic}
        if kind not in work:
            raise InputError(f"no job {kind} for a raster (known: {', '.join(work)})")
        return work[kind](request, folder, reporter)

    def close(self) -> None:
        """Remove what was made of an upload."""
        shutil.rmtree(self.context.folder, ignore_errors=True)

    def _run_prompts(
        self, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        with open_raster(self.path, bands=self.bands) as source:
            prompts = load_prompts(request["prompts"], source, crs=request.get("prompts_crs"))
            job = run_prompts(
                source,
                prompts,
                self.context.segmenter,
                progress=_progress(reporter),
                options=RunOptions(self.stretch),
            )
        for suffix in (".gpkg", ".geojson"):
            write_table(job.table, folder / f"objects{suffix}")
        return {"counts": job.counts, "failures": job.failures, "embeddings": job.embeddings}

    def _run_automatic(
        self, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        wanted = AutoRequest(
            image=str(self.path),
            output=folder / "objects.gpkg",
            bands=self.bands,
            options=auto_options(request.get("options") or {}),
        )
        record = run_auto(wanted, lambda: self.context.segmenter, progress=_progress(reporter))
        for path in folder.iterdir():
            # a record and a style are for files that stay where they are
            if path.is_file() and path.suffix != ".gpkg":
                path.unlink()
        names = ("counts", "objects", "windows", "windows_nodata", "failures", "embeddings")
        return {name: record[name] for name in names}

    def _row(self, state: ObjectState, result: Result) -> Row:
        region = _regions(result)
        return Row(
            _STATUS.get(result.status, "invalid"),
            prompt_id=state.object,
            class_name=state.class_name,
            score=result.score,
            stability=result.confidence,
            area_px=float(result.area) if region else None,
            touches_edge=touches_edge(region, self.size) if region else None,
            seam_merged=False if region else None,
            geometry=self._outline(result),
        )

    def _outline(self, result: Result) -> shapely.Geometry | None:
        regions = _regions(result)
        return world_outline(regions, self.raster_frame) if regions else None

    def _point(self, point: Sequence[float], *, in_world: bool) -> list[float]:
        if len(point) != 2:  # noqa: PLR2004
            raise PromptError(f"a point of a raster is [x, y], got {len(point)} numbers")
        return self._indices([point])[0] if in_world else [float(v) for v in point]

    def _box(self, box: Sequence[float], *, in_world: bool) -> list[float]:
        if len(box) != 4:  # noqa: PLR2004
            raise PromptError(f"a box of a raster is [x0, y0, x1, y1], got {len(box)} numbers")
        x0, y0, x1, y1 = box
        corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        xs, ys = zip(*(self._indices(corners) if in_world else corners), strict=True)
        return [float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))]

    def _indices(self, world: Sequence[Sequence[float]]) -> list[list[float]]:
        """World (x, y) to raster indices (x, y)."""
        found = self.raster_frame.to_index(np.array(world, dtype=np.float64))[:, ::-1]
        if not np.isfinite(found).all():
            raise PromptError(f"coordinates are too far from the raster: {list(world[0])}")
        return [[float(v) for v in xy] for xy in found]

    def _mask(self, mask: Mapping[str, Any]) -> dict[str, Any]:
        (top, left), (bottom, right) = mask["window"]
        rows, cols = self.size
        if bottom > rows or right > cols:
            raise PromptError(f"the mask reaches to {bottom, right}, the raster has {rows, cols}")
        if (bottom - top) * (right - left) > MOST_PIXELS:
            raise PromptError(f"a mask has at most {MOST_PIXELS} pixels")
        kept = {"window": [[top, left], [bottom, right]], "size": [bottom - top, right - left]}
        return {**kept, "counts": list(mask["counts"])}

    def _check_kind(self, edit: Mapping[str, Any]) -> None:
        segmenter = self.context.segmenter
        if edit["op"] in {"add_point", "move_point"}:
            wanted = Prompts.from_points([[0.0, 0.0]])
        elif edit["op"] == "set_box":
            wanted = Prompts.from_boxes([0, 0, 1, 1])
        elif edit["op"] == "set_mask":
            wanted = Prompts(mask_logits=np.zeros((1, 256, 256), dtype=np.float32))
        else:
            return
        check_prompts(segmenter.name, segmenter.capabilities, wanted)

    def _prompt(self, asked: Asked) -> tuple[GeoPrompt | None, tuple[MaskState, ...]]:
        """The prompts of an object inside the raster; None where nothing is."""
        points = [p for p in asked.points if is_inside((p.point[0], p.point[1]), self.size)]
        boxes = [(b.box[0], b.box[1], b.box[2], b.box[3]) for b in asked.boxes]
        if not boxes and not points:
            # a mask alone is decoded with the box around it, as a polygon is
            boxes = [_mask_box(mask) for mask in asked.masks]
        inside = [clip_box(box, self.size) for box in boxes]
        box = inside[0] if inside else None
        if box is None and not points:
            return None, ()
        prompt = GeoPrompt(
            0,
            None,
            box,
            tuple((p.point[0], p.point[1]) for p in points),
            tuple(p.label for p in points),
        )
        return prompt, asked.masks

    def _window(self, prompt: GeoPrompt) -> ReadWindow:
        side = self.context.segmenter.model_size
        need = needed_window(prompt, self.size, side=side)
        for share in GRID_SHARES:
            if (window := _on_grid(need, self.size, side, max(1, side // share))) is not None:
                return ReadWindow(window, (window.shape[0], window.shape[1]), (0,))
        (read,) = plan_windows([prompt], self.size, side=side)
        if read.window.shape[0] * read.window.shape[1] > MOST_PIXELS:
            raise PromptError(
                f"an object with its context has at most {MOST_PIXELS} pixels here, these prompts "
                f"need {read.window.shape}: run them as a job"
            )
        return read

    def _encoded(self, read: ReadWindow) -> _Encoded:
        key = f"{self.signature}/{key_of(read.window, read.size_hw)}"

        def make() -> tuple[_Encoded, int]:
            made = self._encode(read)
            return made, made.size_bytes

        found: _Encoded = self.context.pool.get_or_make(key, make)
        return found

    def _encode(self, read: ReadWindow) -> _Encoded:
        with open_raster(self.path, bands=self.bands) as source:
            pixels = source.read(read.window, out_hw=read.size_hw)
        if not pixels.valid.any():
            return _Encoded(None, None)
        embedding = self.context.segmenter.embed(self.stretch.apply(pixels))
        return _Encoded(embedding, None if pixels.valid.all() else np.packbits(pixels.valid))

    def _prompts(
        self,
        prompt: GeoPrompt,
        masks: Sequence[MaskState],
        read: ReadWindow,
        embedding: Embedding,
    ) -> Prompts:
        logits = None
        if masks:
            image = _painted(masks[0], read)
            logits = mask_logits(image, embedding.input_size_hw, self.context.segmenter.model_size)
        points = [read.point_into_image(xy) for xy in prompt.points_xy]
        box = prompt.box_xyxy
        return Prompts(
            boxes_xyxy=None if box is None else np.array([read.box_into_image(box)]),
            points_xy=np.array([points]) if points else None,
            point_labels=np.array([prompt.point_labels]) if points else None,
            mask_logits=None if logits is None else logits[None],
        )


def auto_options(given: Mapping[str, Any]) -> AutoOptions:
    """Options of an automatic job by their names.

    Raises:
        InputError: An unknown name, or a value of another type.
    """
    prompts = {each.name: each for each in fields(EverythingOptions)}
    tiles = {each.name: each for each in fields(AutoOptions) if each.name != "everything"}
    if unknown := sorted(set(given) - set(prompts) - set(tiles)):
        known = ", ".join([*tiles, *prompts])
        raise InputError(f"unknown option {unknown[0]!r} (known: {known})")
    for name, value in given.items():
        is_flag = name in {"superpixels", "join"}
        if isinstance(value, bool) != is_flag or not isinstance(value, bool | int | float):
            raise InputError(f"option {name} is {'a flag' if is_flag else 'a number'}: {value!r}")
        whole = "int" in str({**prompts, **tiles}[name].type)
        if whole and not isinstance(value, int):
            raise InputError(f"option {name} is a whole number, got {value!r}")
    everything = EverythingOptions(**{k: v for k, v in given.items() if k in prompts})
    return replace(
        AutoOptions(everything=everything), **{k: v for k, v in given.items() if k in tiles}
    )


def _progress(reporter: Reporter) -> Any:
    @contextmanager
    def begin(what: str, total: int) -> Iterator[Callable[[int], None]]:
        reporter.begin(what, total)
        yield reporter.step

    return begin


def _regions(result: Result) -> list[MaskRegion]:
    return [MaskRegion(mask.window, mask.array) for mask in result.masks]


def _on_grid(need: Window, size_hw: tuple[int, int], side: int, step: int) -> Window | None:
    """The window on a grid that holds what is needed nearest to its middle; None if none does."""
    start, stop = [], []
    for low, high, size in zip(need.start, need.stop, size_hw, strict=True):
        # the last one ends at the raster's edge
        last = max(0, size - side)
        starts = {*range(low // step * step, max(-1, high - side - 1), -step), last}
        fitting = [at for at in starts if at <= min(low, last) and high <= at + side]
        if not fitting:
            return None
        _, best = min((abs(2 * at + side - low - high), at) for at in fitting)
        start.append(best)
        stop.append(min(size, best + side))
    return Window(tuple(start), tuple(stop))


def _on_data(prompt: GeoPrompt, read: ReadWindow, encoded: _Encoded) -> bool:
    if encoded.valid is None:
        return True
    count = read.size_hw[0] * read.size_hw[1]
    valid = np.unpackbits(encoded.valid, count=count).reshape(read.size_hw).astype(np.bool_)
    return is_on_data(prompt, read, Pixels(np.empty(0), valid))


def _mask_box(mask: MaskState) -> tuple[float, float, float, float]:
    found = _runs(mask).box_xyxy
    if found is None:
        raise PromptError("the painted mask is empty")
    (top, left), _ = mask.window
    x0, y0, x1, y1 = found
    return x0 + left - 0.5, y0 + top - 0.5, x1 + left + 0.5, y1 + top + 0.5


def _runs(mask: MaskState) -> RLE:
    (top, left), (bottom, right) = mask.window
    return RLE((bottom - top, right - left), np.array(mask.counts))


def _painted(mask: MaskState, read: ReadWindow) -> np.ndarray[Any, Any]:
    """A painted mask in the image that is read."""
    whole = np.zeros(read.window.shape, dtype=np.bool_)
    given = Window(*mask.window)
    if (shared := given.intersect(read.window)) is not None:
        part = decode_runs(_runs(mask))[shared.shift([-s for s in given.start]).slices]
        whole[shared.shift([-s for s in read.window.start]).slices] = part
    if read.is_native:
        return whole
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for old, new in zip(read.window.shape, read.size_hw, strict=True)
    )
    return np.asarray(whole[np.ix_(rows, cols)])


def _check_files(path: Path, context: Context) -> None:
    """Raise `InputError` unless the pixels lie in files that may be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # rasterio.open takes one driver only
            with rasterio.Env(), DatasetReader(str(path), driver=list(DRIVERS)) as dataset:
                files = [str(name) for name in dataset.files]
    except (RasterioError, OSError) as error:
        raise InputError(
            f"not a raster that this server opens (formats: {', '.join(DRIVERS)})"
        ) from error
    for name in files:
        if not context.is_allowed(type(path)(name)):
            raise InputError("the raster names a file outside the folders of this server")


def _written(upload: Path, frame: Mapping[str, Any] | None, path: Path) -> Path:
    """An uploaded array, (rows, columns) or (rows, columns, bands), as a GeoTIFF."""
    array = np.load(upload, mmap_mode="r", allow_pickle=False)
    if array.ndim not in {2, 3} or 0 in array.shape:
        raise InputError(f"an image has 2 or 3 axes, got {array.shape}")
    bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)  # noqa: PLR2004
    if len(bands) > 16:  # noqa: PLR2004
        raise InputError(f"an image is (rows, columns, bands), at most 16 bands, got {array.shape}")
    place = frame or {}
    affine, crs = place.get("affine"), place.get("crs")
    if affine is not None and len(affine) != 6:  # noqa: PLR2004
        raise InputError("the affine of a raster has six numbers: a, b, c, d, e, f")
    profile = {
        "driver": "GTiff",
        "dtype": bands.dtype.name,
        "count": len(bands),
        "height": bands.shape[1],
        "width": bands.shape[2],
        "tiled": True,
        "photometric": "RGB" if len(bands) == 3 else "MINISBLACK",  # noqa: PLR2004
        "crs": None if not crs else _crs(crs),
        "nodata": place.get("nodata"),
        "transform": Affine.identity() if affine is None else Affine(*affine),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", **profile) as out:
                out.write(bands)
    except (RasterioError, OSError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"an array of {array.dtype} {array.shape} makes no raster") from error
    return path


def _crs(text: str) -> str:
    try:
        return str(pyproj.CRS.from_user_input(text).to_wkt())
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"no such coordinate reference system: {text:.100}") from error
