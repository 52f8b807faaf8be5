"""Live volumes: what the local server asks of a volume while a person draws on its slices.

```
box or points on a slice    decoded on that slice alone, at once
propagate                   the whole object, by `planes` or the published loop: a job
after it, a box or a        a correction (`correct`): only what it reaches is followed anew
painted mask on a slice
```
Sessions on the same voxels, stretch and model share one set of embeddings.
"""

from __future__ import annotations

import hashlib
import math
import time
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sam_common import __version__
from sam_common.errors import InputError, OutputError, PromptError, SuiteError
from sam_common.frame import Frame
from sam_common.prompts import Prompts
from sam_common.rle import RLE
from sam_common.rle import decode as decode_runs
from sam_common.segmenter import check_prompts
from sam_common.server.history import BoxState, MaskState
from sam_common.server.sources import PlacedMask, Result
from sam_common.window import Window
from sam_med import care, sink
from sam_med.codes import Code, find_code
from sam_med.confidence import REVIEWED, doubts
from sam_med.correct import PaintedSlice, correct
from sam_med.look import edges
from sam_med.loop import run_loop
from sam_med.planes import ObjectMask, finest_axis, planes_steps, segment_object
from sam_med.prompts import ObjectPrompt, VoxelPoint
from sam_med.provenance import Provenance
from sam_med.rounds import Found
from sam_med.segment import check_model
from sam_med.segment import check_prompts as check_method
from sam_med.segments import Segment, SliceConfidence, median_confidence
from sam_med.slice_box import AXES, AXIS_NAMES, Axis, SliceBox
from sam_med.slices import SliceEmbeddings
from sam_med.source import read_volume
from sam_med.targets import check_targets
from sam_med.volume import Volume
from sam_med.voxel_box import box_from_ijk, box_from_lps, window_ijk
from sam_med.window_level import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sam_common.segmenter import Embedding, Segmenter
    from sam_common.server.embedding_pool import EmbeddingPool
    from sam_common.server.history import Asked, Edit, ObjectState, Slice
    from sam_common.server.sources import Context, Reporter
    from sam_med.segment import Method

READ_ERRORS = (
    SuiteError,
    OSError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What damaged files raise in the libraries that read them."""
HEADER_BYTES = 1 << 16
"""Of a NRRD or MetaImage header that are looked at."""
POINT_NUMBERS, PLANE_NUMBERS, BOX_NUMBERS = 3, 4, 6

_shared: weakref.WeakValueDictionary[str, SliceEmbeddings] = weakref.WeakValueDictionary()


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveVolume:
    """Open a volume by path, or an uploaded array with its frame.

    Args:
        request: As `sam_common.server.protocol.OpenVolume`.
        path: The volume, or the uploaded .npy file.
        context: What the server gives.

    Raises:
        InputError: It cannot be used.
    """
    with care.unnamed({path: care.INPUT}), care.quiet_libraries():
        try:
            volume = _read(request, path, context)
            chosen = {name: request.get(name) for name in ("preset", "width", "level")}
            stretch = choose_stretch(volume, **chosen)
        except READ_ERRORS as error:
            raise InputError(care.told(error)) from error
    digest = hashlib.sha256(repr((volume.shape, volume.array.dtype, volume.frame)).encode())
    digest.update(np.ascontiguousarray(volume.array).data)
    content = digest.hexdigest()
    sha256 = context.segmenter.sha256
    key = hashlib.sha256(f"{content} {stretch} {sha256}".encode()).hexdigest()
    slices = _shared.get(key)
    if slices is None:
        store = _PoolStore(context.pool, key)
        slices = SliceEmbeddings(volume, stretch, context.segmenter, store=store, max_bytes=1)
        _shared[key] = slices
    return LiveVolume(replace(volume, array=slices.volume.array), slices, context, content)


class _PoolStore:
    """The server's pool as the store of a volume's slices."""

    def __init__(self, pool: EmbeddingPool, prefix: str) -> None:
        self._pool, self._prefix = pool, prefix

    def get(self, key: str) -> Embedding | None:
        return cast("Embedding | None", self._pool.get(f"{self._prefix}/{key}"))

    def put(self, key: str, embedding: Embedding) -> None:
        self._pool.put(f"{self._prefix}/{key}", embedding, embedding.features.nbytes)


@dataclass(frozen=True, slots=True, eq=False)
class LiveVolume:
    """An open volume."""

    volume: Volume
    slices: SliceEmbeddings
    context: Context
    fingerprint: str

    @property
    def kind(self) -> str:
        """Of the source."""
        return "volume"

    @property
    def size(self) -> tuple[int, ...]:
        """Number of voxels along (k, j, i)."""
        return self.volume.shape

    @property
    def frame(self) -> dict[str, Any]:
        """4x4 matrix from voxel (i, j, k) to LPS mm."""
        return {"affine": self.volume.frame.array[:, [2, 1, 0, 3]].tolist(), "crs": "LPS"}

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """The edit in voxel indices."""
        ready = {k: v for k, v in edit.items() if v is not None and k != "space"}
        in_world = edit.get("space") == "world"
        if "point" in ready:
            ready["point"] = self._point(ready["point"], in_world=in_world)
        if "box" in ready:
            ready["box"] = self._box(ready, in_world=in_world)
        if "mask" in ready:
            self._check_mask(ready["mask"])
        self._check_kind(ready)
        return ready

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """Slices that have prompts; the whole object where it was propagated."""
        if asked.corrections:
            return self._corrected(asked, previous)
        if asked.method is not None:
            return self.propagate(asked, _Silent())
        return self._on_slices(asked)

    def propagate(self, asked: Asked, reporter: Reporter) -> Result:
        """The object in the whole volume."""
        method = cast("Method", asked.method)
        segmenter = self.context.segmenter
        prompt = self._object_prompt(asked)
        check_method([prompt], method)
        check_model([prompt], segmenter)
        prompt = prompt.clip(self.volume)
        started = time.perf_counter()
        if method == "litemedsam":
            reporter.begin("slices", prompt.window.shape[0])
            stretch = self.slices.stretch
            (segment,), _ = run_loop(self.volume, stretch, segmenter, [prompt], reporter.step)
            whole = _Whole(ObjectMask(Found(segment.window, segment.mask, {})), segment.slices)
        else:
            reporter.begin("slices", planes_steps([prompt], self.volume))
            whole = _whole(segment_object(self.slices, prompt, reporter.step))
        for mask in asked.masks:
            # a slice that a person painted is as painted
            whole = _recorrected(whole, correct(whole.mask, self.slices, _painted(mask)), method)
        return _result_of(whole, time.perf_counter() - started)

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """Volumes have no outlines."""
        del state, result
        raise PromptError("a volume has no GeoJSON outlines: ask for its masks, or export seg.nrrd")

    def review(self, result: Result) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first."""
        if not isinstance(result.detail, _Whole):
            raise PromptError("nothing to review yet: propagate the object first")
        return [
            {
                "axis": REVIEWED,
                "index": at.k,
                "confidence": round(at.confidence, 4),
                "reasons": doubts(at),
            }
            for at in sorted(result.detail.slices, key=lambda at: (at.confidence, at.k))
        ]

    def export(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
    ) -> dict[str, Any]:
        """Files of `sam_med.targets.FORMATS`."""
        segments = [
            self._segment(n, state, result) for n, (state, result) in enumerate(objects, start=1)
        ]
        if not segments:
            raise PromptError("nothing to export: the session has no objects")
        output = folder / "segmentation"
        path = self.volume.source or folder
        with care.unnamed({path: care.INPUT}), care.quiet_libraries():
            try:
                check_targets(output, formats, overwrite=False, volume=self.volume)
                written = sink.write_outputs(
                    segments, self.volume, output, formats, self._provenance(objects)
                )
            except READ_ERRORS as error:
                raise OutputError(care.told(error)) from error
        return {
            "objects": [{"name": s.name, "value": s.value, "voxels": s.voxels} for s in segments],
            "notes": list(written.notes),
        }

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """No job of its own."""
        del request, folder, reporter
        raise InputError(f"no job {kind} for a volume: propagate, export or batch")

    def close(self) -> None:
        """The embeddings stay in the server's pool."""

    def _on_slices(self, asked: Asked) -> Result:
        started = time.perf_counter()
        calls = self.slices.calls
        found = [self._slice(place, asked) for place in self._places(asked)]
        seconds = {"encode": 0.0, "decode": 0.0}
        seconds["encode" if self.slices.calls > calls else "decode"] = time.perf_counter() - started
        if not found:
            return Result("no_prompt")
        masks = tuple(mask for mask, _, _ in found if mask is not None)
        scores = [score for _, score, _ in found]
        if not masks:
            return Result("empty", score=min(scores), seconds=seconds)
        window = _kji(masks[0])
        for mask in masks[1:]:
            window = window.union(_kji(mask))
        return Result(
            "ok",
            masks,
            window,
            sum(int(np.count_nonzero(mask.array)) for mask in masks),
            round(min(scores), 4),
            round(min(sure for _, _, sure in found), 4),
            seconds=seconds,
        )

    def _places(self, asked: Asked) -> list[tuple[int, int]]:
        """Slices that have something to look for, in the order in which they were prompted."""
        prompts: tuple[MaskState | BoxState, ...] = (*asked.masks, *asked.boxes)
        places = [each.place for each in prompts if each.place is not None]
        axis = finest_axis(self.volume)
        boxed = set(places)
        places += [
            (axis, _nearest(point.point, axis))
            for point in asked.points
            if point.label == 1 and not any(_is_on(point.point, place) for place in boxed)
        ]
        if not places:
            # of a 3-D box the middle slice is shown until it is propagated
            windows = [box_from_ijk(box.box) for box in asked.boxes]
            places = [(axis, (w.start[axis] + w.stop[axis] - 1) // 2) for w in windows]
        return list(dict.fromkeys(places))

    def _slice(
        self, place: tuple[int, int], asked: Asked
    ) -> tuple[PlacedMask | None, float, float]:
        """Mask, score and stability on one slice."""
        axis, index = place
        for mask in asked.masks:
            if mask.place == place:
                painted = _painted(mask)
                return PlacedMask(painted.window, painted.mask, axis, index), 1.0, 1.0
        prompts = self._slice_prompts(place, asked)
        points_only = prompts.boxes_xyxy is None
        multimask = points_only and self.context.segmenter.capabilities.multimask
        masks = self.slices.decode(axis, index, prompts, multimask=multimask).best()
        score, sure = float(masks.scores[0, 0]), float(masks.stability()[0, 0])
        if (region := masks.region(0)) is None:
            return None, score, sure
        return PlacedMask(region.window, region.mask, axis, index), score, sure

    def _slice_prompts(self, place: tuple[int, int], asked: Asked) -> Prompts:
        axis = place[0]
        rows, cols = (d for d in AXES if d != axis)
        box = next((_slice_box(b).window for b in asked.boxes if b.place == place), None)
        points = [p for p in asked.points if _is_on(p.point, place)]
        if box is None and not points:
            whole = next(box_from_ijk(b.box) for b in asked.boxes if b.place is None)
            whole = whole.intersect(self.volume.window) or whole
            box = Window(
                (whole.start[rows], whole.start[cols]), (whole.stop[rows], whole.stop[cols])
            )
        return Prompts(
            boxes_xyxy=None if box is None else np.array([edges(box)]),
            points_xy=np.array([[(p.point[2 - cols], p.point[2 - rows]) for p in points]])
            if points
            else None,
            point_labels=np.array([[p.label for p in points]]) if points else None,
        )

    def _corrected(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        before = previous(replace(asked, corrections=asked.corrections[:-1]))
        last = asked.corrections[-1]
        started = time.perf_counter()
        correction = _slice_box(last) if isinstance(last, BoxState) else _painted(last)
        mask = correct(before.detail.mask, self.slices, correction)
        whole = _recorrected(before.detail, mask, asked.method)
        return _result_of(whole, time.perf_counter() - started)

    def _object_prompt(self, asked: Asked) -> ObjectPrompt:
        whole = [b for b in asked.boxes if b.place is None]
        boxes = [_slice_box(b) for b in asked.boxes if b.place is not None]
        boxed = {(b.axis, b.index) for b in boxes}
        for mask in asked.masks:
            painted = _painted(mask)
            if (painted.axis, painted.index) not in boxed:
                boxes.append(_box_around(painted))
        points = [VoxelPoint(_kji_of(p.point), p.label == 1) for p in asked.points]
        return ObjectPrompt(
            "object",
            1,
            box_from_ijk(whole[0].box) if whole else None,
            tuple(boxes),
            tuple(points),
        )

    def _segment(self, value: int, state: ObjectState, result: Result) -> Segment:
        code = find_code(state.name)
        if state.code is not None:
            given = dict(state.code)
            code = Code(given["value"], given["scheme"], given["meaning"])
        if result.window is None:
            one = Window((0, 0, 0), (1, 1, 1))
            return Segment(state.name, value, one, np.zeros(one.shape, dtype=np.bool_), code)
        if isinstance(result.detail, _Whole):
            return result.detail.mask.segment(state.name, value, code)
        return Segment(state.name, value, result.window, array_of(result), code)

    def _provenance(self, objects: Sequence[tuple[ObjectState, Result]]) -> Provenance:
        segmenter = self.context.segmenter
        asked = repr([state.asked for state, _ in objects]).encode()
        methods = sorted({state.asked.method or "slices" for state, _ in objects})
        return Provenance(
            version=__version__,
            model=segmenter.name,
            model_sha256=segmenter.sha256,
            method="+".join(methods),
            prompts_sha256=hashlib.sha256(asked).hexdigest(),
        )

    def _point(self, point: Sequence[float], *, in_world: bool) -> list[float]:
        if len(point) != POINT_NUMBERS:
            raise PromptError(f"a point of a volume is [i, j, k], got {len(point)} numbers")
        kji = self.volume.to_index(point) if in_world else np.array(point[::-1], dtype=np.float64)
        index = VoxelPoint((float(kji[0]), float(kji[1]), float(kji[2])))
        if not self.volume.window.contains(index.window_kji):
            raise PromptError(
                f"the point lies outside the volume of {self.volume.shape[::-1]} voxels (i, j, k)"
            )
        return list(index.index_kji[::-1])

    def _box(self, edit: Mapping[str, Any], *, in_world: bool) -> list[float]:
        box, axis = edit["box"], edit.get("axis")
        if axis is None:
            if len(box) != BOX_NUMBERS:
                raise PromptError(
                    f"a box of a volume is [i0, j0, k0, i1, j1, k1], got {len(box)} numbers: "
                    "give axis and index with a box on a slice"
                )
            window = box_from_lps(box, self.volume) if in_world else _voxels(box)
            return [float(v) for v in window_ijk(self._inside(window))]
        if in_world and len(box) == BOX_NUMBERS:
            corners = np.reshape(box, (2, 3))
            found = SliceBox.from_corners(cast("Axis", axis), corners, self.volume)
            if found.index != edit["index"]:
                raise PromptError(f"the box lies on slice {found.index}, not {edit['index']}")
            box = found.ijk
        elif in_world or len(box) != PLANE_NUMBERS:
            wanted = "two corners in mm, [x, y, z, x, y, z]" if in_world else "[x0, y0, x1, y1]"
            raise PromptError(f"a box on a slice is {wanted}, got {len(box)} numbers")
        return self._on_slice(box, axis, edit["index"])

    def _on_slice(self, box: Sequence[float], axis: int, index: int) -> list[float]:
        self._check_slice(axis, index)
        x0, x1 = sorted((box[0], box[2]))
        y0, y1 = sorted((box[1], box[3]))
        rows, cols = self.slices.plane(axis).size_hw
        left, right = max(0, _whole_number(x0)), min(cols - 1, _whole_number(x1))
        top, bottom = max(0, _whole_number(y0)), min(rows - 1, _whole_number(y1))
        if left > right or top > bottom:
            raise PromptError(f"the box lies outside the slice of {rows} x {cols} voxels")
        return [float(v) for v in (left, top, right, bottom)]

    def _inside(self, window: Window) -> Window:
        if (inside := window.intersect(self.volume.window)) is None:
            raise PromptError(
                f"the box ijk {window_ijk(window)} lies outside the volume of "
                f"{self.volume.shape[::-1]} voxels"
            )
        return inside

    def _check_slice(self, axis: int, index: int) -> None:
        if not 0 <= index < self.volume.shape[axis]:
            raise PromptError(
                f"axis {axis} has the slices 0 to {self.volume.shape[axis] - 1}, got {index}"
            )

    def _check_mask(self, mask: Mapping[str, Any]) -> None:
        if mask.get("axis") is None:
            raise PromptError("a painted mask of a volume names its slice: axis and index")
        self._check_slice(mask["axis"], mask["index"])
        rows, cols = self.slices.plane(mask["axis"]).size_hw
        _, (bottom, right) = mask["window"]
        if bottom > rows or right > cols:
            raise PromptError(f"the mask reaches to {bottom, right}, the slice has {rows, cols}")

    def _check_kind(self, edit: Mapping[str, Any]) -> None:
        segmenter: Segmenter = self.context.segmenter
        if edit["op"] in {"add_point", "move_point"}:
            check_prompts(segmenter.name, segmenter.capabilities, Prompts.from_points([[0.0, 0.0]]))
        elif edit["op"] == "set_box":
            check_prompts(segmenter.name, segmenter.capabilities, Prompts.from_boxes([0, 0, 1, 1]))


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """A propagated object."""

    mask: ObjectMask
    slices: tuple[SliceConfidence, ...]

    @property
    def confidence(self) -> float | None:
        """Median over its slices."""
        return median_confidence(self.slices)


class _Silent:
    """Nobody listens: a propagation that is made again for an undo or a replay."""

    def begin(self, what: str, total: int) -> None:
        """Nothing."""

    def step(self, done: int) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""


def array_of(result: Result) -> np.ndarray[Any, Any]:
    """All masks of a result in its (k, j, i) window."""
    if result.window is None:
        return np.zeros((0, 0, 0), dtype=np.bool_)
    whole = np.zeros(result.window.shape, dtype=np.bool_)
    for mask in result.masks:
        there = _kji(mask).shift([-s for s in result.window.start])
        whole[there.slices] |= np.expand_dims(mask.array, cast("int", mask.axis))
    return whole


def _whole(mask: ObjectMask) -> _Whole:
    return _Whole(mask, mask.segment("object", 1).slices)


def _recorrected(before: _Whole, mask: ObjectMask, method: str | None) -> _Whole:
    """What a correction left; slices that only the published loop has seen keep what it said."""
    after = _whole(mask)
    if method != "litemedsam":
        return after
    known = {at.k: at for at in before.slices}
    kept = (
        known.get(at.k, at) if at.predicted_iou == at.stability == 0 else at for at in after.slices
    )
    return replace(after, slices=tuple(kept))


def _result_of(whole: _Whole, seconds: float) -> Result:
    window, mask = whole.mask.window, whole.mask.mask
    masks = []
    for n in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        rows, cols = np.flatnonzero(mask[n].any(axis=1)), np.flatnonzero(mask[n].any(axis=0))
        tight = Window((int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1))
        part = np.ascontiguousarray(mask[n][tight.slices])
        masks.append(PlacedMask(tight.shift(window.start[1:]), part, 0, n + window.start[0]))
    around = None
    for one in masks:
        around = _kji(one) if around is None else around.union(_kji(one))
    return Result(
        "ok" if masks else "empty",
        tuple(masks),
        around,
        int(np.count_nonzero(mask)),
        whole.confidence,
        whole.confidence,
        whole,
        {"encode": 0.0, "decode": seconds},
    )


def _kji(mask: PlacedMask) -> Window:
    axis, index = cast("Axis", mask.axis), cast("int", mask.index)
    return SliceBox(axis, index, mask.window).window_kji


def _kji_of(point: Sequence[float]) -> tuple[float, float, float]:
    return point[2], point[1], point[0]


def _nearest(point: Sequence[float], axis: int) -> int:
    return _whole_number(point[2 - axis])


def _is_on(point: Sequence[float], place: Slice) -> bool:
    return place is not None and _nearest(point, place[0]) == place[1]


def _whole_number(value: float) -> int:
    return math.floor(value + 0.5)


def _voxels(box: Sequence[float]) -> Window:
    """The window of inclusive voxel centres, corners in any order."""
    low = [_whole_number(min(a, b)) for a, b in zip(box[:3], box[3:], strict=True)]
    high = [_whole_number(max(a, b)) for a, b in zip(box[:3], box[3:], strict=True)]
    return box_from_ijk([*low, *high])


def _slice_box(box: BoxState) -> SliceBox:
    axis, index = cast("tuple[Axis, int]", box.place)
    x0, y0, x1, y1 = (int(v) for v in box.box)
    return SliceBox(axis, index, Window((y0, x0), (y1 + 1, x1 + 1)))


def _painted(mask: MaskState) -> PaintedSlice:
    axis, index = cast("tuple[Axis, int]", mask.place)
    window = Window(*mask.window)
    runs = RLE((window.shape[0], window.shape[1]), np.array(mask.counts))
    return PaintedSlice(axis, index, window, decode_runs(runs))


def _box_around(painted: PaintedSlice) -> SliceBox:
    rows = np.flatnonzero(painted.mask.any(axis=1))
    cols = np.flatnonzero(painted.mask.any(axis=0))
    if not len(rows):
        raise PromptError(
            f"the mask painted on slice {AXIS_NAMES[painted.axis]}={painted.index} is empty: "
            "there is nothing to follow"
        )
    tight = Window((int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1))
    return SliceBox(painted.axis, painted.index, tight.shift(painted.window.start))


def _read(request: Mapping[str, Any], path: Path, context: Context) -> Volume:
    if request.get("upload") is not None:
        return _uploaded(path, request.get("frame"), request.get("modality"))
    _check_header(path, context)
    volume = read_volume(
        path,
        modality=request.get("modality"),
        series=request.get("series"),
        time=request.get("time"),
    )
    if any(not context.is_allowed(file) for file in volume.files):
        raise InputError("the volume names a file outside the folders of this server")
    return volume


def _uploaded(path: Path, frame: Mapping[str, Any] | None, modality: str | None) -> Volume:
    affine = None if frame is None else np.asarray(frame["affine"], dtype=np.float64)
    if affine is None or affine.shape != (4, 4):
        raise InputError("an uploaded volume needs its frame: a 4x4 affine from ijk to LPS mm")
    array = np.load(path, allow_pickle=False)
    name = None if modality is None else modality.upper()
    return Volume(array, Frame.from_array(affine[:, [2, 1, 0, 3]]), modality=name)


def _check_header(path: Path, context: Context) -> None:
    """Raise `InputError` where a NRRD or MetaImage header names voxels that may not be read."""
    if not path.is_file() or path.suffix.lower() not in {".nrrd", ".nhdr", ".mha", ".mhd"}:
        return
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
    for line in header.replace(b"\r", b"").split(b"\n"):
        if not line.strip():
            return
        name, _, value = line.replace(b"=", b":", 1).partition(b":")
        if name.strip().lower().replace(b" ", b"") not in {b"datafile", b"elementdatafile"}:
            continue
        file = value.strip().decode("utf-8", "replace")
        if file.upper() == "LOCAL":
            return
        if not (path.parent / file).is_file() or not context.is_allowed(path.parent / file):
            raise InputError("the header names voxels in files that this server may not open")


def run_batch(
    cases: Sequence[Mapping[str, str]],
    folder: Path,
    load: Callable[[str], Segmenter],
    reporter: Reporter,
    open_path: Callable[[str], Path],
) -> dict[str, Any]:
    """Segment volumes one after the other; results go into the job's folder.

    Args:
        cases: Rows as in the list of `sam-med batch`: name, input, prompts and options; `output` is
            the name of the file that is made.
        folder: Of the job.
        load: Gives a model by name.
        reporter: Hears of each case.
        open_path: Resolves a path, or refuses it.
    """
    from sam_med import batch, pipeline  # noqa: PLC0415  # only batches need them
    from sam_med.cases import Case  # noqa: PLC0415
    from sam_med.segment import method_of  # noqa: PLC0415

    todo = []
    for n, row in enumerate(cases, start=1):
        rest = {k: v for k, v in row.items() if k not in {"name", "input", "prompts", "output"}}
        name = Path(row.get("output") or f"case-{n}.seg.nrrd").name
        if "input" not in row or "prompts" not in row:
            raise InputError(f"case {n} needs input and prompts")
        paths = open_path(row["input"]), open_path(row["prompts"])
        case_name = row.get("name") or f"case {n}"
        todo.append(Case(case_name, paths[0], folder / name, paths[1], rest))
    reporter.begin("cases", len(todo))

    def segment(case: Case) -> int:
        report = pipeline.run_case(
            case.input,
            pipeline.asked_of(case),
            pipeline.Wanted(case.output),
            lambda: load(case.options.get("model", "lite_medsam")),
            reading=pipeline.reading_of(case),
            method=method_of(case.options.get("method", "planes")),
            listener=_Listener(),
        )
        return len(report["labels"])

    results = batch.run_batch(
        todo, segment, folder / "state", on_result=lambda _result: reporter.step(1)
    )
    return {"cases": [{"case": r.case, "status": r.status} for r in results]}


class _Listener:
    """Progress inside a case is not shown."""

    def note(self, message: str) -> None:
        """Nothing: notes stand in the manifest."""

    def progress(self, what: str, total: int) -> Any:
        """A counter that nobody sees."""
        from contextlib import nullcontext  # noqa: PLC0415

        del what, total
        return nullcontext(lambda _done: None)
