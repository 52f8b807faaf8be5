"""Prompts as Python objects: GeoDataFrames, GeoJSON mappings and lists become prompt tables."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import geopandas
import numpy as np
import pandas as pd
import shapely
import shapely.geometry

from sam_common.errors import PromptError
from sam_geo.prompt_files.csv_table import box_of, point_of
from sam_geo.prompt_files.place_columns import BOX_COLUMNS, POINT_COLUMNS
from sam_geo.prompt_files.read import read_table
from sam_geo.prompt_files.table import PROMPTS, PromptTable, cells_of, object_array, spelled
from sam_geo.prompt_files.vector import geojson_crs
from sam_geo.raster.reference_system import LONLAT

if TYPE_CHECKING:
    import pyproj

PromptsLike: TypeAlias = (
    "str | os.PathLike[str] | geopandas.GeoDataFrame | geopandas.GeoSeries"
    " | Mapping[str, Any] | Sequence[Any]"
)
"""Prompts as a file, a GeoDataFrame or GeoSeries, a GeoJSON mapping, or a list of boxes, points and
shapely geometries."""


def any_table(
    prompts: PromptsLike, *, crs: pyproj.CRS | None = None, layer: str | None = None
) -> PromptTable:
    """Turn prompts of any supported type into a table.

    Args:
        prompts: A file or an object, see `PromptsLike`.
        crs: Reference system of the coordinates in a list.
        layer: Layer of a vector file that has several.

    Raises:
        InputError: There is no such file.
        PromptError: The prompts are not understood; messages count rows from 0.
    """
    if isinstance(prompts, str | os.PathLike):
        return read_table(prompts, layer=layer)
    if layer is not None:
        raise PromptError(f"layers are in files, not in {type(prompts).__name__}: {layer!r}")
    if isinstance(prompts, geopandas.GeoDataFrame):
        return _frame_table(prompts)
    if isinstance(prompts, geopandas.GeoSeries):
        return PromptTable("the GeoSeries", object_array(prompts), crs=prompts.crs)
    if isinstance(prompts, Mapping):
        return _geojson_table(prompts)
    if isinstance(prompts, pd.DataFrame) or not isinstance(prompts, Iterable):
        raise PromptError(
            f"prompts are a file, a table with geometries, GeoJSON or a list, not a "
            f"{type(prompts).__name__}"
        )
    shapes = [_listed_shape(item, n) for n, item in enumerate(prompts)]
    return PromptTable("the list", object_array(shapes), crs=crs)


def _frame_table(features: geopandas.GeoDataFrame) -> PromptTable:
    """Turn a GeoDataFrame into a table; levels of its index that have names become columns."""
    name = "the GeoDataFrame"
    if features.columns.nlevels > 1:
        raise PromptError(f"{name} has columns of several levels: {features.columns[0]!r}")
    geometry = features.active_geometry_name
    if geometry is None:
        raise PromptError(f"{name} has no geometry column: choose one with set_geometry")
    if (count := list(features.columns).count(geometry)) > 1:
        raise PromptError(f"{name} has {count} columns of the name {geometry}")
    levels = [(str(each), features.index.get_level_values(each)) for each in features.index.names]
    columns = [(str(each), features.iloc[:, n]) for n, each in enumerate(features.columns)]
    kept = [(each, cells_of(values)) for each, values in [*levels, *columns] if PROMPTS.reads(each)]
    return PromptTable(name, object_array(features.geometry), kept, features.crs)


def _geojson_table(mapping: Mapping[str, Any]) -> PromptTable:
    """Turn a GeoJSON mapping into a table; its properties become columns."""
    name = "the GeoJSON mapping"
    features = _features(mapping, name)
    rows = [_properties_and_shape(feature, n) for n, feature in enumerate(features)]
    keys = dict.fromkeys(key for properties, _ in rows for key in properties)
    # not by way of pandas, which turns integers beside empty cells into floats
    columns = [
        (str(key), [properties.get(key) for properties, _ in rows])
        for key in keys
        if PROMPTS.reads(key)
    ]
    return PromptTable(name, object_array(shape for _, shape in rows), columns, _crs(mapping, name))


def _features(mapping: Mapping[str, Any], name: str) -> list[Any]:
    """List the features of a collection, a feature or a geometry."""
    kind = mapping.get("type")
    if kind == "Feature":
        return [mapping]
    if kind != "FeatureCollection":
        return [{"type": "Feature", "geometry": mapping}]
    features = mapping.get("features")
    if not isinstance(features, list | tuple):
        raise PromptError(f"{name} has no list of features: {reprlib.repr(features)}")
    return list(features)


def _crs(mapping: Mapping[str, Any], name: str) -> pyproj.CRS:
    """Read the member `crs`, which GeoJSON had before RFC 7946; WGS 84 without it."""
    return geojson_crs(mapping.get("crs") or {"properties": {"name": LONLAT}}, name)


def _properties_and_shape(feature: Any, n: int) -> tuple[dict[str, Any], Any]:
    """Read the properties of a feature, with its `id` among them, and its geometry."""
    try:
        geometry = feature["geometry"]
        shape = None if geometry is None else shapely.geometry.shape(geometry)
        properties = dict(feature.get("properties") or {})
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        shapely.errors.ShapelyError,
    ) as error:
        raise PromptError(
            f"feature {n} of the GeoJSON mapping is none: {reprlib.repr(feature)}"
        ) from error
    if feature.get("id") is not None:
        own = {key: value for key, value in properties.items() if spelled(key) == "id"}
        if all(value is None for value in own.values()):
            properties = {key: properties[key] for key in properties if key not in own}
            properties["id"] = feature["id"]
    return properties, shape


def _listed_shape(item: Any, n: int) -> shapely.Geometry | None:
    """Turn an item of a list, four or two numbers or a geometry, into a geometry."""
    if item is None or isinstance(item, shapely.Geometry):
        return item
    place = f"prompt {n} of the list"
    try:
        numbers = np.asarray(item, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PromptError(f"{place} is not made of numbers: {reprlib.repr(item)}") from error
    if numbers.shape == (len(BOX_COLUMNS),):
        return box_of(numbers.tolist(), place)
    if numbers.shape == (len(POINT_COLUMNS),):
        return point_of(numbers.tolist(), place)
    raise PromptError(
        f"{place} is neither a box (xmin, ymin, xmax, ymax), nor a point (x, y), nor a shapely "
        f"geometry: {item!r}"
    )
