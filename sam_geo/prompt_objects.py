"""Prompts given as Python objects: tables, GeoJSON mappings and lists, beside files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import geopandas
import numpy as np
import pyproj
import shapely
import shapely.geometry

from sam_common.errors import PromptError
from sam_geo.prompt_files import (
    BOX_COLUMNS,
    POINT_COLUMNS,
    box_of,
    point_of,
    read_table,
    table_of,
)

if TYPE_CHECKING:
    from sam_geo.prompt_files import PromptTable

PromptsLike: TypeAlias = (
    "str | os.PathLike[str] | geopandas.GeoDataFrame | Mapping[str, Any] | Sequence[Any]"
)
"""A file, a GeoDataFrame, a GeoJSON mapping, or a list of boxes, points and shapely geometries."""


def any_table(
    prompts: PromptsLike, *, crs: pyproj.CRS | None = None, layer: str | None = None
) -> PromptTable:
    """The table of whatever prompts can be given as.

    Args:
        prompts: See `PromptsLike`.
        crs: Reference system of the coordinates in a list.
        layer: Layer of a vector file that has several.

    Raises:
        InputError: There is no such file.
        PromptError: It makes no sense; rows count from 0.
    """
    if isinstance(prompts, str | os.PathLike):
        return read_table(prompts, layer=layer)
    if isinstance(prompts, geopandas.GeoDataFrame):
        return table_of(prompts)
    if isinstance(prompts, Mapping):
        return table_of(_geojson_features(prompts), name="the GeoJSON mapping")
    shapes = [_listed_shape(item, n) for n, item in enumerate(prompts)]
    return table_of(geopandas.GeoDataFrame(geometry=shapes, crs=crs), name="the list")


def _geojson_features(mapping: Mapping[str, Any]) -> geopandas.GeoDataFrame:
    kind = mapping.get("type")
    if kind == "FeatureCollection":
        features = list(mapping.get("features", []))
    else:
        features = [mapping if kind == "Feature" else {"type": "Feature", "geometry": mapping}]
    rows = [_properties_and_shape(feature, n) for n, feature in enumerate(features)]
    # files from before RFC 7946 name another system, and GDAL follows them too
    named_crs = mapping.get("crs") or {}
    crs = (named_crs.get("properties") or {}).get("name") or "OGC:CRS84"
    try:
        return geopandas.GeoDataFrame(
            [properties for properties, _ in rows],
            geometry=[shape for _, shape in rows],
            crs=crs,
            index=range(len(rows)),
        )
    except pyproj.exceptions.CRSError as error:
        raise PromptError(f"no such reference system in the GeoJSON mapping: {crs!r}") from error


def _properties_and_shape(feature: Any, n: int) -> tuple[dict[str, Any], Any]:
    try:
        geometry = feature["geometry"]
        shape = None if geometry is None else shapely.geometry.shape(geometry)
        named = {"id": feature["id"]} if "id" in feature else {}
        return {**named, **(feature.get("properties") or {})}, shape
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise PromptError(f"feature {n} of the GeoJSON mapping is none: {feature!r}") from error


def _listed_shape(item: Any, n: int) -> shapely.Geometry | None:
    """A box or a point of numbers, or a shapely geometry."""
    if item is None or isinstance(item, shapely.Geometry):
        return item
    place = f"prompt {n} of the list"
    try:
        numbers = np.asarray(item, dtype=np.float64).tolist()
    except (TypeError, ValueError) as error:
        raise PromptError(f"{place} is not made of numbers: {item!r}") from error
    if isinstance(numbers, list) and len(numbers) == len(BOX_COLUMNS):
        return box_of(dict(zip(BOX_COLUMNS, map(str, numbers), strict=True)), place)
    if isinstance(numbers, list) and len(numbers) == len(POINT_COLUMNS):
        return point_of(dict(zip(POINT_COLUMNS, map(str, numbers), strict=True)), place)
    raise PromptError(
        f"{place} is neither a box (xmin, ymin, xmax, ymax), nor a point (x, y), nor a shapely "
        f"geometry: {item!r}"
    )
