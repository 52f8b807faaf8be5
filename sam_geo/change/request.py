"""Requests: the inputs, outputs and options of a comparison of two class maps, or two images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.files import check_apart, check_input, check_output
from sam_geo.change.report import check_report_output
from sam_geo.comparison.moves import HALF_A_PIXEL, check_misregistration
from sam_geo.comparison.polygons import Least
from sam_geo.jobs.output_checks import input_files, table_files, try_output
from sam_geo.jobs.resumable import Resumable
from sam_geo.mapping.request import LandcoverRequest
from sam_geo.results.qgis_style import style_path
from sam_geo.results.record import manifest_path
from sam_geo.tables.write import check_table_output

if TYPE_CHECKING:
    from pathlib import Path

    from sam_geo.raster.source import RasterSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest(Resumable):
    """A job that compares two class maps, or two images and a model, and writes what changed."""

    before: str
    """The first map, or image: a path or an address of a raster that GDAL opens."""
    after: str
    """The second one."""
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
    apply: Path | None = None
    """A model that a land-cover job saved: both rasters are images, which it classifies first."""
    band_names: tuple[str, ...] | None = None
    """Names of the bands of both images in their order; from the files where None."""
    network: str = "mobile_sam"
    """Network that the model was trained with, if it was with any, by its name or file."""
    workers: int = 1
    """Blocks of an image that are classified at the same time."""
    resume: bool = False
    """Whether to go on with an interrupted job; only images can be interrupted."""
    overwrite: bool = False
    """Whether outputs that exist may be replaced."""

    @property
    def named_outputs(self) -> list[Path]:
        """Outputs whose paths were given; the paths of the other outputs follow from them."""
        return [self.output] if self.report is None else [self.output, self.report]

    @property
    def outputs(self) -> list[Path]:
        """Every file that will be written: the table, its record and style, the report, maps."""
        files = [*table_files(self.output), manifest_path(self.output), style_path(self.output)]
        maps = [path for job in self.cover_requests.values() for path in job.outputs]
        return [*files, *self.named_outputs[1:], *maps]

    @property
    def cover_requests(self) -> dict[str, LandcoverRequest]:
        """The jobs that make a map of each image, by `before` and `after`; none of two maps.

        The maps lie beside the table: `change_before.tif` and `change_after.tif` of `change.gpkg`.
        """
        if self.apply is None:
            return {}
        return {
            side: LandcoverRequest(
                rasters=(image,),
                output=self.output.with_name(f"{self.output.stem}_{side}.tif"),
                apply=self.apply,
                band_names=self.band_names,
                network=self.network,
                workers=self.workers,
                resume=self.resume,
                overwrite=self.replaces,
            )
            for side, image in (("before", self.before), ("after", self.after))
        }

    def check_files(self) -> None:
        """Raise where an option makes no sense or an output could not be written.

        Raises:
            InputError: A number is out of its range.
            OutputError: An output exists or cannot be written, or two are one file.
        """
        check_options(self.misregistration, Least(self.min_area_m2, self.min_pixels))
        self._check_model()
        check_table_output(self.output, overwrite=self.replaces, layer=self.layer)
        for path in (manifest_path(self.output), style_path(self.output)):
            check_output(path, overwrite=self.replaces)
        if self.report is not None:
            check_report_output(self.report, overwrite=self.replaces)
        for job in self.cover_requests.values():
            job.check_files()
        check_apart([*self.outputs, self.parts], [] if self.apply is None else [self.apply])

    def _check_model(self) -> None:
        """Raise `InputError` where the model is missing, or an option is about one without it."""
        if self.apply is not None:
            check_input(self.apply)
        elif self.band_names is not None:
            raise InputError(
                f"--band-names is about --apply: give the model too, or leave "
                f"{','.join(self.band_names)} out"
            )
        elif self.resume:
            raise InputError(
                "--resume is about --apply: two maps are compared at once, and nothing of it is "
                "kept; run without --resume"
            )

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

    def check_image(self, image: RasterSource) -> None:
        """Raise `OutputError` where an output is a file of an image, or cannot be written.

        Args:
            image: One of the images.
        """
        check_apart(self.outputs, input_files(image, [self.apply]))
        try_output(self.output, image, dst_crs=None, layer=self.layer)


def check_options(misregistration: float, least: Least) -> None:
    """Raise `InputError` where a number is out of its range."""
    check_misregistration(misregistration)
    if not (math.isfinite(least.area_m2) and least.area_m2 >= 0):
        raise InputError(f"--min-area-m2 must be a finite number from 0 up, got {least.area_m2:g}")
    if least.pixels < 1:
        raise InputError(f"--min-pixels must be 1 or more, got {least.pixels}")
