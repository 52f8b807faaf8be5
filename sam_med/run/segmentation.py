"""Segmentation: the objects of a finished run, and the files that they are written to.

The manifest beside the files is enough to repeat the run and says nothing about the patient.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common import __version__
from sam_med.objects.object_size import volume_ml
from sam_med.objects.provenance import Provenance
from sam_med.prompts.json_prompts import describe_prompts, prompts_sha256
from sam_med.run.record import fingerprint, versions
from sam_med.write import output_paths, results

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.geometry.volume import Volume
    from sam_med.objects.labels import LabelMap
    from sam_med.objects.segments import Segment
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.run.methods import Method
    from sam_med.slices.window_level import Stretch

NOTICE = "For research, not a medical device."


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The objects that were found, and what they were found with."""

    volume: Volume
    segments: tuple[Segment, ...]
    """In the order of the prompts; they may overlap."""
    labels: LabelMap
    """The same as a label map: the later object where they overlap."""
    prompts: tuple[ObjectPrompt, ...]
    """As used, that is clipped to the volume."""
    stretch: Stretch
    segmenter: Segmenter
    method: Method
    encoder_calls: int
    decoded_prompts: int
    seconds: float

    def save(
        self,
        output: str | os.PathLike[str],
        formats: Sequence[str] = (),
        *,
        overwrite: bool = False,
    ) -> dict[str, Any]:
        """Write the objects, and the manifest of the run beside them: all of it, or nothing.

        Args:
            output: A file, whose suffix says the format; or a folder or stem for several.
            formats: Names in `sam_med.write.output_paths.FORMATS`; none for that of the suffix.
            overwrite: Replace files that are there.

        Returns:
            The manifest, with the paths of the `outputs`.

        Raises:
            OutputError: It is there, a format cannot hold the grid, it lies in the source, another
                job writes it, or the disk does not take it.
        """
        plan = output_paths.check_targets(
            Path(output), formats, overwrite=overwrite, volume=self.volume
        )
        report = results.write_targets(
            self.segments, self.volume, plan, provenance(self), manifest=describe(self)
        )
        return {"outputs": [str(path) for path in plan.values()], **report}


def describe(segmentation: Segmentation) -> dict[str, Any]:
    """The manifest of a run, JSON-able; written beside the result."""
    run = segmentation
    return {
        "notice": NOTICE,
        "input": {
            "sha256": fingerprint(run.volume.files),
            "files": len(run.volume.files),
            **run.volume.describe(),
            "diagnostics": [diagnostic.code for diagnostic in run.volume.diagnostics],
        },
        "intensities": {
            **dataclasses.asdict(run.stretch),
            "padding": [list(ends) for ends in run.stretch.padding],
        },
        "method": run.method,
        "model": {
            "name": run.segmenter.name,
            "sha256": run.segmenter.sha256,
            "engine": run.segmenter.engine,
            "precision": run.segmenter.precision,
            "device": run.segmenter.device,
        },
        "prompts": {"sha256": prompts_sha256(run.prompts), **describe_prompts(run.prompts)},
        "labels": label_rows(run),
        "overlap": "the later label is kept in label maps; seg.nrrd and DICOM SEG keep both",
        "encoder_calls": run.encoder_calls,
        "decoded_prompts": run.decoded_prompts,
        "seconds": round(run.seconds, 3),
        "versions": versions(),
    }


def provenance(run: Segmentation) -> Provenance:
    """What the header of a result says of the run."""
    return Provenance(
        version=__version__,
        model=run.segmenter.name,
        model_sha256=run.segmenter.sha256,
        method=run.method,
        prompts_sha256=prompts_sha256(run.prompts),
    )


def label_rows(run: Segmentation) -> list[dict[str, Any]]:
    """One row per object: name, value, whether it was found, code, prompts, size, confidence."""
    return [
        {
            "label": segment.name,
            "value": segment.value,
            "status": "ok" if segment.voxels else "empty",
            "code": None if segment.code is None else segment.code.value,
            "meaning": None if segment.code is None else segment.code.meaning,
            "prompt_ijk": list(prompt.ijk),
            "voxels": segment.voxels,
            "voxels_in_label_map": label.voxels,
            "volume_ml": volume_ml(run.volume, segment.window, segment.mask),
            "confidence": segment.confidence,
        }
        for prompt, segment, label in zip(run.prompts, run.segments, run.labels.labels, strict=True)
    ]
