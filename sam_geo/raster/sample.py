"""Sample: values of a raster that stand for all of it, from a bounded number of pixels.

```
overviews, or small enough     one coarse read
else                           8 x 8 small tiles on a regular grid
too few of these are valid     windows over the whole raster, far apart first, until it is enough
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
"""A sample has at most this many rows and columns."""
MAX_DECIMATION = 16
"""Where there are no overviews, a coarser read than this would touch the whole file for nothing:
tiles are sampled instead."""
TILE_SIDE = 64
ENOUGH = TILE_SIDE**2
"""Values of a band that are a sample; where there are fewer, more windows are looked at."""
MOST_OF_ONE = ENOUGH // 8
"""Values that one such window gives: a sample from one place would not stand for the others."""
SEARCH_SIDE = 512
"""Of the windows in which valid pixels are looked for, where the raster is stored in tiles."""
MOST_REMOTE_WINDOWS = 32
"""So many of them are fetched from a server."""


class Sampled(Protocol):
    """What sampling asks of a raster; `sam_geo.raster.source.RasterSource` is one."""

    @property
    def path(self) -> str:
        """What the raster is called in messages."""

    @property
    def name(self) -> str:
        """What GDAL opened."""

    @property
    def header(self) -> Header:
        """What the file says of itself."""

    @property
    def bands(self) -> tuple[int, ...]:
        """Numbers of the bands that `read` gives, from 1."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def has_overviews(self) -> bool:
        """Whether coarse reads are cheap."""

    @property
    def nodatas(self) -> tuple[float | None, ...]:
        """The nodata value of each band that `read` gives."""

    def read(
        self,
        window: Window,
        *,
        out_hw: tuple[int, int] | None = None,
        resampling: Literal["average", "nearest"] = "average",
    ) -> Pixels:
        """The pixels of a window, as `RasterSource.read` gives them."""


def sample_bands(source: Sampled) -> list[npt.NDArray[Any]]:
    """Valid, finite values of each band, the same ones every time.

    At most `SAMPLE_SIDE` squared pixels, whatever the size of the raster. Where these hold next
    to nothing, as in a mosaic that is empty but for an island, windows over the whole raster are
    read until there are `ENOUGH` values: in the worst case, an empty raster, each once.

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
    height, width = source.size_hw
    decimation = max(height, width) / SAMPLE_SIDE
    if decimation <= MAX_DECIMATION or source.has_overviews:
        out_hw = (min(height, SAMPLE_SIDE), min(width, SAMPLE_SIDE))
        yield source.read(Window.full(source.size_hw), out_hw=out_hw, resampling="nearest")
        return
    for row in _spread(height):
        for col in _spread(width):
            tile = Window((row, col), (row + TILE_SIDE, col + TILE_SIDE))
            if (inside := tile.intersect(Window.full(source.size_hw))) is not None:
                yield source.read(inside)


def _spread(length: int) -> list[int]:
    """Starts of at most 8 tiles, evenly over one axis, the first and last at its ends."""
    count = min(SAMPLE_SIDE // TILE_SIDE, -(-length // TILE_SIDE))
    return [int(start) for start in np.linspace(0, max(0, length - TILE_SIDE), count)]


def _search(source: Sampled, counts: list[int]) -> Iterator[list[npt.NDArray[Any]]]:
    """Values of windows over the whole raster, until each band has enough of them."""
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
    """All numbers below `count`, such that the first ones are spread over the range.

    >>> _far_apart(6)
    [0, 4, 2, 1, 5, 3]
    """
    bits = max(1, (count - 1).bit_length())
    return sorted(range(count), key=lambda n: int(f"{n:0{bits}b}"[::-1], 2))


def _thinned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """At most `MOST_OF_ONE` of them, evenly."""
    return values[:: max(1, -(-values.size // MOST_OF_ONE))]


def _values(source: Sampled, pixels: Pixels) -> list[npt.NDArray[Any]]:
    return [
        _usable(samples[pixels.valid], nodata)
        for samples, nodata in zip(pixels.values, source.nodatas, strict=True)
    ]


def _usable(values: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[Any]:
    values = values[np.isfinite(values)]
    # a pixel is hidden only where all bands are nodata, but no band's own nodata is a brightness
    return values if nodata is None else values[values != nodata]
