"""Live volume: one that is open in a session of the server, its prompts and its objects.

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
import time
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sam_common import __version__
from sam_common.errors import InputError, OutputError, PromptError
from sam_common.prompts import Prompts
from sam_common.server.files.roots import RefusedPathError
from sam_common.server.sessions.history import BoxState, MaskState
from sam_common.server.sessions.live_source import PlacedMask, Result, StepReporter
from sam_common.window import Window
from sam_med import privacy
from sam_med.geometry.slice_box import AXES
from sam_med.geometry.voxel_box import box_from_ijk
from sam_med.live.edits import Edits
from sam_med.live.files import READ_ERRORS, hold, read
from sam_med.live.prompts import is_on, nearest, object_prompt, painted_slice, slice_box
from sam_med.live.reading import PoolStore, heard
from sam_med.live.results import Whole, around, array_of, recorrected, result_of, whole_of
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment
from sam_med.objects.snomed import Code, find_code
from sam_med.propagate.by_prompt import ObjectMask, finest_axis, planes_steps, segment_object
from sam_med.propagate.confidence import REVIEWED, doubts
from sam_med.propagate.correction import correct
from sam_med.propagate.litemedsam import run_loop
from sam_med.propagate.prediction import edges
from sam_med.propagate.three_planes import Found
from sam_med.report.measure import measure
from sam_med.run.methods import check_model
from sam_med.run.methods import check_prompts as check_method
from sam_med.series.zip_input import unpacking
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.embedding_cache import embedding_store
from sam_med.slices.window_level import choose_stretch
from sam_med.write import results
from sam_med.write.output_paths import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sam_common.server.sessions.history import Asked, Edit, ObjectState
    from sam_common.server.sessions.live_source import Context, Reporter
    from sam_med.geometry.volume import Volume
    from sam_med.run.methods import Method


_shared: weakref.WeakValueDictionary[tuple[int, bool, str], SliceEmbeddings] = (
    weakref.WeakValueDictionary()
)


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveVolume:
    """Open a volume by path, or an uploaded array with its frame.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenVolume`.
        path: The volume, or the uploaded .npy file.
        context: What the server gives.

    Raises:
        InputError: It cannot be used.
    """
    with privacy.unnamed({path: privacy.INPUT}), privacy.quiet_libraries():
        try:
            if request.get("upload") is None:
                path = hold(path, context.held, "volume")
                privacy.hide(path)
            # what is unpacked is in the folder of the source, and goes with it
            with heard(context, path), unpacking(context.folder):
                volume = read(request, path, context)
            chosen = {name: request.get(name) for name in ("preset", "width", "level")}
            stretch = choose_stretch(volume, **chosen)
        except RefusedPathError:
            raise
        except READ_ERRORS as error:
            raise InputError(privacy.told(error)) from error
    digest = hashlib.sha256(repr((volume.shape, volume.array.dtype, volume.frame)).encode())
    digest.update(np.ascontiguousarray(volume.array).data)
    content = digest.hexdigest()
    sha256 = context.segmenter.sha256
    key = hashlib.sha256(f"{content} {stretch} {sha256}".encode()).hexdigest()
    place = (id(context.pool), context.keep_embeddings, key)
    slices = _shared.get(place)
    if slices is None:
        kept = None
        if context.keep_embeddings:
            kept = embedding_store(volume, stretch, context.segmenter)
        store = PoolStore(context.pool, key, kept)
        slices = SliceEmbeddings(volume, stretch, context.segmenter, store=store, max_bytes=1)
        _shared[place] = slices
    return LiveVolume(replace(volume, array=slices.volume.array), slices, context, content)


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

    @property
    def pixels(self) -> tuple[str, int]:
        """Of the voxels, which sessions on the same ones share."""
        return self.fingerprint, self.volume.array.nbytes

    def size_of(self, result: Result) -> int:
        """Bytes of its masks, and of the looks that a correction goes on from."""
        if not isinstance(result.detail, Whole):
            return result.size_bytes
        found = result.detail.mask.found
        looks = sum(look.certainty.nbytes for look in found.looks.values())
        return result.size_bytes + found.mask.nbytes + looks

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """The edit in voxel indices."""
        return Edits(self.volume, self.slices, self.context.segmenter).normalised(edit)

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """Slices that have prompts; the whole object where it was propagated."""
        if asked.corrections:
            return self._corrected(asked, previous)
        if asked.method is not None:
            return self.propagate(asked, StepReporter())
        return self._on_slices(asked)

    def propagate(self, asked: Asked, reporter: Reporter) -> Result:
        """The object in the whole volume."""
        method = cast("Method", asked.method)
        segmenter = self.context.segmenter
        prompt = object_prompt(asked)
        check_method([prompt], method)
        check_model([prompt], segmenter)
        prompt = prompt.clip(self.volume)
        started = time.perf_counter()
        if method == "litemedsam":
            reporter.begin("slices", prompt.window.shape[0])
            stretch = self.slices.stretch
            (segment,), _ = run_loop(self.volume, stretch, segmenter, [prompt], reporter.step)
            whole = Whole(ObjectMask(Found(segment.window, segment.mask, {})), segment.slices)
        else:
            reporter.begin("slices", planes_steps([prompt], self.volume))
            whole = whole_of(segment_object(self.slices, prompt, reporter.step))
        for mask in asked.masks:
            # a slice that a person painted is as painted
            whole = recorrected(
                whole, correct(whole.mask, self.slices, painted_slice(mask)), method
            )
        return result_of(whole, time.perf_counter() - started)

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """Volumes have no outlines."""
        del state, result
        raise PromptError("a volume has no GeoJSON outlines: ask for its masks, or export seg.nrrd")

    def review(self, result: Result) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first."""
        if not isinstance(result.detail, Whole):
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
        reporter: Reporter,
    ) -> dict[str, Any]:
        """Files of `sam_med.write.output_paths.FORMATS`."""
        segments = [
            self._segment(n, state, result) for n, (state, result) in enumerate(objects, start=1)
        ]
        if not segments:
            raise PromptError("nothing to export: the session has no objects")
        output = folder / "segmentation"
        path = self.volume.source or folder
        with privacy.unnamed({path: privacy.INPUT}), privacy.quiet_libraries():
            try:
                check_targets(output, formats, overwrite=False, volume=self.volume)
                written = results.write_outputs(
                    segments, self.volume, output, formats, self._provenance(objects)
                )
                self.context.held.check()
            except READ_ERRORS as error:
                raise OutputError(privacy.told(error)) from error
        reporter.step(len(formats))
        measured = zip(segments, measure(self.volume, segments), strict=True)
        return {
            "objects": [
                {"name": s.name, "value": s.value, "voxels": s.voxels, "volume_ml": m.volume_ml}
                for s, m in measured
            ],
            "notes": list(written.notes),
        }

    def run(
        self, kind: str, request: Mapping[str, Any], folder: Path, reporter: Reporter
    ) -> dict[str, Any]:
        """No job of its own."""
        del request, folder, reporter
        raise InputError(f"no job {kind} for a volume: propagate, export or batch")

    def close(self) -> None:
        """Let go of the files; the embeddings stay in the server's pool."""
        self.context.close()

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
        return Result(
            "ok",
            masks,
            around(masks),
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
            (axis, nearest(point.point, axis))
            for point in asked.points
            if point.label == 1 and not any(is_on(point.point, place) for place in boxed)
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
                painted = painted_slice(mask)
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
        box = next((slice_box(b).window for b in asked.boxes if b.place == place), None)
        points = [p for p in asked.points if is_on(p.point, place)]
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
        correction = slice_box(last) if isinstance(last, BoxState) else painted_slice(last)
        mask = correct(before.detail.mask, self.slices, correction)
        whole = recorrected(before.detail, mask, asked.method)
        return result_of(whole, time.perf_counter() - started)

    def _segment(self, value: int, state: ObjectState, result: Result) -> Segment:
        code = find_code(state.name)
        if state.code is not None:
            given = dict(state.code)
            code = Code(given["value"], given["scheme"], given["meaning"])
        if result.window is None:
            one = Window((0, 0, 0), (1, 1, 1))
            return Segment(state.name, value, one, np.zeros(one.shape, dtype=np.bool_), code)
        if isinstance(result.detail, Whole):
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
