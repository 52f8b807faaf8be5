"""Fill: a value that covers a part of an image and stands for nothing, though no tag says so.

```
65535 in the corners, tissue from 180 to 640      a fill: far from all others, and often there
-1024 in the corners, air from -1010 on           not far from the others: no matter
```
It is told, not left out: only who made the file knows.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found
from sam_med.geometry.volume import Volume, in_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam_med.series.grouping import Series

SHARE = 0.01
"""A fill covers at least this part of a slice …"""
GAP = 0.2
"""… and is away from the nearest other value by at least this part of the range of all others."""
FEW_VALUES = 16
"""Images of so few values are drawings or label maps."""
HARMLESS = frozenset({0.0, -1000.0, -1023.0, -1024.0})
"""Background, and what CT calls air."""
LONG_BYTES = 2
"""Pixels of one byte have no room for values of no meaning."""


def told(volume: Volume) -> Volume:
    """The volume, with a diagnostic where it seems to hold a fill; three slices are looked at."""
    for k in _sample(volume.shape[0]):
        if said := _told_of(volume.array[k], volume.padding[k] if volume.padding else None):
            diagnostics = (*volume.diagnostics, said)
            return dataclasses.replace(
                volume, diagnostics=diagnostics, notes=(*volume.notes, said.line)
            )
    return volume


def told_of_series(series: Series) -> list[Diagnostic]:
    """The same for a DICOM series, of which three slices at most are decoded."""
    from sam_med.pixel_data.pixels import read_voxels  # noqa: PLC0415
    from sam_med.series.read import padding_of  # noqa: PLC0415  # pydicom only where it is needed

    if not series.stacks:
        return []
    slices = series.stacks[0].slices
    for k in _sample(len(slices)):
        try:
            plane = read_voxels([slices[k]], factor=series.suv_factor)[0]
        except RefusedError:
            continue  # said when the series is read
        ends = padding_of(slices[k], series.suv_factor, plane.dtype)
        if said := _told_of(plane, ends):
            return [said]
    return []


def _sample(slices: int) -> Iterator[int]:
    yield from dict.fromkeys((slices // 2, slices // 4, 3 * slices // 4))


def _told_of(plane: npt.NDArray[Any], padding: tuple[float, float] | None) -> Diagnostic | None:
    if plane.dtype.itemsize < LONG_BYTES:
        return None
    values = plane[np.isfinite(plane) & ~in_range(plane, padding)]
    if not values.size:
        return None
    for end in (np.min, np.max):
        fill = float(end(values))
        rest = values[values != fill]
        share = 1 - rest.size / values.size
        if share < SHARE or fill in HARMLESS or len(np.unique(rest)) <= FEW_VALUES:
            continue
        near, spread = float(end(rest)), float(rest.max()) - float(rest.min())
        if abs(near - fill) >= GAP * spread:
            message = f"{fill:g} covers {share:.1%} of a slice, and the next value is {near:g}"
            return found("fill-value", message, value=fill, share=share, next_value=near)
    return None
