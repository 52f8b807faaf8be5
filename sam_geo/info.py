"""What a raster is, and what a job would make of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sam_geo.stretch import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.source import RasterSource


def describe_raster(source: RasterSource) -> dict[str, Any]:
    """Metadata as GDAL reads it, with the bands and the stretch that a job would use.

    Args:
        source: An open raster.

    Returns:
        Plain values: `driver, width, height, bands, dtypes, crs, transform` (a, b, c, d, e, f of
        GDAL's affine), `bounds` (left, bottom, right, top), `nodata` (`"nan"` as text), `mask`
        (what tells valid pixels: none, nodata, mask or alpha), `overviews, gcps, chosen_bands,
        stretch` (lo and hi per chosen band, None for bytes as they are).

    Raises:
        InputError: The sample for the stretch cannot be read.
    """
    dataset = source.dataset
    limits = choose_stretch(source).limits
    return {
        "driver": dataset.driver,
        "width": dataset.width,
        "height": dataset.height,
        "bands": dataset.count,
        "dtypes": list(dataset.dtypes),
        "crs": None if dataset.crs is None else dataset.crs.to_string(),
        "transform": list(dataset.transform)[:6],
        "bounds": _bounds(list(dataset.transform)[:6], source.size_hw),
        "nodata": _json_number(dataset.nodata),
        "mask": source.mask_kind,
        "overviews": dataset.overviews(source.bands[0]),
        "gcps": len(dataset.gcps[0]),
        "chosen_bands": list(source.bands),
        "stretch": None if limits is None else [list(pair) for pair in limits],
    }


def _bounds(transform: Sequence[float], size_hw: tuple[int, int]) -> list[float]:
    """Left, bottom, right, top; of a turned raster the box around it."""
    a, b, c, d, e, f = transform
    height, width = size_hw
    if b == 0 and d == 0:
        return [c, f + e * height, c + a * width, f]
    xs = [c + a * col + b * row for col in (0, width) for row in (0, height)]
    ys = [f + d * col + e * row for col in (0, width) for row in (0, height)]
    return [min(xs), min(ys), max(xs), max(ys)]


def _json_number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
