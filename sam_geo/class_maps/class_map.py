"""Class maps: rasters whose values are classes, with the names of these classes."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError
from sam_common.window import Window
from sam_geo.class_maps.pixel_area import pixel_areas
from sam_geo.raster.source import open_raster
from sam_geo.results.record import manifest_path

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from sam_common.tiled_job.progress import Progress
    from sam_geo.raster.source import RasterSource

SIDE = 2048
"""Pixels on a side of the windows in which a map is read: a multiple of any usual block."""
MOST_CLASSES = 256
"""Different values of a map that nothing names; beyond these it is an image or a count."""
MOST_VALUE = 2**53
"""Largest class of a map of floats: all whole numbers up to it are themselves there."""
BANDS = (1, 2)
"""A class, or a class and its probability in per cent."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassPixels:
    """The pixels of a window that have a class, row by row."""

    window: Window
    """(row, col) in the map."""
    rows: npt.NDArray[np.int64]
    """(N,) rows of the pixels in the window."""
    cols: npt.NDArray[np.int64]
    """(N,) columns of the pixels in the window."""
    values: npt.NDArray[np.int64]
    """(N,) their classes."""
    areas_m2: npt.NDArray[np.float64]
    """(N,) their true areas."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassMap:
    """An open class map; make one with `open_class_map`."""

    source: RasterSource
    """The raster; its first band has the classes."""
    names: Mapping[int, str] | None
    """Class of each value, None where nothing beside the raster names them."""
    has_probability: bool
    """Whether a second band has the probability of the class in per cent."""

    def windows(self) -> Iterator[Window]:
        """Windows (row, col) that cover the map, row by row, without overlap."""
        height, width = self.source.size_hw
        for top, left in itertools.product(range(0, height, SIDE), range(0, width, SIDE)):
            yield Window((top, left), (min(top + SIDE, height), min(left + SIDE, width)))

    def read(self, window: Window) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Values (h, w) of the classes in a window, and where the map has one.

        Raises:
            InputError: The raster is one of floats, and a value is no whole number.
        """
        pixels = self.source.read(window)
        values = pixels.values[0]
        if values.dtype.kind == "f":
            values = np.where(pixels.valid, values, 0)
            odd = values[(np.abs(values) > MOST_VALUE) | (np.rint(values) != values)]
            if len(odd):
                raise InputError(
                    f"{self.source.path} is no class map: it has the value {odd[0]:g}, where whole "
                    f"numbers are expected"
                )
        return values.astype(np.int64), pixels.valid

    def probability(self, window: Window) -> npt.NDArray[np.float64]:
        """(h, w) probability of the class in a window, 0 to 1, from the second band."""
        per_cent = replace(self.source, bands=(2,)).read(window).values[0]
        share: npt.NDArray[np.float64] = per_cent / np.float64(100)
        return share

    def pixels(self, progress: Progress) -> Iterator[ClassPixels]:
        """The pixels that have a class, window by window: one pass over the map."""
        windows = list(self.windows())
        measure = pixel_areas(self.source.crs, self.source.frame)
        with progress("reading the map", len(windows)) as done:
            for window in windows:
                values, valid = self.read(window)
                rows, cols = np.nonzero(valid)
                yield ClassPixels(window, rows, cols, values[valid], measure(window)[valid])
                done(1)

    def name_of(self, value: int) -> str:
        """What a value is called: its class, or the value itself where nothing names it.

        Raises:
            InputError: Other values have names, and this one does not.
        """
        if self.names is None:
            return str(value)
        if value not in self.names:
            known = ", ".join(f"{number} {name}" for number, name in sorted(self.names.items()))
            raise InputError(
                f"{self.source.path} has pixels of value {value}, which is no class of its "
                f"record: {known}"
            )
        return self.names[value]


@contextmanager
def open_class_map(
    path: str | os.PathLike[str], *, names: Mapping[int, str] | None = None
) -> Iterator[ClassMap]:
    """Open a class map.

    Args:
        path: The raster.
        names: Class of each value; those of the record beside the map (`MAP.job.json`) where None.

    Raises:
        InputError: There is no such raster, or it has other bands than a class and a probability.
            Whether floats are whole numbers is found where they are read.
    """
    with open_raster(path, bands=[1]) as opened:
        # the values count, not the colours that they are shown in
        source = replace(opened, is_palette=False)
        if source.header.count not in BANDS:
            raise InputError(
                f"{source.path} is no class map: it has {source.header.count} bands of "
                f"{source.header.dtypes[0]}, where one band of whole numbers (and one of per "
                f"cent) is expected"
            )
        known = _names_of(Path(path)) if names is None else names
        yield ClassMap(source, known, source.header.count == BANDS[1])


def _names_of(path: Path) -> dict[int, str] | None:
    """Classes of the record beside a map; None where there is none that has any."""
    record = manifest_path(path)
    try:
        classes = json.loads(record.read_text(encoding="utf-8")).get("classes")
    except (OSError, ValueError, AttributeError):  # no record, or a file of another program
        return None
    if not isinstance(classes, dict) or not all(value.isdigit() for value in classes):
        return None
    return {int(value): str(name) for value, name in classes.items()}
