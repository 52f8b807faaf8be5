"""Anatomical plane: axial, coronal or sagittal, and the angle by which an image is oblique."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_med.geometry import frame as frames
from sam_med.geometry.diagnostics import Diagnostic, found

if TYPE_CHECKING:
    from sam_common.frame import Frame

OBLIQUE_DEGREES = 0.1
"""Smallest angle between an image and the axes of the patient that is called oblique."""
PLANES = ("sagittal", "coronal", "axial")
"""Names of the planes whose normal is x, y and z in LPS."""
UNPLACED = "unplaced"
"""Name for an image without a plane in the patient."""


def plane_of(along_i: npt.ArrayLike, along_j: npt.ArrayLike) -> str:
    """The name of a plane, e.g. "axial", or "axial, oblique by 4.2 degrees".

    Args:
        along_i: LPS vector in which the column index grows.
        along_j: LPS vector in which the row index grows.

    Returns:
        "unplaced" where the vectors span no plane.
    """
    normal = np.abs(np.cross(np.asarray(along_i), np.asarray(along_j)))
    length = float(np.linalg.norm(normal))
    if not length > 0:
        return UNPLACED
    nearest = int(np.argmax(normal))
    degrees = math.degrees(math.acos(min(1.0, float(normal[nearest]) / length)))
    if degrees < OBLIQUE_DEGREES:
        return PLANES[nearest]
    return f"{PLANES[nearest]}, oblique by {degrees:.1f} degrees"


def plane_of_frame(frame: Frame) -> str:
    """The name of the plane of the slices (k fixed) of a volume."""
    return plane_of(frame.array[:3, 2], frame.array[:3, 1])


def check_oblique(axes: npt.ArrayLike) -> list[Diagnostic]:
    """The diagnostic "oblique-axes" where an axis is not parallel to one of the patient.

    Args:
        axes: (n, 3) LPS vectors of any length.
    """
    vectors = np.asarray(axes, dtype=np.float64)
    cosines = np.abs(vectors).max(axis=1) / np.linalg.norm(vectors, axis=1)
    degrees = math.degrees(math.acos(min(1.0, float(cosines.min()))))
    if degrees < OBLIQUE_DEGREES:
        return []
    message = f"the axes are up to {degrees:.2f} degrees off those of the patient"
    return [found("oblique-axes", message, degrees=round(degrees, 4))]


def check_frame(frame: Frame) -> list[Diagnostic]:
    """Diagnostics of the axes of a volume file: "sheared-axes" and "oblique-axes"."""
    told = check_oblique(frame.array[:3, :3].T)
    if frames.is_orthogonal(frame):
        return told
    degrees = frames.shear_degrees(frame)
    message = f"two axes are {degrees:.2f} degrees off a right angle"
    return [found("sheared-axes", message, degrees=round(degrees, 4)), *told]
