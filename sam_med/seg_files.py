"""Segmentation files: objects read back from label maps, .seg.nrrd and DICOM SEG, to compare them.

A DICOM SEG stores only the slices that show something. Its grid is made of the positions of its
frames, with the empty slices between them put in:

```
frames at 0, 2, 4, 10 mm, 2 mm apart  ->  6 slices, two of them empty
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError
from sam_common.files import check_input
from sam_common.window import Window
from sam_med import frame as frames
from sam_med.diagnostics import RefusedError
from sam_med.segments import Segment
from sam_med.source import is_volume_file, read_volume

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from sam_common.frame import FloatArray, Frame
    from sam_med.seg_frames import SegFile
    from sam_med.volume import Volume

GAP_TOLERANCE = 0.02
"""Part of the slice distance by which a gap may differ from a whole number of slices."""
MAX_SLICES = 100_000
"""More slices than this between the first and the last frame are a damaged position."""
MAX_VALUE = 65535


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationFile:
    """The objects of a file, and their grid."""

    shape: tuple[int, int, int]
    """(k, j, i)."""
    frame: Frame
    """Index (k, j, i) to LPS mm."""
    segments: tuple[Segment, ...]
    """Ascending by value, without empty ones in label maps, which do not list them."""
    named: bool
    """Whether the file names its objects; label maps have values only."""
    sparse: bool = False
    """Whether slices that show nothing may be left out, as in a DICOM SEG."""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (k, j, i)."""
        return frames.spacing_mm(self.frame)


def read_segmentation(path: str | os.PathLike[str]) -> SegmentationFile:
    """Read a label map (NIfTI, NRRD, MetaImage), a .seg.nrrd or a binary DICOM SEG.

    Raises:
        InputError: Not readable, values that are no labels, or frames of a SEG that lie on no even
            grid.
    """
    path = Path(path)
    check_input(path)
    if is_volume_file(path):
        return _read_volume_file(path)
    from sam_med.seg_frames import read_seg  # noqa: PLC0415  # only for DICOM

    return _read_dicom(read_seg(path), path.name)


def _read_volume_file(path: Path) -> SegmentationFile:
    layers = list(_layers(path))
    first = layers[0]
    header = first.header
    described = [key for key in header if re.fullmatch(r"Segment\d+_LabelValue", key)]
    if not described:
        segments = [
            Segment(str(value), value, *_crop(first.array == value))
            for value in _values(first.array, path.name)
        ]
    else:
        segments = [_described(header, key.split("_")[0], layers) for key in described]
    segments.sort(key=lambda segment: segment.value)
    return SegmentationFile(first.shape, first.frame, tuple(segments), named=bool(described))


def _layers(path: Path) -> Iterator[Volume]:
    """The file as one volume, or as all the layers that it lists."""
    try:
        yield read_volume(path)
    except RefusedError as error:
        counts = [d.numbers["layers"] for d in error.diagnostics if d.code == "layers"]
        if not counts:
            raise
        for layer in range(1, int(counts[0]) + 1):
            yield read_volume(path, time=layer)


def _values(array: npt.NDArray[Any], name: str) -> list[int]:
    found = np.unique(array)
    found = found[found != 0]
    if (found != np.rint(found)).any() or (len(found) and not 0 < found[-1] <= MAX_VALUE):
        raise InputError(f"{name} is no label map: it holds the value {found[-1]}")
    if len(found) and found[0] < 0:
        raise InputError(f"{name} is no label map: it holds the value {found[0]}")
    return [int(value) for value in found]


def _described(header: Mapping[str, str], prefix: str, layers: list[Volume]) -> Segment:
    value = int(header[f"{prefix}_LabelValue"])
    layer = int(header.get(f"{prefix}_Layer", "0"))
    if not 0 <= layer < len(layers):
        raise InputError(f"{prefix} is in layer {layer}, but the file has {len(layers)}")
    name = header.get(f"{prefix}_Name", str(value))
    return Segment(name, value, *_crop(layers[layer].array == value))


def _crop(mask: npt.NDArray[np.bool_]) -> tuple[Window, npt.NDArray[np.bool_]]:
    """The part of a mask that holds something; the first voxel where nothing does."""
    start, stop = [], []
    for axis in range(mask.ndim):
        index = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        start.append(int(index[0]) if len(index) else 0)
        stop.append(int(index[-1]) + 1 if len(index) else 1)
    window = Window(tuple(start), tuple(stop))
    return window, mask[window.slices].copy()


def _read_dicom(file: SegFile, name: str) -> SegmentationFile:
    listed = list(file.frames())
    if not listed or not file.orientation or any(not frame.position for frame in listed):
        raise InputError(f"the frames of {name} have no place, so they cannot be compared")
    orientation = np.reshape(file.orientation, (2, 3))
    places = np.array([frame.position for frame in listed], dtype=np.float64)
    along = places @ np.cross(*orientation)
    step, count = _steps(along, file.slice_spacing_mm, name)
    index = np.rint((along - along.min()) / step).astype(np.int64)
    low, high = places[np.argmin(along)], places[np.argmax(along)]
    direction: FloatArray = (
        (high - low) / (count - 1) if count > 1 else np.cross(*orientation) * step
    )
    shape = (count, *file.size)
    masks = {number: np.zeros(shape, dtype=np.bool_) for number in file.names}
    for frame, k in zip(listed, index.tolist(), strict=True):
        masks[frame.segment][k] |= frame.mask
    values = _label_values(file)
    return SegmentationFile(
        shape=shape,
        frame=frames.from_dicom(
            low.tolist(), file.orientation, file.pixel_spacing_mm, direction.tolist()
        ),
        segments=tuple(
            Segment(file.names[number], values[number], *_crop(mask))
            for number, mask in sorted(masks.items(), key=lambda item: values[item[0]])
        ),
        named=True,
        sparse=True,
    )


def _steps(along: FloatArray, stated_mm: float | None, name: str) -> tuple[float, int]:
    """Distance of the slices and their number, empty ones between the frames included."""
    distinct = np.unique(np.round(along, 3))
    if len(distinct) == 1:
        return stated_mm or 1.0, 1
    gaps = np.diff(distinct)
    step = float(gaps.min())
    slices = np.rint(gaps / step)
    off = float(np.abs(gaps / step - slices).max())
    if off > GAP_TOLERANCE or slices.sum() > MAX_SLICES:
        raise InputError(
            f"the frames of {name} lie on no even grid: gaps of {gaps.min():.3f} to "
            f"{gaps.max():.3f} mm (compare label maps of the same series instead)"
        )
    count = int(slices.sum()) + 1
    return float(distinct[-1] - distinct[0]) / (count - 1), count


def _label_values(file: SegFile) -> dict[int, int]:
    """The label value that this package writes to the description, else the segment's number."""
    values = {}
    for item in file.dataset.SegmentSequence:
        number = int(item.SegmentNumber)
        said = re.match(r"Label value (\d+)", str(item.get("SegmentDescription", "")))
        values[number] = int(said[1]) if said else number
    return values if len(set(values.values())) == len(values) else {n: n for n in values}
