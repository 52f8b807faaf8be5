"""Raster info: the metadata of a raster, and what a job would do with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import GeometryError, InputError
from sam_common.support.addresses import is_remote
from sam_common.tiled_job.plan import tile_grid
from sam_common.window import Window
from sam_geo.address.members import pages_note
from sam_geo.automatic.options import OVERLAP
from sam_geo.prompted.windows import shared_windows
from sam_geo.raster.fill_values import fill_notes
from sam_geo.raster.stretch import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sam_geo.raster.source import RasterSource

MODEL_SIDE = 1024
"""Side of a window in pixels, with most models."""
EMBEDDING_BYTES = 256 * 64 * 64 * 4
"""Size of one embedding, with most models: float32 of 256 channels on a grid of 64 x 64."""
LARGE_PX = 8192
"""Side in pixels from which on a raster needs overviews, and tiles in place of rows."""
MOST_COUNTED = 10**9
"""Pixels of the largest raster whose valid pixels are counted, which takes minutes."""
STRIP_PIXELS = 2**22
"""Pixels that are read at a time to count the valid ones."""


def describe_raster(source: RasterSource, *, stretch: str | None = None) -> dict[str, Any]:
    """Metadata as GDAL reads it, with the bands and the stretch that a job would use.

    Args:
        source: An open raster.
        stretch: `min,max` or `none`, as `sam_geo.raster.stretch.choose_stretch` takes it; chosen
            from the raster where None.

    Returns:
        Plain values for JSON: `driver, width, height, bands, dtypes, crs, transform` (a, b, c, d,
        e, f of GDAL's affine), `bounds` (left, bottom, right, top), `nodata` (NaN as the text
        `nan`), `mask` (what marks valid pixels: none, nodata, mask or alpha), `valid_pixels,
        overviews, gcps, scales, offsets, chosen_bands, stretch` (lo and hi of each chosen band,
        None for bytes as they are), `job` (windows of an automatic job, bytes of all embeddings)
        and `notes` (sentences: what a job would do with the raster that may surprise, and what to
        do about it).

    Raises:
        InputError: The stretch that was given does not fit the raster, or its reference system is
            not understood.
    """
    header = source.header
    chosen, refusal = _stretch(source, stretch)
    windows = tile_grid(source.size_hw, side=MODEL_SIDE, overlap=OVERLAP)
    encoded = shared_windows(source.size_hw, side=MODEL_SIDE)
    valid = count_valid(source)
    return {
        "driver": header.driver,
        "width": header.width,
        "height": header.height,
        "bands": header.count,
        "dtypes": list(header.dtypes),
        "crs": None if header.crs is None else header.crs.to_string(),
        "transform": [_json_number(number) for number in header.transform[:6]],
        "bounds": [_json_number(number) for number in source.bounds],
        "nodata": _json_number(header.nodata),
        "mask": source.mask_kind,
        "valid_pixels": valid,
        "overviews": list(header.overviews[source.bands[0] - 1]),
        "gcps": header.gcps,
        "scales": [_json_number(number) for number in header.scales],
        "offsets": [_json_number(number) for number in header.offsets],
        "chosen_bands": list(source.bands),
        "stretch": chosen,
        "job": {
            "windows": len(windows),
            "window_px": MODEL_SIDE,
            "overlap_px": OVERLAP,
            "encoded_windows": len(encoded),
            "embeddings_bytes": len(encoded) * EMBEDDING_BYTES,
        },
        "notes": [*refusal, *_notes(source, valid)],
    }


def opening_notes(source: RasterSource, *, is_given: bool = False) -> Iterator[str]:
    """Sentences about a raster that may surprise, told whenever a job opens it.

    Args:
        source: An open raster.
        is_given: Whether the stretch was given: who gives one has looked at the values, and is not
            told of pixels that may be an undeclared fill value.

    Yields:
        One sentence on further rasters of the file, and one for each suspected fill value.
    """
    if (note := pages_note(source.header.subdatasets)) is not None:
        yield note
    if not is_given and not source.is_palette:
        yield from fill_notes(source)


def _stretch(
    source: RasterSource, given: str | None
) -> tuple[list[list[float]] | None, tuple[str, ...]]:
    """The limits of the stretch, or None and the reason why a job would refuse to choose them."""
    try:
        limits = choose_stretch(source, given=given).limits
    except InputError as error:
        if given is not None:
            raise
        return None, (f"refused: {error}",)
    return None if limits is None else [list(pair) for pair in limits], ()


def _notes(source: RasterSource, valid_pixels: int | None) -> Iterator[str]:
    """All sentences about a raster that may surprise."""
    if valid_pixels == 0:
        yield "no valid pixel: nothing would be segmented"
    yield from opening_notes(source)
    yield from _placement_notes(source)
    yield from _value_notes(source)
    yield from _storage_notes(source)


def _placement_notes(source: RasterSource) -> Iterator[str]:
    """Sentences about the geotransform and the reference system of a raster."""
    try:
        source.frame  # noqa: B018  # raises where there is no usable geotransform
    except GeometryError as error:
        yield f"refused: {error}"
        return
    if source.crs is None:
        place = "pixels" if source.header.transform.is_identity else "its geotransform"
        yield f"no coordinate reference system: results are in the coordinates of {place}"


def _value_notes(source: RasterSource) -> Iterator[str]:
    """Sentences about the colour table, the bands and the type of a raster's values."""
    if source.is_palette:
        yield "its colour table is expanded to red, green and blue"
    elif source.header.count != len(source.bands):
        bands = ",".join(str(band) for band in source.bands)
        as_what = "as grey" if len(source.bands) == 1 else "as red, green and blue"
        yield f"of {source.header.count} bands {bands} would be used {as_what}; --bands is another"
    if source.dtype != np.uint8:
        yield f"{source.dtype} values become bytes by the stretch; --stretch min,max is another"


def _storage_notes(source: RasterSource) -> Iterator[str]:
    """Sentences about overviews and tiles that a large raster does not have."""
    _, width = source.size_hw
    if max(source.size_hw) > LARGE_PX and not source.has_overviews:
        yield (
            f"no overviews: coarse reads go through the whole file; gdaladdo -r average "
            f"{source.path} adds them"
        )
    if source.header.block_shapes[source.bands[0] - 1][1] == width > LARGE_PX:
        yield (
            f"stored in rows of the whole width, which every window reads; gdal_translate -of COG "
            f"{source.path} OUT.tif stores it in tiles"
        )


def count_valid(source: RasterSource) -> int | None:
    """Count the valid pixels of a raster, strip by strip.

    Returns:
        None for a raster of more than 10^9 pixels, which would take minutes, for a raster on a
        server, which would be fetched as a whole, and for one whose pixels cannot all be read.
    """
    height, width = source.size_hw
    if source.is_all_valid:
        return height * width
    if height * width > MOST_COUNTED or is_remote(source.name):
        return None
    rows = max(1, STRIP_PIXELS // width)
    strips = (Window((top, 0), (min(top + rows, height), width)) for top in range(0, height, rows))
    try:
        return sum(int(source.read(strip).valid.sum()) for strip in strips)
    except InputError:  # a damaged block: what can be said of the raster is still said
        return None


def _json_number(value: float | None) -> float | str | None:
    """A number for JSON, which has no NaN and no infinity: these become text."""
    return value if value is None or math.isfinite(value) else str(value)
