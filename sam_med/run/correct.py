"""Correct: objects of an earlier result corrected by marks, from files to files.

```
scan, earlier result, corrections -> objects as they were -> each correction in turn -> same formats
```
Objects that no correction names are written as they were, to the voxel.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common import __version__
from sam_common.errors import PromptError
from sam_common.pages.object_page import check_page_output
from sam_common.support.held_outputs import held, staged
from sam_med.corrections.correct import correct
from sam_med.corrections.files import (
    corrections_from_clicks,
    corrections_sha256,
    corrections_to_json,
    read_corrections,
)
from sam_med.objects.object_size import volume_ml
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.objects.provenance import Provenance
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.objects.segments import Segment, crop
from sam_med.objects.snomed import find_code
from sam_med.prompts.files import read_prompts
from sam_med.propagate.propagated_object import PropagatedObject
from sam_med.report.object_report import write_object_report
from sam_med.report.plates import Shown
from sam_med.run.segmentation import NOTICE, fingerprint, versions
from sam_med.series.zip_input import unpacking
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.embedding_cache import check_folder, embedding_store
from sam_med.write import output_paths, results

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.corrections.files import GivenCorrection
    from sam_med.geometry.volume import Volume
    from sam_med.geometry.voxel_box import Space
    from sam_med.objects.overlap import OverwriteLabels
    from sam_med.objects.seg_type import SegType
    from sam_med.run.request import ReadOptions
    from sam_med.run.run_case import Listener


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    """What is corrected, by what, and where the result goes."""

    segmentation: Path
    """The earlier result on the grid of the scan: a label map, .seg.nrrd, DICOM SEG or RTSTRUCT."""
    output: Path
    """The result; or the folder or stem of several formats."""
    files: tuple[Path, ...] = ()
    """Files of corrections, see `sam_med.corrections.files`."""
    clicks: Mapping[Space, Sequence[str]] = field(default_factory=dict)
    """Clicks of the command line by their space; they come after those of the files."""
    names: Path | None = None
    """Table of the names of a label map's values."""
    formats: tuple[str, ...] = ()
    """Names of `sam_med.write.output_paths.FORMATS`; that of the output's suffix where empty."""
    report: Path | None = None
    """Page about the objects, as HTML."""
    overwrite: bool = False
    """Whether files that are there are replaced."""
    keep_embeddings: bool = False
    """Whether embeddings outlive the run, see `sam_med.slices.embedding_cache`."""
    seg_type: SegType = DEFAULT_SEG_TYPE
    """How a DICOM SEG holds its pixels."""
    overwrite_labels: OverwriteLabels = DEFAULT_OVERWRITE
    """Whether corrected objects take voxels of the others in label maps."""


def correct_segments(
    slices: SliceEmbeddings,
    segments: Sequence[Segment],
    corrections: Sequence[GivenCorrection],
    step: Callable[[int], None] = lambda _done: None,
) -> list[Segment]:
    """Objects after corrections, in the order of the objects.

    Args:
        slices: Embeddings of the volume of the objects.
        segments: The objects, each with a name of its own.
        corrections: In the order in which they are made; one without a label is of the only object.
        step: Called with 1 after each correction.

    Raises:
        PromptError: A correction is of an object that does not exist, or see `correct`.
    """
    names = [segment.name for segment in segments]
    homes = [_home(given.label, names) for given in corrections]
    objects = {
        name: PropagatedObject(
            segments[names.index(name)].window, segments[names.index(name)].mask, {}
        )
        for name in dict.fromkeys(homes)
    }
    for home, given in zip(homes, corrections, strict=True):
        objects[home] = correct(objects[home], slices, given.correction)
        step(1)
    return [
        _as_segment(segment, objects[segment.name]) if segment.name in objects else segment
        for segment in segments
    ]


def correct_files(
    source: Path,
    wanted: CorrectionRequest,
    load: Callable[[], Segmenter],
    *,
    options: ReadOptions,
    listener: Listener,
) -> dict[str, Any]:
    """Correct an earlier result of a scan, and write it with a manifest.

    Args:
        source: The scan, see `sam_med.read_volume`.
        wanted: The earlier result, the corrections and the files to write.
        load: Gives the network; called when everything else is known to be in order.
        options: Which part of the scan is read, and which intensity window it is shown in.
        listener: Hears notes and progress.

    Returns:
        The manifest, with the paths of the `outputs`.

    Raises:
        SuiteError: Something is wrong with the case; nothing was written.
    """
    inputs = [source, wanted.segmentation, *wanted.files]
    inputs += [] if wanted.names is None else [wanted.names]

    pages = [] if wanted.report is None else [wanted.report]
    for page in pages:
        check_page_output(page, overwrite=wanted.overwrite)

    def targets(volume: Volume | None = None) -> dict[str, Path]:
        return output_paths.check_targets(
            wanted.output,
            wanted.formats,
            overwrite=wanted.overwrite,
            volume=volume,
            others=pages,
            inputs=inputs,
        )

    with held([*targets().values(), *pages]), unpacking():
        volume = options.volume(source)
        plan = targets(volume)
        earlier = read_prompts(wanted.segmentation, volume, use="mask", names=wanted.names)
        for line in earlier.notes:
            listener.note(f"note: {line}")
        before = [
            Segment(one.label, one.value, one.mask.window, one.mask.mask, find_code(one.label))
            for one in earlier.objects
            if one.mask is not None
        ]
        corrections = _corrections(wanted, volume, [segment.name for segment in before])
        stretch = options.stretch(volume)
        listener.note(stretch.describe())
        if wanted.keep_embeddings:
            check_folder()
        segmenter = load()
        store = embedding_store(volume, stretch, segmenter) if wanted.keep_embeddings else None
        started = time.perf_counter()
        with (
            SliceEmbeddings(volume, stretch, segmenter, store=store) as slices,
            listener.progress("corrections", len(corrections)) as advance,
        ):
            after = correct_segments(slices, before, corrections, advance)
            encoded = slices.calls
        manifest = {
            "notice": NOTICE,
            "input": {"sha256": fingerprint(volume.files), "files": len(volume.files)},
            "segmentation": {"sha256": fingerprint([wanted.segmentation])},
            "model": {
                "name": segmenter.name,
                "sha256": segmenter.sha256,
                "engine": segmenter.engine,
                "precision": segmenter.precision,
                "device": segmenter.device,
            },
            **corrections_to_json(corrections),
            "labels": [_row(volume, old, new) for old, new in zip(before, after, strict=True)],
            "encoder_calls": encoded,
            "seconds": round(time.perf_counter() - started, 3),
            "versions": versions(),
        }
        provenance = Provenance(
            version=__version__,
            model=segmenter.name,
            model_sha256=segmenter.sha256,
            method="corrected",
            prompts_sha256=corrections_sha256(corrections),
        )
        corrected = {given.label for given in corrections}
        with staged(pages) as parts:
            record = results.write_targets(
                # what was corrected is the newer: in label maps it comes after the others
                sorted(after, key=lambda segment: segment.name in corrected),
                volume,
                plan,
                provenance,
                manifest=manifest,
                seg_type=wanted.seg_type,
                overwrite_labels=wanted.overwrite_labels,
            )
            told = f"{len(corrections)} correction(s)"
            shown = Shown(volume, stretch, after, before, "before the corrections")
            for page in pages:
                write_object_report(parts[page], shown, {**record, "method": told})
    for line in record["notes"]:
        listener.note(f"note: {line}")
    return {"outputs": [str(path) for path in plan.values()], **record}


def _corrections(
    wanted: CorrectionRequest, volume: Volume, names: Sequence[str]
) -> list[GivenCorrection]:
    """The corrections of files, then of options, each with the name of its object."""
    found = [one for path in wanted.files for one in read_corrections(path, volume)]
    for space, texts in wanted.clicks.items():
        found += corrections_from_clicks(f"--click-{space.lower()}", texts, volume, space)
    if not found:
        raise PromptError("nothing to correct: give --corrections or a click")
    return [replace(one, label=_home(one.label, names)) for one in found]


def _home(label: str | None, names: Sequence[str]) -> str:
    """The name of the object that a correction belongs to: that of its label, or the only one.

    Raises:
        PromptError: There is no such object, or a correction names none of several.
    """
    known = ", ".join(names)
    if label is None:
        if len(names) != 1:
            raise PromptError(f"a correction belongs to which of {known}? give its label")
        return names[0]
    if label not in names:
        raise PromptError(
            f"a correction of an object that does not exist: {label} (there: {known})"
        )
    return label


def _as_segment(before: Segment, after: PropagatedObject) -> Segment:
    """A corrected object in the smallest window around it."""
    tight, mask = crop(after.mask)
    return replace(before, window=tight.shift(after.window.start), mask=mask, slices=())


def _row(volume: Volume, before: Segment, after: Segment) -> dict[str, Any]:
    """One row of the manifest: an object before and after its corrections."""
    hull = before.window.union(after.window)
    masks = []
    for one in (before, after):
        whole = np.zeros(hull.shape, dtype=np.bool_)
        whole[one.window.within(hull).slices] = one.mask
        masks.append(whole)
    old, new = masks
    return {
        "label": after.name,
        "value": after.value,
        "status": "ok" if after.voxels else "empty",
        "voxels": after.voxels,
        "added_voxels": int(np.count_nonzero(new & ~old)),
        "removed_voxels": int(np.count_nonzero(old & ~new)),
        "volume_ml": volume_ml(volume, after.window, after.mask),
    }
