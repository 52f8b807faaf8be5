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
from sam_common.files import atomic_output

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sam_common.segmenter import Segmenter
    from sam_geo.segment import PromptJob

WHOLE_BYTES = 64 * 2**20
"""A larger file is known by its size, its date and its two ends: hashing 40 GB takes minutes."""
END_BYTES = 2**20
PACKAGES = ("geopandas", "numpy", "openvino", "pyogrio", "pyproj", "rasterio", "shapely", "torch")


def manifest_path(output: str | os.PathLike[str]) -> Path:
    """`trees.gpkg` has its record in `trees.job.json`.

    >>> manifest_path("out/trees.gpkg").name
    'trees.job.json'
    """
    return Path(output).with_suffix(".job.json")


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


def describe_job(
    job: PromptJob,
    segmenter: Segmenter,
    *,
    image: str | os.PathLike[str],
    prompts: str | os.PathLike[str],
    parameters: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Everything that is needed to run a job again and to judge its result.

    Args:
        job: The finished job.
        segmenter: What ran it.
        image: The raster, as it was named.
        prompts: The file of prompts, as it was named.
        parameters: Options of the job.
        seconds: Wall time of steps beside those that the job knows.

    Returns:
        Plain values, ready for JSON.
    """
    placed = sum(len(read.prompts) for read in job.windows)
    limits = job.stretch.limits
    return {
        "inputs": {"image": fingerprint(image), "prompts": fingerprint(prompts)},
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
        "prompts": len(job.prompts),
        "counts": job.counts,
        "windows": len(job.windows),
        "embeddings": job.embeddings,
        "prompts_per_embedding": round(placed / job.embeddings, 2) if job.embeddings else None,
        "failures": list(job.failures),
        "seconds": {name: round(value, 3) for name, value in {**job.seconds, **seconds}.items()},
        "versions": _versions(),
    }


def write_manifest(record: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a record as JSON, whole or not at all."""
    with atomic_output(path) as part:
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")


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
