"""Polygons of whole maps against their rasters: `python -m tests.benchmarks.landcover_partition`.

The product's map of each set, from all of its samples by a fast classifier, which makes the same
kinds of pieces, as polygons before and after simplification. Gaps and overlaps are areas, in
pixels, that lie between polygons, and that the sum of the polygons has more than their union; what
was moved is the area by which the edge to pixels without a class lies elsewhere. shapely and
rasterio count them, and nothing of the product. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import rasterio
import rasterio.features
import shapely
from skimage.measure import label

from sam_geo import landcover
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.partition import PartitionOptions, write_partition
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from tests.benchmarks.landcover import SMALL_PX
from tests.benchmarks.landcover_data import root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLASSIFIER = "discriminant"
SETS: dict[str, tuple[str, str, str]] = {
    "hist": ("historical_map_landcover/map_compress.tif", "train.gpkg", "Class"),
    "amazon": ("lc_amazon_landsat5/rstoolbox_lsat.tif", "rstoolbox_lsat_training.gpkg", "class"),
    "leipzig": ("lc_leipzig_s2/leipzig_raster.tif", "leipzig_points.gpkg", "land_cover"),
    "carolina polygons": (
        "lc_nc_landsat7_7class/lsat7_2000_stack.tif", "landsat96_polygons.shp", "id",
    ),
    "vegas": (
        "lc_vegas_wv3_8band/tiff_8channel_uint8.tif", "tiff_3channel_uint8.geojson", "label",
    ),
    "slovenia": ("sentinel2_landcover/max_ndvi.tif", "lulc.gpkg", "LULC_NAME"),
}  # fmt: skip
"""Raster, samples beside it, and their class column: sets whose samples are one table."""


def checked(raster: Path, samples: Path, field: str) -> Iterator[dict[str, Any]]:
    """Figures of the polygons of a map, before and after simplification."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "map.tif"
        learn = SampleChoice(samples=samples, class_field=field, classifier=CLASSIFIER)
        options = LandcoverRequest(rasters=(), output=output, learn=learn)
        record = landcover(raster, samples, output, options=options)
        for tolerance in (0.0, None):
            path = Path(folder) / f"polygons {tolerance}.gpkg"
            with open_class_map(output) as classes:
                write_partition(classes, path, PartitionOptions("object", tolerance))
            yield {
                "simplified": tolerance is None,
                **figures(geopandas.read_file(path), output, record["areas"]),
            }


def figures(
    table: geopandas.GeoDataFrame, output: Path, areas: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What `python -m tests.benchmarks.landcover_partition` tells of a table of polygons."""
    with rasterio.open(output) as dataset:
        classes, transform = dataset.read(1), dataset.transform
    pixel = abs(transform.determinant)
    footprint = shapely.union_all(
        [
            shapely.geometry.shape(shape)
            for shape, value in rasterio.features.shapes(
                (classes > 0).astype(np.uint8), transform=transform
            )
            if value
        ]
    )
    shapes = table.geometry.to_numpy()
    covered = shapely.union_all(shapes)
    missing = shapely.get_parts(shapely.difference(footprint, covered))
    # simplification moves the edge to pixels without a class as it does edges between classes
    is_edge = shapely.intersects(missing, footprint.boundary)
    beyond = shapely.area(shapely.difference(covered, footprint))
    pieces = label(classes, background=0, connectivity=1)
    size = np.bincount(pieces.ravel())[1:]
    return {
        "polygons": len(table),
        "invalid": int((~shapely.is_valid(shapes)).sum()),
        "gaps_px": shapely.area(missing[~is_edge]).sum() / pixel,
        "overlaps_px": (shapely.area(shapes).sum() - covered.area) / pixel,
        "moved_px": (shapely.area(missing[is_edge]).sum() + beyond) / pixel,
        "shared_edges": bool(shapely.coverage_is_valid(shapes)),
        "area_error": _area_error(table, classes, pixel),
        "true_area_error": max(
            abs(table.loc[table["value"] == row["value"], "area_m2"].sum() / row["area_m2"] - 1)
            for row in areas
            if row["area_m2"]
        ),
        "small_pieces": int((size < SMALL_PX).sum()),
    }


def _area_error(table: geopandas.GeoDataFrame, classes: np.ndarray, pixel: float) -> float:
    """Largest relative difference of a class between the areas of its polygons and its pixels."""
    drawn = table.geometry.area.groupby(table["value"]).sum()
    counted = np.bincount(classes.ravel(), minlength=256)
    return max(
        abs(area / (counted[int(value)] * pixel) - 1) for value, area in drawn.to_dict().items()
    )


def partitions() -> list[dict[str, Any]]:
    """Figures of every set, before and after simplification."""
    return [
        {"set": name, **row}
        for name, (raster, samples, field) in SETS.items()
        for row in checked(root() / raster, (root() / raster).with_name(samples), field)
    ]


def main() -> None:
    sys.stdout.write(json.dumps(partitions(), indent=1) + "\n")


if __name__ == "__main__":
    main()
