"""The record beside a result: the inputs, model, options, counts and times of a job, as JSON."""

from __future__ import annotations

import json
import platform
import threading
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    from collections.abc import Iterable, Iterator

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
"""Distributions whose versions can change a result."""


@dataclass(frozen=True, slots=True, eq=False)
class StepTimes:
    """Seconds that each step of a job took, added up over all its threads."""

    seconds: dict[str, float] = field(default_factory=dict)
    """By the name of the step, in the order of the record."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the wall time of the block to a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start


def manifest_path(output: str | os.PathLike[str]) -> Path:
    """Where the record of a table lies: `trees.job.json` for `trees.gpkg`.

    Where `trees.shp` lies beside it, the record of `trees.gpkg` is `trees.gpkg.job.json`.

    >>> manifest_path("out/trees.gpkg").name
    'trees.job.json'
    """
    return side_path(output, ".job.json", _is_record_of)


def _is_record_of(path: Path, table: str) -> bool:
    """Whether a file is the record of a table of this name."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return bool(record["parameters"]["table"] == table)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def fingerprint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Identify an input of a job by its path and, where it is a local file, by its content.

    Returns:
        `path`, without the secrets of an address. Of a local file also `bytes`, `mtime_ns` and its
        hash, as `sam_geo.raster.fingerprint.file_facts` gives them.
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
    """The record of a job: what is needed to run it again and to judge its result.

    Args:
        segmenter: The segmenter that the job ran with.
        stretch: How raster values became bytes.
        inputs: By their role (`image`, `prompts`, ...) paths of files, or the `identity` of a
            raster.
        parameters: Options of the job.
        results: Counts and other figures of the result; each becomes an entry of its own.
        seconds: Wall time of each step in seconds.

    Returns:
        The entries `inputs, parameters, model, stretch` (lo and hi of each band; None for bytes as
        they are), those of `results`, `seconds` and `versions`, as plain values for JSON.
    """
    limits = stretch.limits
    own = {
        "model": network_facts(segmenter),
        "stretch": None if limits is None else [list(pair) for pair in limits],
    }
    return job_record(
        inputs=inputs, parameters=parameters, results={**own, **results}, seconds=seconds
    )


def network_facts(segmenter: Segmenter) -> dict[str, Any]:
    """Name, sha256 of the checkpoint, engine, precision, device and input of a network."""
    return {
        "name": segmenter.name,
        "sha256": segmenter.sha256,
        "engine": segmenter.engine,
        "precision": segmenter.precision,
        "device": segmenter.device,
        "input_px": segmenter.model_size,
    }


def job_record(
    *,
    inputs: Mapping[str, str | os.PathLike[str] | Mapping[str, Any]],
    parameters: Mapping[str, Any],
    results: Mapping[str, Any],
    seconds: Mapping[str, float],
    packages: Iterable[str] = (),
) -> dict[str, Any]:
    """The frame that every record of a job has.

    Args:
        inputs: By their role, paths of files, or facts that identify them.
        parameters: Options of the job.
        results: Counts and other figures of the result; each becomes an entry of its own.
        seconds: Wall time of each step in seconds.
        packages: Distributions beside those of every job whose versions can change the result.

    Returns:
        The entries `inputs, parameters`, those of `results`, `seconds` and `versions`, as plain
        values for JSON.
    """
    return {
        "inputs": {
            name: dict(given) if isinstance(given, Mapping) else fingerprint(given)
            for name, given in inputs.items()
        },
        "parameters": dict(parameters),
        **results,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "versions": versions(packages),
    }


def write_manifest(record: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a record as JSON, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
        ValueError: A number is NaN or infinite, which JSON cannot hold.
    """
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Versions of this project, of Python, GDAL and the packages that can change a result.

    Args:
        more: Distributions beside those of every job.
    """
    return {
        "sam-geomed": __version__,
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        **{name: _version(name) for name in (*PACKAGES, *more)},
    }


def _version(distribution: str) -> str:
    """Version of an installed distribution."""
    try:
        return version(distribution)
    except PackageNotFoundError:  # OpenVINO is an extra
        return "not installed"
