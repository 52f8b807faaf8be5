"""Fill values: numbers such as -9999 in place of a measurement, which the file does not declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_geo.raster.source import RasterSource

KNOWN = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, 32767.0, 65535.0, 1e20, -1e20)
"""Usual fill values; the least and the greatest number of an integer type are others."""
HUGE = 1e30
"""No measurement is as large as this; such a number is a fill value by its size."""
LEAST_SHARE, LEAST_ZEROS = 0.01, 0.05
"""Least part of a sample that a usual fill value takes, and that zeros take, which may well be
measured."""
LEAST_GAP, LEAST_ZERO_GAP = 0.5, 0.1
"""Least distance between a usual fill value, or zero, and the bulk of the other values, as a part
of the width of the bulk."""
LEAST_VALUES = 100
"""A sample of fewer values tells nothing."""
BULK = (2.0, 98.0)
"""Percentiles between which the bulk of the other values lies."""


def fill_notes(source: RasterSource) -> Iterator[str]:
    """Yield a sentence for each number that looks like a fill value but counts as a value.

    Where the sample of the raster cannot be read, the only sentence is the reason.
    """
    try:
        samples = source.sample
    except InputError as error:
        yield str(error)
        return
    found: dict[float, list[tuple[int, float]]] = {}
    for band, values in zip(source.bands, samples, strict=False):
        for value, share in suspects(values):
            found.setdefault(value, []).append((band, share))
    for value, seen in found.items():
        bands = ", ".join(str(band) for band, _ in seen)
        share = max(share for _, share in seen)
        yield (
            f"{share:.0%} of the sample of band {bands} is {value:.10g}, which looks like a fill "
            f"value that the file does not declare, and counts as a value: "
            f"gdal_edit.py -a_nodata {value:.10g} {source.path} declares it"
        )


def suspects(values: npt.NDArray[Any]) -> Iterator[tuple[float, float]]:
    """Find fill values among the values of one band.

    Only the least and the greatest value are looked at: a fill value lies far from all others.

    Args:
        values: (N,) finite values that are not nodata.

    Yields:
        The fill value, and the part of the sample that it takes, from 0 to 1.

    >>> import numpy as np
    >>> list(suspects(np.r_[np.full(50, -9999), np.arange(150)]))
    [(-9999.0, 0.25)]
    >>> list(suspects(np.arange(200)))
    []
    """
    if values.size < LEAST_VALUES:
        return
    kind = values.dtype
    for value in dict.fromkeys((values.min(), values.max())):
        share = float(np.mean(values == value))
        rest = values[values != value].astype(np.float64)
        if not rest.size:
            continue
        number = float(value)
        low, high = np.percentile(rest, BULK).tolist()
        width = high - low
        gap = min(abs(number - low), abs(number - high))
        if number == 0:
            # a sample of two values has a bulk of no width: neither is the other's fill value
            is_fill = share >= LEAST_ZEROS and gap >= LEAST_ZERO_GAP * width > 0
        else:
            is_known = share >= LEAST_SHARE and _is_known(number, kind)
            is_fill = is_known and gap >= LEAST_GAP * width
        if is_fill and float(np.abs(rest - number).min()) >= gap / 4:
            yield number, share


def _is_known(number: float, kind: np.dtype[Any]) -> bool:
    """Tell whether a number is used as a fill value in samples of a type."""
    if kind.kind in "iu" and number in {float(np.iinfo(kind).min), float(np.iinfo(kind).max)}:
        return True
    return number in KNOWN or abs(number) >= HUGE
