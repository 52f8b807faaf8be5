"""Kept objects: outlines and features of objects in a file, so that nothing is encoded again.

The file is GeoParquet: QGIS shows it, and its columns are the features. What the features were made
from stands in its metadata, and a file of another image, network or option is refused.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from sam_common.errors import InputError
from sam_common.support.differences import differences
from sam_common.support.files import atomic_output, check_input, writing
from sam_geo.bands.embedding_axes import EmbeddingAxes
from sam_geo.object_features.measure import ObjectFeatures
from sam_geo.raster.frame import corners_to_world, index_to_corners, world_to_corners

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import numpy.typing as npt

    from sam_geo.raster.source import RasterSource

    FloatArray = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]
    Shapes = npt.NDArray[np.object_]

FORMAT = "sam-geo objects 1"
"""What the note of such a file begins with."""
NOTE = b"sam_geo"
"""Key of the note in the metadata of the file."""
SUFFIX = ".parquet"
ELSEWHERE = "elsewhere"
"""Column that marks what is no object."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredObjects:
    """Objects of a raster with their features."""

    shapes: Shapes
    """(N,) polygons in raster indices, x before y."""
    table: FloatArray
    """(N, F) features, NaN where there is none."""
    features: ObjectFeatures
    axes: EmbeddingAxes | None = None
    """The network whose embedding is among the features; None where there is none."""
    elsewhere: Mask | None = None
    """(N,) whether each is no object, but the outline of one in another place; None for no one."""

    @property
    def is_object(self) -> Mask:
        """(N,) whether each is an object."""
        if self.elsewhere is None:
            return np.ones(len(self.shapes), dtype=np.bool_)
        return ~self.elsewhere

    def only(self, rows: Mask) -> MeasuredObjects:
        """Some of the objects."""
        moved = None if self.elsewhere is None else self.elsewhere[rows]
        return MeasuredObjects(self.shapes[rows], self.table[rows], self.features, self.axes, moved)

    @property
    def has_data(self) -> npt.NDArray[np.bool_]:
        """(N,) whether any pixel of an object has a value."""
        bands = self.table[:, : len(self.features.spectral)]
        return np.asarray(np.isfinite(bands).any(axis=1))

    def with_more(self, other: MeasuredObjects) -> MeasuredObjects:
        """These objects, and others with the same features after them."""
        return MeasuredObjects(
            np.concatenate([self.shapes, other.shapes]),
            np.concatenate([self.table, other.table]),
            self.features,
            self.axes,
            np.concatenate([~self.is_object, ~other.is_object]),
        )


def world_shapes(shapes: Shapes, grid: RasterSource) -> Shapes:
    """(N,) shapes in raster indices, put into the reference system of the raster."""
    frame = grid.frame
    moved = shapely.transform(shapes, lambda xy: corners_to_world(index_to_corners(xy), frame))
    return np.asarray(moved, dtype=object)


def save_objects(
    objects: MeasuredObjects,
    path: str | os.PathLike[str],
    grid: RasterSource,
    origin: Mapping[str, Any],
) -> None:
    """Write objects to a file, whole or not at all.

    Args:
        objects: The objects.
        path: The file, a .parquet.
        grid: Their raster.
        origin: Everything that decides them, as values for JSON.

    Raises:
        OutputError: The file cannot be written.
    """
    note: dict[str, Any] = {
        "format": FORMAT,
        "origin": origin,
        "bands": objects.features.band_names,
        "network": None,
    }
    if (axes := objects.axes) is not None:
        note["network"] = {"name": axes.network, "sha256": axes.sha256, "axes": axes.count}
        note["network"] |= {"mean": _text(axes.mean), "weights": _text(axes.axes)}
    columns = dict(zip(objects.features.names, objects.table.T, strict=True))
    table = geopandas.GeoDataFrame(
        {ELSEWHERE: ~objects.is_object, **columns},
        geometry=world_shapes(objects.shapes, grid),
        crs=grid.crs,
    )
    with atomic_output(path) as part, writing(path, pa.ArrowException):
        table.to_parquet(part)
        written = pq.read_table(part)
        metadata = {**(written.schema.metadata or {}), NOTE: json.dumps(note).encode()}
        pq.write_table(written.replace_schema_metadata(metadata), part)


def load_objects(
    path: str | os.PathLike[str], grid: RasterSource, origin: Mapping[str, Any]
) -> MeasuredObjects:
    """Read objects that `save_objects` wrote.

    Args:
        path: The file.
        grid: The raster that they are to be of.
        origin: What is to have decided them.

    Raises:
        InputError: There is no such file, it is of another kind, or of another image, network or
            option; the message says what differs.
    """
    check_input(path)
    try:
        written = pq.ParquetFile(path)
        note = json.loads((written.schema_arrow.metadata or {})[NOTE])
        known, is_ours = note["origin"], note["format"] == FORMAT
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} holds no candidates with features ({type(error).__name__}): give a file that "
            f"sam-geo similar wrote, or another name"
        ) from error
    # through JSON once, so that tuples compare equal to lists
    differing = differences(known, json.loads(json.dumps(dict(origin))))
    if differing or not is_ours:
        raise InputError(
            f"{path} holds candidates of another job ({'; '.join(differing) or 'another version'}):"
            f" name another file by --keep-candidates, or delete it to make them anew"
        )
    network, axes = note["network"], None
    if network is not None:
        weights = _array(network["weights"]).reshape(-1, network["axes"])
        mean = _array(network["mean"])
        axes = EmbeddingAxes(network["name"], network["sha256"], mean, weights)
    features = ObjectFeatures(tuple(note["bands"]), 0 if axes is None else axes.count)
    frame = grid.frame
    table = geopandas.read_parquet(Path(path))
    shapes = shapely.transform(
        table.geometry.to_numpy(), lambda xy: world_to_corners(xy, frame) - 0.5
    )
    values = table[list(features.names)].to_numpy(dtype=np.float32)
    moved = table[ELSEWHERE].to_numpy(dtype=np.bool_)
    return MeasuredObjects(np.asarray(shapes, dtype=object), values, features, axes, moved)


def _text(values: FloatArray) -> str:
    """Values as text of bytes, small end first."""
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _array(text: str) -> FloatArray:
    """The values (K,) of `_text`."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)
