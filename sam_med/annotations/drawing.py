"""Drawing: points, lines or an outline that a person drew on images, in indices of a volume.

```
kind         points
point        any number of them                                       POINT, MULTIPOINT
line         both ends                                                POLYLINE of two points
outline      any number along it, or the corners of its box           POLYLINE, POLYGON
ellipse      both ends of one axis, then both ends of the other       ELLIPSE, CIRCLE
ellipsoid    both ends of each of three axes                          ELLIPSOID
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from sam_common.frame import FloatArray

Kind: TypeAlias = Literal["point", "line", "outline", "ellipse", "ellipsoid"]
POINTS_OF_LINE, POINTS_OF_ELLIPSE, POINTS_OF_ELLIPSOID = 2, 4, 6
SAME = 1e-6
"""Distance within which the last point of an outline is its first one."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """One graphic of an annotation."""

    kind: Kind
    points_kji: FloatArray
    """(points, 3) array indices (k, j, i); whole numbers are centres of voxels."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """All that was drawn of one object."""

    name: str | None
    """What the file calls the object; None where it gives it no name of its own."""
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationFile:
    """The annotations of a file that lie on a volume."""

    annotations: tuple[Annotation, ...]
    notes: tuple[str, ...] = ()
    """One sentence for each thing in the file that is left out."""


class LeftOutError(InputError):
    """A graphic that cannot be used; the others of its file may be."""


def kind_of(graphic_type: str, points: FloatArray) -> Kind:
    """The kind of a graphic of DICOM (PS3.3, C.18.6.1.1, C.18.9.1.1 and C.10.5.1.2).

    Args:
        graphic_type: POINT, MULTIPOINT, POLYLINE, INTERPOLATED, POLYGON, ELLIPSE or ELLIPSOID; a
            CIRCLE is given as an ellipse.
        points: (n, 2) or (n, 3) coordinates.

    Raises:
        LeftOutError: The type is another one, or does not have so many points.
    """
    count = len(points)
    if graphic_type in {"POINT", "MULTIPOINT"} and count:
        return "point"
    if graphic_type in {"POLYLINE", "INTERPOLATED", "POLYGON"} and count >= POINTS_OF_LINE:
        return "line" if count == POINTS_OF_LINE else "outline"
    if graphic_type == "ELLIPSE" and count == POINTS_OF_ELLIPSE:
        return "ellipse"
    if graphic_type == "ELLIPSOID" and count == POINTS_OF_ELLIPSOID:
        return "ellipsoid"
    raise LeftOutError(f"{graphic_type or 'a graphic without a type'} of {count} points")


def circle_as_ellipse(points: FloatArray) -> FloatArray:
    """Both ends of two perpendicular axes of a circle.

    Args:
        points: (2, 2) centre, and a point on the circle.

    Returns:
        (4, 2) points.

    Raises:
        LeftOutError: There are not two points.
    """
    if len(points) != POINTS_OF_LINE:
        raise LeftOutError(f"CIRCLE of {len(points)} points")
    centre, edge = points
    radius = float(np.linalg.norm(edge - centre))
    return np.asarray(centre + radius * np.array([[-1, 0], [1, 0], [0, -1], [0, 1]]))


def rows_of(numbers: object, columns: int) -> FloatArray:
    """Coordinates of a graphic as rows of so many columns.

    Raises:
        LeftOutError: They are no whole number of rows of finite numbers.
    """
    try:
        flat = np.asarray(numbers, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise LeftOutError("a graphic without coordinates") from error
    if not len(flat) or len(flat) % columns or not np.isfinite(flat).all():
        raise LeftOutError(f"a graphic of {len(flat)} coordinates, or of some that are not finite")
    return flat.reshape(-1, columns)
