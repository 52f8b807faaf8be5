"""RasterStack: the bands of several rasters on the grid of the first one, read by windows.

Dates, sensors, elevation or embeddings lie on grids of their own. They are warped window by window
while they are read (GDAL's warped VRT), so nothing is written and memory is bounded by a window.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import InputError
from sam_geo.raster.header import check_real
from sam_geo.raster.source import open_raster

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.window import Window
    from sam_geo.raster.source import RasterSource

SAME_GRID_PX = 1e-3
"""Difference of two grids, in pixels at their corners, below which they are the same one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """One raster of a stack, with all of its bands that are no mask."""

    source: RasterSource
    is_on_grid: bool
    """Whether it lies on the grid of the first raster: it is not warped then."""

    def read(
        self, window: Window, grid: RasterSource
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Values (B, h, w) on the first raster's grid, NaN where there is none; (h, w) any is."""
        place = RasterioWindow(*window.start[::-1], *window.shape[::-1])
        bands = list(self.source.bands)

        def from_file(dataset: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
            if self.is_on_grid and self.source.mosaic is not None:
                self.source.mosaic.check(window, dataset)
            return dataset.read(bands, window=place), dataset.read_masks(bands, window=place)

        def warped(dataset: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
            height, width = grid.size_hw
            # a raster without nodata says by an alpha band where it ends
            is_bare = dataset.nodata is None and ColorInterp.alpha not in dataset.colorinterp
            with WarpedVRT(
                dataset,
                crs=grid.header.crs,
                transform=grid.header.transform,
                width=width,
                height=height,
                resampling=Resampling.bilinear,
                add_alpha=is_bare,
            ) as vrt:
                if not is_bare:
                    return from_file(vrt)
                alpha = vrt.read(dataset.count + 1, window=place)
                values = vrt.read(bands, window=place)
                return values, np.broadcast_to(alpha, values.shape)

        values, masks = self.source.use(window, from_file if self.is_on_grid else warped)
        has_value = masks > 0
        valid = has_value.any(axis=0)
        if values.dtype == np.uint8:
            # a colour may have 0 or 255 in one band where that stands for nodata in all of them
            has_value[:, valid] = True
        found = np.where(has_value, values, np.nan).astype(np.float32)
        has_number = np.isfinite(found)
        found[~has_number] = np.nan
        return found, np.asarray(has_number.any(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class RasterStack:
    """Open rasters as one raster of many bands; make one with `open_stack`."""

    layers: tuple[_Layer, ...]
    band_names: tuple[str, ...]
    """(B,) names of all bands, each once."""

    @property
    def grid(self) -> RasterSource:
        """The first raster, whose grid the stack has."""
        return self.layers[0].source

    @property
    def size_hw(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.grid.size_hw

    def read(self, window: Window) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """The bands of all rasters in one window.

        Args:
            window: (row, col) inside the first raster.

        Returns:
            (B, h, w) values, those of other grids by bilinear interpolation, NaN where a band has
            none; and (h, w) pixels of the first raster where any of its bands has a value.

        Raises:
            InputError: A raster cannot be read there.
        """
        parts = [layer.read(window, self.grid) for layer in self.layers]
        values = np.concatenate([part[0] for part in parts])
        valid = parts[0][1]
        values[:, ~valid] = np.nan
        return values, valid


@contextmanager
def open_stack(
    paths: Sequence[str | os.PathLike[str]], *, band_names: Sequence[str] | None = None
) -> Iterator[RasterStack]:
    """Open rasters to be read together, on the grid of the first.

    Args:
        paths: Rasters that GDAL opens.
        band_names: Names of all bands of all rasters in their order, alpha bands left out. Where
            None, the descriptions of their files, else `b1`, `b2` and so on; in a stack of several
            rasters, with the name of the file before it where a name would be there twice.

    Raises:
        InputError: A raster cannot be opened or has complex samples, two have no reference system
            in common, or there are not as many names as bands.
    """
    with ExitStack() as opened:
        sources = [_all_bands(opened.enter_context(open_raster(path))) for path in paths]
        first = sources[0]
        layers = []
        for source in sources:
            is_on_grid = _same_grid(source, first)
            if not is_on_grid and (source.crs is None or first.crs is None):
                raise InputError(
                    f"{source.path} has another grid than {first.path}, and "
                    f"{(first if first.crs is None else source).path} has no reference system: "
                    f"nothing says where one lies on the other"
                )
            layers.append(_Layer(source, is_on_grid))
        yield RasterStack(tuple(layers), _names(sources, band_names))


def _all_bands(source: RasterSource) -> RasterSource:
    """A raster with all of its bands but alpha, as values and not as colours."""
    header = source.header
    bands = tuple(n + 1 for n, colour in enumerate(header.colours) if colour != ColorInterp.alpha)
    check_real(bands, header, source.path)
    return replace(source, bands=bands, is_palette=False)


def _same_grid(one: RasterSource, first: RasterSource) -> bool:
    if one is first:
        return True
    if one.size_hw != first.size_hw or one.crs != first.crs:
        return False
    height, width = first.size_hw
    return all(
        abs(part) < SAME_GRID_PX
        for corner in ((0, 0), (width, 0), (0, height))
        for part in np.subtract(~first.header.transform @ (one.header.transform @ corner), corner)
    )


def _names(sources: Sequence[RasterSource], given: Sequence[str] | None) -> tuple[str, ...]:
    own = [
        (source.header.descriptions[band - 1] or f"b{band}").strip()
        for source in sources
        for band in source.bands
    ]
    if given is None:
        files = [Path(source.path).stem for source in sources for _ in source.bands]
        repeated = {name for name in own if own.count(name) > 1}
        names = [
            f"{file}_{name}" if name in repeated else name
            for file, name in zip(files, own, strict=True)
        ]
        # two files of one name, or a file that gives two bands one name
        return tuple(
            name if names.count(name) == 1 else f"{name}_{n + 1}" for n, name in enumerate(names)
        )
    if len(given) != len(own) or len(set(given)) != len(given):
        raise InputError(
            f"--band-names has {len(given)} names ({len(set(given))} different), and there are "
            f"{len(own)} bands: {', '.join(own)}"
        )
    return tuple(given)
