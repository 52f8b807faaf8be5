"""Writing class maps: a COG with classes and probabilities, its colours and names beside it.

GDAL takes the second band of a TIFF with a palette for alpha, and no TIFF holds names of values, so
both stand in the file that GDAL reads together with it (`MAP.tif.aux.xml`, its PAM format,
https://gdal.org/en/stable/user/raster_data_model.html); GDAL and all programs on it see them as
colour table and category names of the first band.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from xml.etree import ElementTree as ET

import defusedxml.ElementTree
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import InputError, OutputError
from sam_common.support.files import flush, written_file
from sam_geo.class_maps.legend import MOST, NODATA
from sam_geo.results.cog_file import BLOCK, cog_writer, small_cache, writing_cog
from sam_geo.results.qgis_style import NOT_IN_XML

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from sam_common.window import Window
    from sam_geo.class_maps.legend import Legend
    from sam_geo.raster.source import RasterSource

ByteArray: TypeAlias = npt.NDArray[np.uint8]

BANDS = ("class", "probability, per cent")
"""Descriptions of the bands."""
READ_SIDE = 4 * BLOCK
"""Side in pixels of a block that is read back at once."""


@contextmanager
def class_map_writer(
    path: str | os.PathLike[str],
    source: RasterSource,
    legend: Legend,
    *,
    overwrite: bool = False,
) -> Iterator[Callable[[Window, ByteArray, ByteArray], None]]:
    """Write a class map window by window, in any order; the same pixels give the same bytes.

    The map is a COG with overviews (nearest) of two bands, the class and its probability in per
    cent, with nodata 0. The colours and names of the legend stand beside it in `MAP.tif.aux.xml`,
    as the colour table and the category names of the first band. Memory is bounded by a window.

    When the block ends well, the map is read back and compared before it takes its name. An error
    in the block leaves an old map as it was.

    Args:
        path: The .tif file.
        source: The raster whose grid and reference system the map gets.
        legend: The classes; values from 1 to 255.
        overwrite: Whether a file that is there may be replaced.

    Yields:
        A function that takes a window (row, col) of the raster, disjoint from all before, and
        (h, w) uint8 arrays of the classes in it, 0 where there is none, and of their
        probabilities, 0 to 100. It raises `InputError` where an array does not fit the window or
        has a value that the legend has not.

    Raises:
        InputError: The legend has values that one byte does not hold.
        DiskError: The disk is full or read-only.
        OutputError: The file exists or cannot be written, or windows overlapped.
    """
    beyond = [value for value in legend.names if not NODATA < value <= MOST]
    if beyond:
        raise InputError(
            f"values of a class map are 1 to {MOST}, got {beyond[0]} ({legend.names[beyond[0]]}): "
            f"give classes that are no numbers, or numbers of that range"
        )
    allowed = np.zeros(MOST + 1, dtype=np.bool_)
    allowed[[NODATA, *legend.names]] = True
    drawn = 0

    def verify(part: Path) -> None:
        _, beside = map_files(part)
        _add_legend(beside, legend)
        flush(beside)
        if _read_back(part, legend) != drawn:
            raise OutputError(
                f"cannot write {written_file(path)}: other classes or probabilities were read "
                f"back than were given (or windows overlapped)"
            )

    with cog_writer(
        path, source, bands=len(BANDS), dtype="uint8", overwrite=overwrite, verify=verify
    ) as dataset:
        dataset.descriptions = BANDS

        def write(window: Window, classes: ByteArray, per_cent: ByteArray) -> None:
            nonlocal drawn
            bands = _checked(window, classes, per_cent, source.size_hw)
            unknown = np.flatnonzero(np.bincount(classes.ravel(), minlength=MOST + 1) * ~allowed)
            if len(unknown):
                raise InputError(
                    f"the legend of the class map has no value {unknown[0]}: it has "
                    f"{', '.join(map(str, legend.names))}"
                )
            with writing_cog(path), small_cache():
                place = RasterioWindow(*window.start[::-1], *window.shape[::-1])
                dataset.write(bands, window=place)
            drawn = (drawn + _check_sum(window.start, bands)) % 2**64

        yield write


def map_files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The files of a class map: the raster, and what GDAL reads beside it.

    >>> [file.name for file in map_files("out/map.tif")]
    ['map.tif', 'map.tif.aux.xml']
    """
    raster = Path(path)
    return raster, raster.with_name(f"{raster.name}.aux.xml")


def _check_sum(start: tuple[int, ...], bands: ByteArray) -> int:
    """A sum over (2, h, w) pixels from (row, col) on, whose order and windows do not matter.

    Each pixel that is not 0 counts with a factor that follows from its row and column.
    """
    down, across = (
        _weights(np.arange(first, first + size), axis)
        for axis, (first, size) in enumerate(zip(start, bands.shape[1:], strict=True))
    )
    both = bands[0] + np.uint64(MOST + 1) * bands[1]
    return int((both @ across * down).sum(dtype=np.uint64))


def _weights(places: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.uint64]:
    """Odd numbers that follow from rows or columns, by multiplication with a constant.

    The constants are those of the hash function splitmix64 (https://prng.di.unimi.it/splitmix64.c).
    """
    factor = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)[axis]
    mixed = (places.astype(np.uint64) + np.uint64(1)) * np.uint64(factor)
    return np.asarray(mixed ^ (mixed >> np.uint64(29))) | np.uint64(1)


def _checked(
    window: Window, classes: ByteArray, per_cent: ByteArray, size_hw: tuple[int, int]
) -> ByteArray:
    """The two arrays of a window as one of (2, h, w); raise `InputError` where they do not fit."""
    for name, band in (("classes", classes), ("per_cent", per_cent)):
        if band.shape != window.shape or band.dtype != np.uint8:
            raise InputError(
                f"{name} of a window of {window.shape} must be that many uint8, got {band.shape} "
                f"{band.dtype}"
            )
    inside = all(
        first >= 0 and last <= size
        for first, last, size in zip(window.start, window.stop, size_hw, strict=True)
    )
    if not inside:
        raise InputError(f"{window} is not inside the raster of {size_hw} pixels")
    return np.stack([classes, per_cent])


def _read_back(part: Path, legend: Legend) -> int:
    """The check sum of a map that is read again; its colours are compared with the legend's."""
    total = 0
    with rasterio.open(part) as dataset:
        try:
            colours = dataset.colormap(1)
        except ValueError:  # none was read
            colours = {}
        if any(colours.get(value) != (*rgb, 255) for value, rgb in legend.colours.items()):
            raise OutputError(
                "GDAL reads other colours than were written beside the map: leave GDAL_PAM_ENABLED "
                "unset"
            )
        for top in range(0, dataset.height, READ_SIDE):
            for left in range(0, dataset.width, READ_SIDE):
                window = RasterioWindow(left, top, READ_SIDE, READ_SIDE)
                total += _check_sum((top, left), dataset.read(window=window))
    return total % 2**64


def _add_legend(beside: Path, legend: Legend) -> None:
    """Put colour table and category names into the PAM file of a map, which GDAL may have begun."""
    root = ET.Element("PAMDataset")
    if beside.exists():
        root.extend(defusedxml.ElementTree.fromstring(beside.read_bytes()))
    band = root.find("PAMRasterBand[@band='1']")
    if band is None:
        band = ET.SubElement(root, "PAMRasterBand", band="1")
    ET.SubElement(band, "ColorInterp").text = "Palette"
    table = ET.SubElement(band, "ColorTable")
    names = ET.SubElement(band, "CategoryNames")
    for value in range(max(legend.names) + 1):
        colour = (*legend.colours[value], 255) if value in legend.colours else (0, 0, 0, 0)
        channels = {f"c{n}": str(part) for n, part in enumerate(colour, start=1)}
        ET.SubElement(table, "Entry", channels)
        name = NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", legend.names.get(value, ""))
        ET.SubElement(names, "Category").text = name
    ET.indent(root)
    # GDAL reads UTF-8 where nothing else is declared
    beside.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=False) + b"\n")
