"""Volume: the voxels of one scan, their place in the patient, and what their file says of them.

Slices are parallel, but need not be evenly spaced: `origins_lps` then holds the true position of
each slice, and `frame` is the even grid nearest to the slices.

```
even, also tilted     frame alone                    (a sheared frame is a frame)
uneven                frame + origins_lps            index k = 2.5 is half way from slice 2 to 3
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.geometry import frame as frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.frame import FloatArray, Frame
    from sam_med.geometry.diagnostics import Diagnostic

NDIM = 3
HOUNSFIELD, UNSPECIFIED = "HU", "unspecified"
"""`Volume.units` of CT in Hounsfield units, and of CT whose unit is not stated."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A 3-D image on a regular grid, as stored: nothing is reoriented or resampled."""

    array: npt.NDArray[Any]
    """(k, j, i) voxels, read-only: integers as stored or rescaled, else float32."""
    frame: Frame
    """Index (k, j, i) of a voxel centre to LPS mm; sheared where a gantry was tilted."""
    modality: str | None = None
    """DICOM modality, e.g. "CT" or "MR"; None where the file does not state it."""
    source: Path | None = None
    """The path from which the volume was read; None for an array made in memory."""
    files: tuple[Path, ...] = ()
    """The files that hold the voxels, in slice order; one for all slices of a multi-frame file."""
    frame_numbers: tuple[int, ...] = ()
    """Number of the frame of each slice, from 1, in a multi-frame file; else empty."""
    origins_lps: FloatArray | None = None
    """(slices, 3) LPS mm of voxel (k, 0, 0), where the slices are unevenly spaced; else None."""
    header: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Header fields that a written result keeps, e.g. NIfTI's `sform_code`; no patient data."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what is unusual, one for each diagnostic."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What is unusual about the scan, see `sam_med.geometry.diagnostics`."""
    inverted: bool = False
    """Whether high values are dark (MONOCHROME1); only the network sees them inverted."""
    units: str | None = None
    """Unit of the values, e.g. "HU" or "SUVbw g/ml"; None where the file does not state it."""
    padding: tuple[tuple[float, float] | None, ...] = ()
    """Smallest and largest padding value of each slice, both inclusive, rescaled like the voxels.

    None for a slice without padding; empty where no slice has any.
    """

    def __post_init__(self) -> None:
        if self.array.ndim != NDIM or 0 in self.array.shape:
            raise InputError(f"a volume has 3 axes of at least 1 voxel, got {self.array.shape}")
        if self.array.dtype.kind not in "iuf":
            raise InputError(
                f"voxels must be integers or real numbers, got {self.array.dtype} "
                "(convert the volume first)"
            )
        if self.frame.ndim != NDIM:
            raise InputError(f"the frame must have 3 axes, got {self.frame.ndim}")
        if self.origins_lps is not None:
            frames.check_origins(self.origins_lps, self.shape[0], self.frame)
        if len(self.padding) not in {0, self.array.shape[0]}:
            raise InputError(
                f"padding is stated for {len(self.padding)} of {self.array.shape[0]} slices"
            )
        array = self.array.view()
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (k, j, i)."""
        k, j, i = self.array.shape
        return k, j, i

    @property
    def window(self) -> Window:
        """The (k, j, i) window of all voxels."""
        return Window.full(self.shape)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (k, j, i) in mm."""
        return frames.spacing_mm(self.frame)

    def to_world(self, index_kji: npt.ArrayLike) -> FloatArray:
        """Fractional indices (..., 3) in the order (k, j, i) to LPS mm (..., 3).

        Uneven slices are at their true positions, see `origins_lps`.

        Law:
            `v.to_index(v.to_world(i)) == i` (to rounding)
        """
        if self.origins_lps is None:
            return self.frame.to_world(index_kji)
        return frames.stack_to_world(self.frame, self.origins_lps, index_kji)

    def to_index(self, lps: npt.ArrayLike) -> FloatArray:
        """LPS mm (..., 3) to fractional indices (..., 3) in the order (k, j, i)."""
        if self.origins_lps is None:
            return self.frame.to_index(lps)
        return frames.stack_to_index(self.frame, self.origins_lps, lps)

    def pixels_of(self, k: int) -> npt.NDArray[Any]:
        """The values of slice k that are no padding, (n,)."""
        return np.asarray(self.array[k][~self.is_padding(k)])

    def is_padding(self, k: int) -> npt.NDArray[np.bool_]:
        """Which pixels of slice k are padding, (rows, columns) boolean."""
        return in_range(self.array[k], self.padding[k] if self.padding else None)

    def describe(self) -> dict[str, Any]:
        """Size, geometry, modality and type as JSON-able values, in the order (i, j, k)."""
        origin, spacing, direction = frames.to_itk(self.frame)
        return {
            "size_ijk": list(self.shape[::-1]),
            "spacing_ijk_mm": list(spacing),
            "origin_lps_mm": list(origin),
            "direction_lps": list(direction),
            "modality": self.modality,
            "dtype": str(np.dtype(self.array.dtype)),
        }


def in_range(values: npt.NDArray[Any], ends: tuple[float, float] | None) -> npt.NDArray[np.bool_]:
    """Which values lie between two ends, both inclusive; none of them where `ends` is None."""
    if ends is None:
        return np.zeros(values.shape, dtype=np.bool_)
    return np.asarray((values >= ends[0]) & (values <= ends[1]))
