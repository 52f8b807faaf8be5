"""Fill values: a value that covers a part of an image and is no measurement, which no tag states.

```
65535 in the corners, tissue from 180 to 640      a fill value: frequent, and far from all others
-1024 in the corners, air from -1010 on           near the other values: no fill value
```
A fill value is reported, not left out: only the maker of the file knows what it means.
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
"""Smallest part of a slice that a fill value covers."""
GAP = 0.2
"""Smallest distance to the nearest other value, as a part of the range of all others."""
FEW_VALUES = 16
"""Images of at most so many other values are drawings or label maps."""
HARMLESS = frozenset({0.0, -1000.0, -1023.0, -1024.0})
"""Usual values of background, and of air in CT, which are not reported."""
LEAST_BYTES = 2
"""Smallest type of voxels that is checked: one byte leaves no room for fill values."""


def with_fill_diagnostic(volume: Volume) -> Volume:
    """The volume, with a diagnostic where one of three slices has a fill value."""
    for k in _sample(volume.shape[0]):
        if said := _fill_diagnostic(volume.array[k], volume.padding[k] if volume.padding else None):
            diagnostics = (*volume.diagnostics, said)
            return dataclasses.replace(
                volume, diagnostics=diagnostics, notes=(*volume.notes, said.line)
            )
    return volume


def fill_diagnostics(series: Series) -> list[Diagnostic]:
    """The diagnostic of a fill value in a DICOM series, of which three slices are decoded."""
    from sam_med.pixel_data.pixels import read_voxels  # noqa: PLC0415
    from sam_med.series.read import padding_of  # noqa: PLC0415  # pydicom only where it is needed

    if not series.stacks:
        return []
    slices = series.stacks[0].slices
    for k in _sample(len(slices)):
        try:
            plane = read_voxels([slices[k]], factor=series.suv_factor)[0]
        except RefusedError:
            continue  # reported when the series is read
        ends = padding_of(slices[k], series.suv_factor, plane.dtype)
        if said := _fill_diagnostic(plane, ends):
            return [said]
    return []


def _sample(slices: int) -> Iterator[int]:
    """Indices of the slices at a half, a quarter and three quarters of a stack."""
    yield from dict.fromkeys((slices // 2, slices // 4, 3 * slices // 4))


def _fill_diagnostic(
    plane: npt.NDArray[Any], padding: tuple[float, float] | None
) -> Diagnostic | None:
    """The diagnostic of a fill value, the smallest or largest value of a slice; None for none."""
    if plane.dtype.itemsize < LEAST_BYTES:
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
