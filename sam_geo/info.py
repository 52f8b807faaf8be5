"""What a raster is, and what a job would make of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.plan import tile_grid
from sam_common.window import Window
from sam_geo.stretch import choose_stretch

if TYPE_CHECKING:
    from sam_geo.source import RasterSource

MODEL_SIDE, OVERLAP = 1024, 128
"""Windows of an automatic job with most models."""
MOST_COUNTED = 10**9
STRIP_PIXELS = 2**22
"""Pixels that are counted at a time."""


def describe_raster(source: RasterSource, *, stretch: str | None = None) -> dict[str, Any]:
    """Metadata as GDAL reads it, with the bands and the stretch that a job would use.

    Args:
        source: An open raster.
        stretch: As `choose_stretch` takes it.

    Returns:
        Plain values: `driver, width, height, bands, dtypes, crs, transform` (a, b, c, d, e, f of
        GDAL's affine), `bounds` (left, bottom, right, top), `nodata` (`"nan"` as text), `mask`
        (what tells valid pixels: none, nodata, mask or alpha), `valid_pixels, overviews, gcps,
        scales, offsets, chosen_bands, stretch` (lo and hi per chosen band, None for bytes as they
        are) and `job` (what an automatic job would do).

    Raises:
        InputError: The sample for the stretch cannot be read.
    """
    dataset = source.dataset
    limits = choose_stretch(source, given=stretch).limits
    windows = tile_grid(source.size_hw, side=MODEL_SIDE, overlap=OVERLAP)
    return {
        "driver": dataset.driver,
        "width": dataset.width,
        "height": dataset.height,
        "bands": dataset.count,
        "dtypes": list(dataset.dtypes),
        "crs": None if dataset.crs is None else dataset.crs.to_string(),
        "transform": list(dataset.transform)[:6],
        "bounds": list(source.bounds),
        "nodata": _json_number(dataset.nodata),
        "mask": source.mask_kind,
        "valid_pixels": count_valid(source),
        "overviews": dataset.overviews(source.bands[0]),
        "gcps": len(dataset.gcps[0]),
        "scales": list(dataset.scales),
        "offsets": list(dataset.offsets),
        "chosen_bands": list(source.bands),
        "stretch": None if limits is None else [list(pair) for pair in limits],
        "job": {"windows": len(windows), "window_px": MODEL_SIDE, "overlap_px": OVERLAP},
    }


def count_valid(source: RasterSource) -> int | None:
    """Pixels that are part of the image, exactly: read in strips, whatever the raster's size.

    None for a raster of more than 10^9 pixels, where that would take minutes, and for one whose
    pixels cannot all be read.
    """
    height, width = source.size_hw
    if height * width > MOST_COUNTED:
        return None
    if source.is_all_valid:
        return height * width
    rows = max(1, STRIP_PIXELS // width)
    strips = (Window((top, 0), (min(top + rows, height), width)) for top in range(0, height, rows))
    try:
        return sum(int(source.read(strip).valid.sum()) for strip in strips)
    except InputError:  # a damaged block: what can be said of the raster is still said
        return None


def _json_number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
