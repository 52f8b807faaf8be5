"""Sample: representative values of each band of a raster, from a bounded number of pixels.

```
with overviews, or a small raster     one coarse read of the whole raster
else                                  8 x 8 small tiles on a regular grid
fewer than 4096 valid values          windows all over the raster, far apart first, until there
                                      are as many
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from sam_common.errors import InputError
from sam_common.support.addresses import is_remote
from sam_common.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sam_geo.raster.header import Header
    from sam_geo.raster.pixels import Pixels

SAMPLE_SIDE = 512
"""Most rows and columns of a coarse read, and of all sampled tiles together."""
MAX_DECIMATION = 16
"""Raster pixels per pixel of a coarse read, above which tiles are sampled where there are no
overviews: the coarse read would fetch the whole file."""
TILE_SIDE = 64
"""Side of a sampled tile in pixels."""
ENOUGH = TILE_SIDE**2
"""Number of values of a band that make a sample; with fewer, more windows are read."""
MOST_OF_ONE = ENOUGH // 8
"""Most values from one search window: a sample from one place would not represent the others."""
SEARCH_SIDE = 512
"""Side in pixels of a window in which valid pixels are searched, in a raster stored in tiles."""
MOST_REMOTE_WINDOWS = 32
"""Most search windows that are read from a raster on a server."""


class Sampled(Protocol):
    """The part of `sam_geo.raster.source.RasterSource` that sampling needs."""

    @property
    def path(self) -> str:
        """Name of the raster in messages."""

    @property
    def name(self) -> str:
        """Name that GDAL opened."""

    @property
    def header(self) -> Header:
        """Metadata of the file."""

    @property
    def bands(self) -> tuple[int, ...]:
        """Numbers of the chosen bands, from 1."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Number of rows and columns of the raster."""

    @property
    def nodatas(self) -> tuple[float | None, ...]:
        """The nodata value of each chosen band, None where it has none."""

    def read(
        self,
        window: Window,
        *,
        out_hw: tuple[int, int] | None = None,
        resampling: Literal["average", "nearest"] = "average",
    ) -> Pixels:
        """Read the chosen bands of one window, as `RasterSource.read` does."""


def sample_bands(source: Sampled) -> list[npt.NDArray[Any]]:
    """Sample valid, finite values of each chosen band; the same raster gives the same sample.

    At most 512 x 512 pixels are looked at, whatever the size of the raster. Where fewer than 4096
    of them are valid, as in a mosaic that is empty but for an island, windows of the whole raster
    are read until there are as many: in the worst case, an empty raster, each of them once.

    Returns:
        One array (N,) for each band, in the raster's dtype; empty without a valid pixel.

    Raises:
        InputError: A pixel cannot be read, or a raster on a server shows no valid one in
            `MOST_REMOTE_WINDOWS` windows all over it.
    """
    parts = [_values(source, pixels) for pixels in _sample(source)]
    bands = range(len(parts[0]))
    if max(source.size_hw) > SAMPLE_SIDE:
        parts += _search(source, [sum(part[n].size for part in parts) for n in bands])
    return [np.concatenate([part[n] for part in parts]) for n in bands]


def _sample(source: Sampled) -> Iterator[Pixels]:
    """Read the whole raster coarsely, or tiles on a regular grid."""
    height, width = source.size_hw
    decimation = max(height, width) / SAMPLE_SIDE
    if decimation <= MAX_DECIMATION or source.header.overviews[source.bands[0] - 1]:
        out_hw = (min(height, SAMPLE_SIDE), min(width, SAMPLE_SIDE))
        yield source.read(Window.full(source.size_hw), out_hw=out_hw, resampling="nearest")
        return
    for row in _spread(height):
        for col in _spread(width):
            tile = Window((row, col), (row + TILE_SIDE, col + TILE_SIDE))
            if (inside := tile.intersect(Window.full(source.size_hw))) is not None:
                yield source.read(inside)


def _spread(length: int) -> list[int]:
    """Place at most 8 tiles evenly along an axis, and return their first indices."""
    count = min(SAMPLE_SIDE // TILE_SIDE, -(-length // TILE_SIDE))
    return [int(start) for start in np.linspace(0, max(0, length - TILE_SIDE), count)]


def _search(source: Sampled, counts: list[int]) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield values of search windows until each band has enough, counting from `counts`."""
    windows = _windows(source)
    most = MOST_REMOTE_WINDOWS if is_remote(source.name) else len(windows)
    for n in _far_apart(len(windows))[:most]:
        if min(counts) >= ENOUGH:
            return
        pixels = source.read(windows[n])
        if pixels.valid.any():
            found = [_thinned(values) for values in _values(source, pixels)]
            counts = [count + values.size for count, values in zip(counts, found, strict=True)]
            yield found
    if most < len(windows) and min(counts) == 0:
        raise InputError(
            f"no valid pixel in {most} windows all over {source.path}: say by --stretch min,max "
            f"which values become black and white"
        )


def _windows(source: Sampled) -> list[Window]:
    """Cover the raster with search windows that follow the blocks of the file."""
    height, width = source.size_hw
    rows, cols = SEARCH_SIDE, SEARCH_SIDE
    if source.header.block_shapes[source.bands[0] - 1][1] == width:
        # stored in rows of the whole width: narrower windows would read each of them again
        rows, cols = max(1, SEARCH_SIDE**2 // width), width
    return [
        Window((row, col), (min(row + rows, height), min(col + cols, width)))
        for row in range(0, height, rows)
        for col in range(0, width, cols)
    ]


def _far_apart(count: int) -> list[int]:
    """Order the numbers below `count` so that the first ones are spread over the range.

    >>> _far_apart(6)
    [0, 4, 2, 1, 5, 3]
    """
    bits = max(1, (count - 1).bit_length())
    return sorted(range(count), key=lambda n: int(f"{n:0{bits}b}"[::-1], 2))


def _thinned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Take at most `MOST_OF_ONE` values at even steps."""
    return values[:: max(1, -(-values.size // MOST_OF_ONE))]


def _values(source: Sampled, pixels: Pixels) -> list[npt.NDArray[Any]]:
    """Take the values of each band at valid pixels that can be measurements."""
    return [
        _usable(samples[pixels.valid], nodata)
        for samples, nodata in zip(pixels.values, source.nodatas, strict=True)
    ]


def _usable(values: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[Any]:
    """Leave out values that are not finite, or are nodata in their own band."""
    values = values[np.isfinite(values)]
    # a pixel is valid where one band is not nodata; the nodata of the others is no brightness
    return values if nodata is None else values[values != nodata]
