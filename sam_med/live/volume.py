"""Live volume: a volume that is open in a session of the server, its prompts and its objects.

```
box or points on a slice    `slice_masks`: decoded on that slice alone, at once
propagate                   the whole object, by `planes` or the published loop: a job
after it, a box, a painted  `correct`: only the slices that the correction reaches are predicted
mask or a mark on a slice   anew
```
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sam_common import __version__
from sam_common.errors import InputError, OutputError, PromptError
from sam_common.server.files.roots import RefusedPathError
from sam_common.server.sessions.live_source import StepReporter
from sam_common.server.sessions.object_state import BoxState, ChoiceState, MaskState
from sam_common.window import Window
from sam_med import privacy
from sam_med.corrections.correct import choose_candidate, correct
from sam_med.corrections.likely_slices import likely_slices
from sam_med.live.drawing import facts_of, nifti_bytes
from sam_med.live.edits import Edits
from sam_med.live.embeddings import shared_slices
from sam_med.live.files import READ_ERRORS, heard, hold, read
from sam_med.live.marks import mark_of
from sam_med.live.prompts import object_prompt, painted_slice, slice_box
from sam_med.live.results import LiveObject, array_of, live_object_of, recorrected, result_of
from sam_med.live.slice_masks import segment_slices
from sam_med.live.teaching import teach
from sam_med.measurements.measure import measure
from sam_med.objects.calibration import calibration_of
from sam_med.objects.overlap import DEFAULT_OVERWRITE, overwrite_of
from sam_med.objects.provenance import Provenance
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE, seg_type_of
from sam_med.objects.segments import Segment
from sam_med.objects.snomed import Code, find_code
from sam_med.propagate.confidence import REVIEW_AXIS, doubts
from sam_med.propagate.litemedsam import segment_by_loop
from sam_med.propagate.planes import planes_steps, segment_object
from sam_med.propagate.propagated_object import PropagatedObject
from sam_med.run.methods import check_model
from sam_med.run.methods import check_prompts as check_method
from sam_med.series.zip_input import unpacking
from sam_med.slices.window_level import choose_stretch
from sam_med.write import results
from sam_med.write.output_paths import check_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sam_common.server.sessions.live_source import Context, Reporter, Result
    from sam_common.server.sessions.object_state import Asked, Edit, MarkState, ObjectState
    from sam_med.corrections.correct import Correction
    from sam_med.geometry.volume import Volume
    from sam_med.run.methods import Method
    from sam_med.slices.embedded_slices import SliceEmbeddings


def open_source(request: Mapping[str, Any], path: Path, context: Context) -> LiveVolume:
    """Open a volume by path, or an uploaded array with its frame.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenVolume`.
        path: The volume, or the uploaded .npy file.
        context: The network, the pool of embeddings and the held files of the server.

    Raises:
        InputError: The volume cannot be read, or shows no contrast.
    """
    with privacy.unnamed({path: privacy.INPUT}), privacy.quiet_libraries():
        try:
            if request.get("upload") is None:
                path = hold(path, context.held, "volume")
                privacy.hide(path)
            # files are unpacked into the folder of the source, and removed with it
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
    slices = shared_slices(volume, content, stretch, context)
    return LiveVolume(replace(volume, array=slices.volume.array), slices, context, content)


@dataclass(frozen=True, slots=True, eq=False)
class LiveVolume:
    """A volume that is open in a session, see `LiveSource`."""

    volume: Volume
    slices: SliceEmbeddings
    """Its embeddings, shared with other sessions."""
    context: Context
    """What the server gives: the network, the pool and the held files."""
    fingerprint: str
    """Hash of the voxels and their places."""

    @property
    def kind(self) -> str:
        """The kind of source: a volume."""
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
        """Name and bytes of the voxels; sessions on the same ones give the same name."""
        return self.fingerprint, self.volume.array.nbytes

    def size_of(self, result: Result) -> int:
        """Bytes of a result: its masks, and the predictions that a correction starts from."""
        if not isinstance(result.detail, LiveObject):
            return result.size_bytes
        found = result.detail.propagated
        predictions = sum(one.kept.nbytes for one in found.predictions.values())
        marked = 0 if found.answered is None else found.answered.nbytes
        others = sum(one.mask.nbytes for one in found.candidates[1:])
        return result.size_bytes + found.mask.nbytes + predictions + marked + others

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """An edit with its prompts in voxel indices, see `Edits.normalised`."""
        return Edits(self.volume, self.slices, self.context.segmenter).normalised(edit)

    def segment(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """The masks on slices that have prompts; the whole object where it was propagated."""
        if asked.corrections:
            return self._corrected(asked, previous)
        if asked.method is not None:
            return self.propagate(asked, StepReporter())
        return segment_slices(self.slices, asked)

    def propagate(self, asked: Asked, reporter: Reporter) -> Result:
        """The object in the whole volume, by the method that is asked for."""
        method = cast("Method", asked.method)
        if method == "memory":
            raise InputError("method memory does not run on the server: use sam-med segment")
        segmenter = self.context.segmenter
        prompt = object_prompt(asked)
        check_method([prompt], method)
        check_model([prompt], segmenter)
        prompt = prompt.clip(self.volume)
        started = time.perf_counter()
        if method == "litemedsam":
            reporter.begin("slices", prompt.window.shape[0])
            stretch = self.slices.stretch
            (segment,), _ = segment_by_loop(
                self.volume, stretch, segmenter, [prompt], reporter.step
            )
            whole = LiveObject(PropagatedObject(segment.window, segment.mask, {}), segment.slices)
        else:
            reporter.begin("slices", planes_steps([prompt], self.volume))
            found = segment_object(self.slices, prompt, reporter.step)
            known = calibration_of(self.volume.modality, segmenter.name, method)
            whole = live_object_of(found, known if prompt.is_boxed else None)
        for mask in asked.masks:
            # a painted slice counts by its box until here, and then as it was painted
            corrected = correct(whole.propagated, self.slices, painted_slice(mask))
            whole = recorrected(whole, corrected, method)
        return result_of(whole, time.perf_counter() - started)

    def prefetch(self, results: Sequence[Result]) -> Iterator[object]:
        """Encode the slices that corrections of propagated objects may need, one in each step.

        They take at most half of the server's pool of embeddings.

        Args:
            results: Results of this volume; those that are to be ready soonest come first.
        """
        objects = [one.detail for one in results if isinstance(one.detail, LiveObject)]
        room = self.context.pool.limit_bytes // 2
        places = (likely_slices(one.propagated, self.volume) for one in objects)
        for place in dict.fromkeys(chain.from_iterable(places)):
            room -= self.slices.get(*place).features.nbytes
            yield place
            if room <= 0:
                return

    def geometry(self, state: ObjectState, result: Result) -> dict[str, Any]:
        """Refuse: a volume has no outlines."""
        del state, result
        raise PromptError("a volume has no GeoJSON outlines: ask for its masks, or export seg.nrrd")

    def review(self, result: Result) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least confident first.

        `at_least` is the Dice that nine of ten such slices have; None without enough evidence.
        """
        if not isinstance(result.detail, LiveObject):
            raise PromptError("nothing to review yet: propagate the object first")
        return [
            {
                "axis": REVIEW_AXIS,
                "index": at.k,
                "confidence": round(at.confidence, 4),
                "at_least": at.at_least,
                "reasons": doubts(at),
            }
            for at in sorted(result.detail.slices, key=lambda at: (at.confidence, at.k))
        ]

    def candidates(self, result: Result) -> list[dict[str, Any]]:
        """The answers that a propagated object was chosen from, the chosen one first.

        Each has its `number`, from 1, its `score`, its `agreement`, that is its Dice with the
        chosen one, and its `voxels`.
        """
        if not isinstance(result.detail, LiveObject):
            raise PromptError("there are no answers to choose from yet: propagate the object first")
        return [
            {
                "number": n,
                "score": round(one.score, 4),
                "agreement": round(one.dice, 4),
                "voxels": int(np.count_nonzero(one.mask)),
            }
            for n, one in enumerate(result.detail.propagated.candidates, start=1)
        ]

    def export(
        self,
        objects: Sequence[tuple[ObjectState, Result]],
        formats: Sequence[str],
        folder: Path,
        reporter: Reporter,
        *,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Write objects in formats of `sam_med.write.output_paths.FORMATS` into a folder.

        Args:
            objects: The objects with their masks.
            formats: Names of formats.
            folder: Folder of the files.
            reporter: Hears of the formats.
            options: `seg_type`, how a DICOM SEG holds its pixels, and `overwrite_labels`, whether
                later objects take voxels of earlier ones in label maps.

        Returns:
            `objects`, with their size, and `notes`, one sentence for each loss.

        Raises:
            InputError: An option is unknown.
            OutputError: A format cannot hold the volume, or a file cannot be written.
        """
        if unknown := sorted(set(options) - {"seg_type", "overwrite_labels"}):
            raise InputError(
                f"unknown option of an export: {', '.join(unknown)} "
                "(known: seg_type, overwrite_labels)"
            )
        seg_type = seg_type_of(options.get("seg_type", DEFAULT_SEG_TYPE))
        overwrite_labels = overwrite_of(options.get("overwrite_labels", DEFAULT_OVERWRITE))
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
                    segments,
                    self.volume,
                    output,
                    formats,
                    self._provenance(objects),
                    seg_type=seg_type,
                    overwrite_labels=overwrite_labels,
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
        """Run a job `finetune`, see `sam_med.live.teaching`; a volume has no other here."""
        if kind != "finetune":
            raise InputError(f"no job {kind} for a volume: propagate, export, finetune or batch")
        with privacy.quiet_libraries():
            shown = self.volume, self.slices.stretch, self.fingerprint
            return teach(request, folder, shown, reporter)

    def voxels(self) -> bytes:
        """All voxels as an uncompressed NIfTI file, see `sam_med.live.drawing.nifti_bytes`."""
        return nifti_bytes(self.volume, self.slices.stretch)

    def facts(self) -> dict[str, Any]:
        """What the page says of the volume, see `sam_med.live.drawing.facts_of`."""
        return facts_of(self.volume, self.slices.stretch)

    def close(self) -> None:
        """Release the held files; the embeddings stay in the server's pool."""
        self.context.close()

    def _corrected(self, asked: Asked, previous: Callable[[Asked], Result]) -> Result:
        """The object before the last correction, with that correction."""
        before = previous(replace(asked, corrections=asked.corrections[:-1]))
        last = asked.corrections[-1]
        started = time.perf_counter()
        if isinstance(last, ChoiceState):
            corrected = choose_candidate(before.detail.propagated, last.candidate)
        else:
            corrected = correct(before.detail.propagated, self.slices, _correction(last))
        whole = recorrected(before.detail, corrected, asked.method)
        return result_of(whole, time.perf_counter() - started)

    def _segment(self, value: int, state: ObjectState, result: Result) -> Segment:
        """An object under its name, code and a label value; empty where nothing was found."""
        code = find_code(state.name)
        if state.code is not None:
            given = dict(state.code)
            code = Code(given["value"], given["scheme"], given["meaning"])
        if result.window is None:
            one = Window((0, 0, 0), (1, 1, 1))
            return Segment(state.name, value, one, np.zeros(one.shape, dtype=np.bool_), code)
        if isinstance(result.detail, LiveObject):
            return result.detail.propagated.segment(state.name, value, code)
        return Segment(state.name, value, result.window, array_of(result), code)

    def _provenance(self, objects: Sequence[tuple[ObjectState, Result]]) -> Provenance:
        """The version, network, methods and prompts of the objects of an export."""
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


def _correction(state: BoxState | MaskState | MarkState) -> Correction:
    """A correction as the server keeps it, as one of `sam_med.corrections`."""
    if isinstance(state, BoxState):
        return slice_box(state)
    return painted_slice(state) if isinstance(state, MaskState) else mark_of(state)
