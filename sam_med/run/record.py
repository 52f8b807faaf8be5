"""What identifies the inputs and the software of a run, and nothing about the patient.

Inputs are named by the hash of their bytes, not by path: file and folder names of scans often
hold names, dates or UIDs.
"""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from typing import TYPE_CHECKING

from sam_common import __version__
from sam_common.support.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
