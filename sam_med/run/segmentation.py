"""Segmentation: the objects of a finished run, and the files and manifest that are written of them.

The manifest is enough to repeat the run and says nothing about the patient: inputs are named by
the hash of their bytes, because file and folder names of scans often hold names, dates or UIDs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common import __version__
from sam_common.support.files import sha256_of
from sam_med.objects.calibration import rest_at_least, told
from sam_med.objects.object_size import volume_ml
from sam_med.objects.overlap import DEFAULT_OVERWRITE, TOLD
from sam_med.objects.provenance import Provenance
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.prompts.json_prompts import describe_prompts, prompts_sha256
from sam_med.propagate.confidence import DOUBTFUL
from sam_med.write import output_paths, results

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.geometry.volume import Volume
    from sam_med.objects.labels import LabelMap
    from sam_med.objects.overlap import OverwriteLabels
    from sam_med.objects.seg_type import SegType
    from sam_med.objects.segments import Segment
    from sam_med.prompts.object_prompt import ObjectPrompt
    from sam_med.run.methods import Method
    from sam_med.slices.window_level import Stretch

NOTICE = "For research, not a medical device."
LIBRARIES = (
    "numpy",
    "scipy",
    "torch",
    "openvino",
    "transformers",
    "opencv-python-headless",
    "pydicom",
    "highdicom",
    "nibabel",
    "SimpleITK",
)
"""Distributions whose versions the manifest names, because they shape the result."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The objects of a run, with the volume, prompts and network that they were found with."""

    volume: Volume
    segments: tuple[Segment, ...]
    """In the order of the prompts; they may overlap."""
    labels: LabelMap
    """The objects as a label map; where they overlap, it goes by `overwrite_labels`."""
    prompts: tuple[ObjectPrompt, ...]
    """Prompts as they were used, cut to the volume."""
    stretch: Stretch
    """How values became the 8 bits that the network saw."""
    segmenter: Segmenter | LoadedTracker
    method: Method
    """How prompts became 3-D masks."""
    encoder_calls: int
    """Slices that were encoded."""
    decoded_prompts: int
    """Prompts on slices that were decoded."""
    seconds: float
    """Time of segmenting, without reading and writing."""
    overwrite_labels: OverwriteLabels = DEFAULT_OVERWRITE
    """Whether later objects took voxels of earlier ones, see `sam_med.objects.overlap`."""

    def save(
        self,
        output: str | os.PathLike[str],
        formats: Sequence[str] = (),
        *,
        overwrite: bool = False,
        seg_type: SegType = DEFAULT_SEG_TYPE,
    ) -> dict[str, Any]:
        """Write the objects and the manifest of the run beside them: all files, or none.

        Args:
            output: A file whose suffix says the format; or a folder or stem for several formats.
            formats: Names in `sam_med.write.output_paths.FORMATS`; that of the suffix where empty.
            overwrite: Replace files that are there.
            seg_type: How a DICOM SEG holds its pixels: "binary", "labelmap" or "fractional".

        Returns:
            The manifest, with the paths of the `outputs`.

        Raises:
            OutputError: A file exists, lies in the source or is being written by another job, a
                format cannot hold the grid, or the disk takes no more.
        """
        plan = output_paths.check_targets(
            Path(output), formats, overwrite=overwrite, volume=self.volume
        )
        report = results.write_targets(
            self.segments,
            self.volume,
            plan,
            provenance(self),
            manifest=describe(self),
            seg_type=seg_type,
            overwrite_labels=self.overwrite_labels,
        )
        return {"outputs": [str(path) for path in plan.values()], **report}


def describe(segmentation: Segmentation) -> dict[str, Any]:
    """The manifest of a run as values of JSON; it is written beside the result."""
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
        "calibration": told(run.volume.modality, run.segmenter.name, run.method),
        "overlap": TOLD[run.overwrite_labels],
        "encoder_calls": run.encoder_calls,
        "decoded_prompts": run.decoded_prompts,
        "seconds": round(run.seconds, 3),
        "versions": versions(),
    }


def provenance(run: Segmentation) -> Provenance:
    """The version, network, method and prompts of a run, as headers of results state them."""
    return Provenance(
        version=__version__,
        model=run.segmenter.name,
        model_sha256=run.segmenter.sha256,
        method=run.method,
        prompts_sha256=prompts_sha256(run.prompts),
    )


def label_rows(run: Segmentation) -> list[dict[str, Any]]:
    """One row for each object: name, value, status, code, prompt, size and confidence.

    The `candidates` of a row are the answers that the object was chosen from, itself first, each
    with its score and its Dice with the chosen one. `at_least` is the Dice that nine of ten such
    objects have; `slices_to_check` of its slices are to be looked at, and each of the others has at
    least `rest_at_least`. They are None where there is not enough evidence. `doubtful_slice` has
    the index `k` and the confidence of the least sure slice; None where none has a confidence.
    """
    rests = [rest_at_least(segment.slices, DOUBTFUL) for segment in run.segments]
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
            "at_least": segment.at_least,
            "slices_to_check": doubtful,
            "rest_at_least": rest,
            "doubtful_slice": _doubtful_slice(segment),
            "candidates": [
                {"score": round(one.score, 4), "dice": round(one.dice, 4)}
                for one in segment.candidates
            ],
        }
        for prompt, segment, label, (doubtful, rest) in zip(
            run.prompts, run.segments, run.labels.labels, rests, strict=True
        )
    ]


def _doubtful_slice(segment: Segment) -> dict[str, Any] | None:
    """The slice on which an object is least sure, for the manifest."""
    if not segment.slices:
        return None
    worst = min(segment.slices, key=lambda at: at.confidence)
    return {"k": worst.k, "confidence": round(worst.confidence, 4)}


def fingerprint(files: Sequence[Path]) -> str | None:
    """sha256 of one file; of the sha256 of all of them, in slice order, where there are several.

    None for a volume that was made in memory.
    """
    digests = [sha256_of(path) for path in files]
    if len(digests) > 1:
        return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
    return digests[0] if digests else None


def versions() -> dict[str, str]:
    """Versions of this package, Python, and the libraries that shape the result."""
    return {
        "sam-geomed": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
    }


def _version(distribution: str) -> str:
    """The version of an installed distribution, or that there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
