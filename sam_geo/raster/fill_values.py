"""Fill values that a raster does not declare: numbers such as -9999 that are no measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_geo.raster.source import RasterSource

KNOWN = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, 32767.0, 65535.0, 1e20, -1e20)
"""Besides the ends of a type's range, and numbers as large as no measurement is."""
HUGE = 1e30
LEAST_SHARE, LEAST_ZEROS = 0.01, 0.05
"""Of the sample, for a number of these and for zeros, which may well be measured."""
LEAST_GAP, LEAST_ZERO_GAP = 0.5, 0.1
"""Between a fill value and the bulk of the others, in widths of that bulk."""
LEAST_VALUES = 100
BULK = (2.0, 98.0)


def fill_notes(source: RasterSource) -> Iterator[str]:
    """A sentence for each number that looks like a fill value and counts as a value.

    The reason where the sample that shows it cannot be read.
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
    """Fill values among the finite values of one band, each with its share.

    Only the least and the greatest value can be one: it lies far from all others.

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
            # of two values neither is the other's fill
            is_fill = share >= LEAST_ZEROS and gap >= LEAST_ZERO_GAP * width > 0
        else:
            is_known = share >= LEAST_SHARE and _is_known(number, kind)
            is_fill = is_known and gap >= LEAST_GAP * width
        if is_fill and float(np.abs(rest - number).min()) >= gap / 4:
            yield number, share


def _is_known(number: float, kind: np.dtype[Any]) -> bool:
    if kind.kind in "iu" and number in {float(np.iinfo(kind).min), float(np.iinfo(kind).max)}:
        return True
    return number in KNOWN or abs(number) >= HUGE
