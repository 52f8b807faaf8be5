"""Bands: which ones of a raster a network is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rasterio.enums import ColorInterp

from sam_common.errors import InputError
from sam_common.support.addresses import scrubbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_geo.raster.header import Header


def default_bands(interpretation: Sequence[ColorInterp]) -> tuple[int, ...]:
    """Red, green, blue by colour interpretation, else the first three, else the first band.

    >>> default_bands([ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.alpha])
    (3, 2, 1)
    >>> default_bands([ColorInterp.gray, ColorInterp.alpha])
    (1,)
    """
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if all(colour in interpretation for colour in colours):
        return tuple(list(interpretation).index(colour) + 1 for colour in colours)
    image = [n + 1 for n, kind in enumerate(interpretation) if kind != ColorInterp.alpha]
    return tuple(image[:3]) if len(image) >= len(colours) else tuple(image[:1])


def check_dataset(header: Header, name: str) -> None:
    """Raise `InputError` where a raster has no band that could be looked at."""
    if header.count == 0:
        parts = ", ".join(scrubbed(each) for each in header.subdatasets) or "none"
        raise InputError(
            f"{name} has no bands of its own; open one of its subdatasets, by its name or by "
            f"--page: {parts}"
        )
    if not default_bands(header.colours):
        raise InputError(f"{name} has an alpha band only, no image")


def check_bands(bands: tuple[int, ...], header: Header, name: str) -> None:
    """Raise `InputError` unless these are one or three bands of real samples."""
    if len(bands) not in {1, 3}:
        raise InputError(
            f"choose one band (grey) or three (red, green, blue), got {_listed(bands)}"
        )
    if missing := [band for band in bands if not 1 <= band <= header.count]:
        raise InputError(f"no band {missing[0]} in {name}: it has bands 1 to {header.count}")
    for band in bands:
        if "complex" in (dtype := header.dtypes[band - 1]):
            raise InputError(
                f"band {band} of {name} has complex samples ({dtype}): write amplitude or "
                f"intensity to a real raster first"
            )


def _listed(bands: Sequence[int]) -> str:
    return ",".join(str(band) for band in bands) or "none"
