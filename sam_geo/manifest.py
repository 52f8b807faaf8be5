"""The record beside a result: what went in, what was used, what came out."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio

from sam_common import __version__
from sam_common.files import write_bytes
from sam_geo.side_files import side_path

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sam_common.segmenter import Segmenter
    from sam_geo.stretch import Stretch

WHOLE_BYTES = 64 * 2**20
"""A larger file is known by its size, its date and its two ends: hashing 40 GB takes minutes."""
END_BYTES = 2**20
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
        `sha256` of the whole file up to 64 MiB, `sha256_ends` of its first and last MiB beyond;
        only the path of something that is not a local file.
    """
    file = Path(path)
    if not file.is_file():
        return {"path": str(path)}
    status = file.stat()
    known = {"path": str(path), "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    with file.open("rb") as stream:
        if status.st_size <= WHOLE_BYTES:
            return known | {"sha256": hashlib.sha256(stream.read()).hexdigest()}
        digest = hashlib.sha256(stream.read(END_BYTES))
        stream.seek(-END_BYTES, 2)
        digest.update(stream.read(END_BYTES))
    return known | {"sha256_ends": digest.hexdigest()}


def describe_run(
    segmenter: Segmenter,
    stretch: Stretch,
    *,
    inputs: Mapping[str, str | os.PathLike[str]],
    parameters: Mapping[str, Any],
    results: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Everything that is needed to run a job again and to judge its result.

    Args:
        segmenter: What ran it.
        stretch: How values became bytes.
        inputs: Files and addresses as they were named, by what they are.
        parameters: Options of the job.
        results: Counts and other figures of what came out.
        seconds: Time of the steps.

    Returns:
        Plain values, ready for JSON.
    """
    limits = stretch.limits
    return {
        "inputs": {name: fingerprint(path) for name, path in inputs.items()},
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
