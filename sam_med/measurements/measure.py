"""Measure: size, diameters and intensities of objects, and whether they reach the edge."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_common.window import Window
from sam_med.geometry.anatomical_plane import PLANES, plane_of
from sam_med.geometry.slice_box import AXIS_NAMES
from sam_med.geometry.slice_plane import axis_of_plane
from sam_med.measurements.diameters import axes_of, maximum_3d_mm
from sam_med.objects.labels import LabelMap
from sam_med.objects.object_size import slice_thickness_mm, volume_ml
from sam_med.objects.segments import Segment
from sam_med.segmentations.align import onto_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sam_common.frame import FloatArray
    from sam_med.geometry.slice_box import Axis
    from sam_med.geometry.volume import Volume
    from sam_med.measurements.diameters import Axes
    from sam_med.segmentations.objects import SegmentationFile

SIDES = (("first slice", "last slice"), ("first row", "last row"), ("first column", "last column"))
"""Names of the two sides of a volume along each array axis (k, j, i)."""
AXES_FIELDS = (
    *("long_axis_mm", "short_axis_mm", "axes_plane", "axes_slice"),
    *("long_axis_lps_mm", "short_axis_lps_mm"),
)
"""Fields of a measurement that the long and the short axis give."""


Point: TypeAlias = tuple[float, float, float]
Line: TypeAlias = tuple[Point, Point]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Size and intensities of one object of a volume."""

    name: str
    value: int
    """Value in label maps."""
    voxels: int
    """Number of voxels."""
    volume_ml: float
    """Volume in millilitres, by the true distances of slices that are unevenly spaced."""
    mean: float | None
    """Mean of the finite intensities in `units`. Mean, standard deviation, minimum and maximum are
    None where no voxel has a finite intensity."""
    sd: float | None
    """Standard deviation of the finite intensities, divided by n."""
    minimum: float | None
    maximum: float | None
    padding_voxels: int
    """Number of voxels outside of the scanned area, which count for no intensity."""
    not_finite_voxels: int
    """Number of other voxels with NaN or infinity, which count for no intensity."""
    units: str | None
    """Unit of intensities, e.g. "HU"; None where the source states none."""
    extent_ijk_mm: tuple[float, float, float]
    """Size along i (columns), j (rows) and k (slices) in mm, from outer edge to outer edge."""
    centre_lps_mm: tuple[float, float, float] | None
    """Centre of mass in LPS mm; None for an object without voxels."""
    touches: tuple[str, ...]
    """Sides of the volume that the object reaches, e.g. "first slice"."""
    long_axis_mm: float | None
    """Longest diameter on one slice, as in RECIST, see `sam_med.measurements.diameters`. This and
    what follows is None for an object without voxels."""
    short_axis_mm: float | None
    """Longest diameter on that slice, perpendicular to the long axis."""
    maximum_3d_mm: float | None
    """Longest distance between two points of the surface."""
    axes_plane: str | None
    """Plane of the slices that the two axes were measured on, e.g. "axial"."""
    axes_slice: str | None
    """The slice that the two axes lie on, e.g. "k=89"."""
    long_axis_lps_mm: Line | None
    """Both ends of the long axis in LPS mm."""
    short_axis_lps_mm: Line | None
    """Both ends of the short axis in LPS mm."""

    @property
    def partial(self) -> bool:
        """Whether the object reaches a side of the volume, so that its true size may be larger."""
        return bool(self.touches)

    def as_dict(self) -> dict[str, Any]:
        """The measurement as one flat row, JSON-able."""
        return {**dataclasses.asdict(self), "partial": self.partial}


def measure(
    volume: Volume, objects: Sequence[Segment] | LabelMap, *, plane: str | None = None
) -> list[Measurement]:
    """Measure objects on the grid of their volume, in the order given.

    Args:
        volume: The volume with the intensities, in its own units.
        objects: Segments, each measured whole even where they overlap; or a label map of the
            shape of the volume.
        plane: "axial", "coronal" or "sagittal", to measure long and short axes on the slices of
            the grid that are nearest to it; None for the slices of the volume (k fixed), the plane
            of acquisition, as RECIST has it.

    Returns:
        One measurement for each object.

    Raises:
        InputError: The plane is an unknown one, or crosses slices that are unevenly spaced.
    """
    if isinstance(objects, LabelMap):
        objects = _segments(objects)
    axis = _axis(volume, plane)
    thickness = slice_thickness_mm(volume)
    return [_measure(volume, segment, thickness, axis) for segment in objects]


def measure_file(
    volume: Volume, file: SegmentationFile, *, plane: str | None = None
) -> list[Measurement]:
    """Measure the objects of a segmentation file on the volume that it was made from.

    Args:
        volume: The volume with the intensities.
        file: The objects, in whose order the measurements are.
        plane: See `measure`.

    Raises:
        InputError: See `measure`.
        GeometryError: The file lies on another grid; the message says how the grids differ.
    """
    if not file.sparse and sorted(file.shape) != sorted(volume.shape):
        raise GeometryError(
            f"the segmentation has {file.shape[::-1]} voxels and the volume {volume.shape[::-1]}: "
            "give the volume that it was made from"
        )
    return measure(volume, onto_grid(file, volume).segments, plane=plane)


def _axis(volume: Volume, plane: str | None) -> Axis:
    """The array axis along which the slices of a plane are cut.

    Raises:
        InputError: See `measure`.
    """
    if plane is None:
        return 0
    if plane not in PLANES:
        raise InputError(f"a plane is {', '.join(PLANES[::-1])}, got {plane}")
    axis = axis_of_plane(volume.frame, plane)
    if axis and volume.origins_lps is not None:
        raise InputError(
            f"the {plane} plane crosses slices that are unevenly spaced: measure on the slices "
            "themselves"
        )
    return axis


def _segments(labels: LabelMap) -> list[Segment]:
    """The objects of a label map, each with a mask of the whole volume."""
    whole = Window.full(labels.array.shape)
    return [
        Segment(label.name, label.value, whole, labels.array == label.value)
        for label in labels.labels
    ]


def _measure(volume: Volume, segment: Segment, thickness_mm: FloatArray, axis: Axis) -> Measurement:
    """The measurement of one object.

    Args:
        volume: The volume.
        segment: The object.
        thickness_mm: The height of each slice of the volume.
        axis: Array axis along which the slices of the long and short axis are cut.
    """
    k, rows, columns = segment.window.slices
    values = volume.array[k, rows, columns][segment.mask]
    padding = _padding(volume, segment)
    pixels = values if padding is None else values[~padding]
    finite = pixels if pixels.dtype.kind in "iu" else pixels[np.isfinite(pixels)]
    found = np.argwhere(segment.mask) + np.array(segment.window.start)
    mean, sd, minimum, maximum = _intensities(finite)
    return Measurement(
        name=segment.name,
        value=segment.value,
        voxels=len(values),
        volume_ml=volume_ml(volume, segment.window, segment.mask),
        mean=mean,
        sd=sd,
        minimum=minimum,
        maximum=maximum,
        padding_voxels=len(values) - len(pixels),
        not_finite_voxels=len(pixels) - len(finite),
        units=volume.units or ("HU" if volume.modality == "CT" else None),
        extent_ijk_mm=_extent(volume, found, thickness_mm),
        centre_lps_mm=_centre(volume, found),
        touches=tuple(_touched(found, volume.shape)),
        maximum_3d_mm=maximum_3d_mm(volume, segment),
        **_axes(volume, axes_of(volume, segment, axis)),
    )


def _axes(volume: Volume, axes: Axes | None) -> dict[str, Any]:
    """The fields of a measurement that hold long and short axis."""
    if axes is None:
        return dict.fromkeys(AXES_FIELDS)
    column, row = (volume.frame.array[:3, n] for n in (2, 1, 0) if n != axes.axis)
    values = (
        axes.long_mm,
        axes.short_mm,
        plane_of(column, row),
        f"{AXIS_NAMES[axes.axis]}={axes.index}",
        _line(volume, axes.long_kji),
        _line(volume, axes.short_kji),
    )
    return dict(zip(AXES_FIELDS, values, strict=True))


def _line(volume: Volume, ends_kji: FloatArray) -> Line:
    """Both ends of a line in LPS mm."""
    (x0, y0, z0), (x1, y1, z1) = volume.to_world(ends_kji).tolist()
    return (x0, y0, z0), (x1, y1, z1)


def _padding(volume: Volume, segment: Segment) -> npt.NDArray[np.bool_] | None:
    """Whether each voxel of an object is padding; None where the volume has no padding."""
    if not volume.padding:
        return None
    k, rows, columns = segment.window.slices
    planes = zip(range(k.start, k.stop), segment.mask, strict=True)
    return np.concatenate([volume.is_padding(n)[rows, columns][mask] for n, mask in planes])


def _intensities(values: npt.NDArray[Any]) -> list[float | None]:
    """Mean, standard deviation, minimum and maximum of finite values; None for no value.

    A deviation beyond the range of float64 is None as well.
    """
    if not len(values):
        return [None] * 4
    with np.errstate(over="ignore"):
        # float64 sums: float32 ones of a large organ are off in the third digit
        found = values.mean(dtype=np.float64), values.std(dtype=np.float64)
    figures = [float(value) for value in (*found, values.min(), values.max())]
    return [value if math.isfinite(value) else None for value in figures]


def _extent(
    volume: Volume, found: npt.NDArray[np.int64], thickness_mm: FloatArray
) -> tuple[float, float, float]:
    """Size along i, j and k in mm of (n, 3) voxel indices (k, j, i)."""
    if not len(found):
        return 0.0, 0.0, 0.0
    low, high = found.min(axis=0), found.max(axis=0)
    _, between_rows, between_columns = volume.spacing_mm
    return (
        float(high[2] - low[2] + 1) * between_columns,
        float(high[1] - low[1] + 1) * between_rows,
        float(thickness_mm[low[0] : high[0] + 1].sum()),
    )


def _centre(volume: Volume, found: npt.NDArray[np.int64]) -> tuple[float, float, float] | None:
    """Mean position in LPS mm of (n, 3) voxel indices (k, j, i); None for no voxel."""
    if not len(found):
        return None
    x, y, z = volume.to_world(found).mean(axis=0).tolist()
    return x, y, z


def _touched(found: npt.NDArray[np.int64], shape: tuple[int, int, int]) -> list[str]:
    """Sides of a volume of this shape that (n, 3) voxel indices (k, j, i) reach."""
    if not len(found):
        return []
    low, high = found.min(axis=0), found.max(axis=0)
    touched = []
    for axis, (first, last) in enumerate(SIDES):
        touched += [first] * bool(low[axis] == 0) + [last] * bool(high[axis] == shape[axis] - 1)
    return touched
