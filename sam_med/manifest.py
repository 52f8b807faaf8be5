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
from sam_med import frame as frames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.segment import Segmentation

LIBRARIES = ("numpy", "torch", "opencv-python-headless", "SimpleITK", "pydicom", "openvino")
MM3_PER_ML = 1000.0
NOTICE = "For research, not a medical device."


def describe(segmentation: Segmentation) -> dict[str, Any]:
    """The manifest of a run, JSON-able; written beside the label map."""
    run = segmentation
    return {
        "notice": NOTICE,
        "input": {
            "sha256": fingerprint(run.volume.files),
            "files": len(run.volume.files),
            **run.volume.describe(),
        },
        "intensities": dataclasses.asdict(run.stretch),
        "method": run.method,
        "model": {
            "name": run.segmenter.name,
            "sha256": run.segmenter.sha256,
            "engine": run.segmenter.engine,
            "precision": run.segmenter.precision,
            "device": run.segmenter.device,
        },
        "labels": label_rows(run),
        "overlap": "the later label is kept",
        "encoder_calls": run.encoder_calls,
        "seconds": round(run.seconds, 3),
        "versions": versions(),
    }


def label_rows(run: Segmentation) -> list[dict[str, Any]]:
    """One row per object: name, value, box as used, size."""
    voxel_ml = frames.voxel_volume_mm3(run.volume.frame) / MM3_PER_ML
    return [
        {
            "label": label.name,
            "value": label.value,
            "box_ijk": list(box.ijk),
            "voxels": label.voxels,
            "voxels_segmented": label.voxels_segmented,
            "volume_ml": round(label.voxels * voxel_ml, 6),
        }
        for box, label in zip(run.boxes, run.labels.labels, strict=True)
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
