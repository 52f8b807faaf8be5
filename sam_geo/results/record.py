"""The record beside a result: what went in, what was used, what came out."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio

from sam_common import __version__
from sam_common.support.addresses import public_name
from sam_common.support.files import write_bytes
from sam_geo.raster.fingerprint import file_facts
from sam_geo.tables.side_files import side_path

if TYPE_CHECKING:
    import os

    from sam_common.segmenter.predictor import Segmenter
    from sam_geo.raster.stretch import Stretch

PACKAGES = (
    "geopandas",
    "numpy",
    "openvino",
    "pyarrow",
    "pyogrio",
    "pyproj",
    "rasterio",
    "shapely",
    "torch",
)


def manifest_path(output: str | os.PathLike[str]) -> Path:
    """`trees.gpkg` has its record in `trees.job.json`, beside `trees.shp` in `trees.gpkg.job.json`.

    >>> manifest_path("out/trees.gpkg").name
    'trees.job.json'
    """
    return side_path(output, ".job.json", _is_record_of)


def _is_record_of(path: Path, table: str) -> bool:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return bool(record["parameters"]["table"] == table)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def fingerprint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What identifies an input: path, size, date and a sha256.

    Returns:
        `path`, without secrets of an address, and what `file_facts` gives of a local file.
    """
    file = Path(path)
    known = {"path": public_name(path)}
    return known | file_facts(file) if file.is_file() else known


def describe_run(
    segmenter: Segmenter,
    stretch: Stretch,
    *,
    inputs: Mapping[str, str | os.PathLike[str] | Mapping[str, Any]],
    parameters: Mapping[str, Any],
    results: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Everything that is needed to run a job again and to judge its result.

    Args:
        segmenter: What ran it.
        stretch: How values became bytes.
        inputs: Files as they were named, and rasters as their `identity`, by what they are.
        parameters: Options of the job.
        results: Counts and other figures of what came out.
        seconds: Time of the steps.

    Returns:
        Plain values, ready for JSON.
    """
    limits = stretch.limits
    return {
        "inputs": {
            name: dict(given) if isinstance(given, Mapping) else fingerprint(given)
            for name, given in inputs.items()
        },
        "model": {
            "name": segmenter.name,
            "sha256": segmenter.sha256,
            "engine": segmenter.engine,
            "precision": segmenter.precision,
            "device": segmenter.device,
            "input_px": segmenter.model_size,
        },
        "parameters": dict(parameters),
        "stretch": None if limits is None else [list(pair) for pair in limits],
        **results,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "versions": _versions(),
    }


def write_manifest(record: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a record as JSON, whole or not at all; it is read again before it takes its name."""
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def _versions() -> dict[str, str]:
    return {
        "sam-geomed": __version__,
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        **{name: _version(name) for name in PACKAGES},
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # OpenVINO is an extra
        return "not installed"
