"""Requests: the inputs, outputs and options of a comparison of two class maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.files import check_apart, check_output
from sam_geo.change.report import check_report_output
from sam_geo.comparison.moves import HALF_A_PIXEL, check_misregistration
from sam_geo.comparison.polygons import Least
from sam_geo.jobs.output_checks import input_files, table_files, try_output
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path
from sam_geo.tables.write import check_table_output

if TYPE_CHECKING:
    from pathlib import Path

    from sam_geo.raster.source import RasterSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """A job that compares two class maps, and writes what changed."""

    before: str
    """The first map: a path or an address of a raster that GDAL opens."""
    after: str
    """The second map."""
    output: Path
    """The table of polygons to write: .gpkg, .fgb, .geojson, .parquet or .shp."""
    layer: str | None = None
    """Layer of a GeoPackage to write; the name of the file where None."""
    report: Path | None = None
    """Page about the change, an .html."""
    misregistration: float = HALF_A_PIXEL
    """Pixels of the first map, along each axis, by which the maps may lie beside each other."""
    min_area_m2: float = 0.0
    """Smaller polygons are left out; in pixels where the maps have no reference system."""
    min_pixels: int = 1
    """Polygons of fewer pixels are left out."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose paths were given; the paths of the other outputs follow from them."""
        return [self.output] if self.report is None else [self.output, self.report]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written: the table, its record and style, the report."""
        files = [*table_files(self.output), manifest_path(self.output), style_path(self.output)]
        return [*files, *self.named_outputs[1:]]

    def check_files(self) -> None:
        """Raise where an option makes no sense or an output could not be written.

        Raises:
            InputError: A number is out of its range.
            OutputError: An output exists or cannot be written, or two are one file.
        """
        check_options(self.misregistration, Least(self.min_area_m2, self.min_pixels))
        check_table_output(self.output, overwrite=self.overwrite, layer=self.layer)
        for path in (manifest_path(self.output), style_path(self.output)):
            check_output(path, overwrite=self.overwrite)
        if self.report is not None:
            check_report_output(self.report, overwrite=self.overwrite)
        check_apart(self.outputs)

    def check_sources(self, before: RasterSource, after: RasterSource) -> None:
        """Raise `OutputError` where an output is a file of a map, or cannot be written.

        Args:
            before: The raster of the first map.
            after: That of the second.
        """
        read: list[Path] = []
        for name, source in ((self.before, before), (self.after, after)):
            # the record of a map names its classes
            read += input_files(source, [manifest_path(name)])
        check_apart(self.outputs, read)
        try_output(self.output, before, dst_crs=None, layer=self.layer)


def check_options(misregistration: float, least: Least) -> None:
    """Raise `InputError` where a number is out of its range."""
    check_misregistration(misregistration)
    if not (math.isfinite(least.area_m2) and least.area_m2 >= 0):
        raise InputError(f"--min-area-m2 must be a finite number from 0 up, got {least.area_m2:g}")
    if least.pixels < 1:
        raise InputError(f"--min-pixels must be 1 or more, got {least.pixels}")
