"""What a run is made of, as JSON: enough to repeat it, and nothing about the patient.

Inputs are named by the hash of their bytes, not by path: file and folder names of scans often
hold names, dates or UIDs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from sam_common import __version__
from sam_common.pinned import sha256_of
from sam_med.object_size import volume_ml
from sam_med.prompt_json import describe_prompts, prompts_sha256
from sam_med.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.segment import Segmentation

LIBRARIES = (
    "numpy",
    "scipy",
    "torch",
    "openvino",
    "opencv-python-headless",
    "pydicom",
    "highdicom",
    "nibabel",
    "SimpleITK",
)
NOTICE = "For research, not a medical device."


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
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
