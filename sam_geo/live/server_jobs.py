"""Server jobs of a live raster: many prompts at once, and everything in the raster."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from sam_common.automatic.options import EverythingOptions
from sam_common.detectors.catalogue import DEFAULT, detector_info
from sam_common.detectors.load import load_detector
from sam_common.errors import InputError
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto
from sam_geo.live.example_jobs import landcover_job, similar_job
from sam_geo.live.files import check_systems, without_path
from sam_geo.live.progress import Steps
from sam_geo.prompted.segment import RunOptions, run_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster
from sam_geo.tables.write import write_table
from sam_geo.words.options import WordOptions
from sam_geo.words.segment import run_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sam_common.detectors.detector import Detector
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.live_source import Reporter
    from sam_geo.prompted.segment import PromptJob
    from sam_geo.raster.stretch import Stretch


@dataclass(frozen=True, slots=True, eq=False)
class SessionRaster:
    """The raster of a session: a job opens its file again, with the bands and stretch in use."""

    path: Path
    bands: tuple[int, ...]
    """1-based numbers of one or three bands."""
    stretch: Stretch
    segmenter: Segmenter


def run_server_job(
    kind: str, request: Mapping[str, Any], folder: Path, raster: SessionRaster, reporter: Reporter
) -> dict[str, Any]:
    """Run a job that a client asks for, and leave its tables in a folder.

    Args:
        kind: `prompts`, `words`, `automatic`, or one of `sam_geo.live.example_jobs`.
        request: `prompts` (GeoJSON), `prompts_crs` and `one_class`; `text`, `detector` (a name),
            `threshold` and `window`; or `options` of the automatic job.
        folder: Folder of the tables: `objects.gpkg`, of prompts and words also `objects.geojson`.
        raster: The raster of the session.
        reporter: Hears of the progress, and may raise to cancel the job.

    Returns:
        `counts` (objects by status), `failures` (messages without the raster's path) and
        `embeddings` (encoder runs), of an automatic job also `objects`, `windows` and
        `windows_nodata`, of words `found` (objects by phrase), of points of one class `notes`.

    Raises:
        InputError: There is no job of this kind, or one of its options is wrong.
    """
    learned = {"similar": similar_job, "landcover": landcover_job}
    if kind in learned:
        return learned[kind](request, folder, raster.path, raster.segmenter, reporter)
    work = {"prompts": _prompts, "words": _words, "automatic": _automatic}
    if kind not in work:
        raise InputError(f"no job {kind} for a raster (known: {', '.join([*work, *learned])})")
    return work[kind](request, folder, raster, reporter)


def _prompts(
    request: Mapping[str, Any], folder: Path, raster: SessionRaster, reporter: Reporter
) -> dict[str, Any]:
    """Segment the prompts of a client."""
    steps = Steps(reporter)
    check_systems(request["prompts"], request.get("prompts_crs"))
    with open_raster(raster.path, bands=raster.bands) as source:
        prompts = load_prompts(request["prompts"], source, crs=request.get("prompts_crs"))
        found = run_prompts(
            source,
            prompts,
            steps.segmenter(raster.segmenter),
            progress=steps.progress,
            options=RunOptions(raster.stretch, one_class=bool(request.get("one_class"))),
        )
    told = _written(found, folder, raster)
    return told if found.choice is None else {**told, "notes": found.choice.notes}


def _words(
    request: Mapping[str, Any], folder: Path, raster: SessionRaster, reporter: Reporter
) -> dict[str, Any]:
    """Look for the words of a client, and segment what is found."""
    steps = Steps(reporter)
    name = request.get("detector") or DEFAULT
    # a client names no folder of the server
    detector_info(name)
    words = WordOptions(
        tuple(request["text"]), name, request.get("threshold"), request.get("window")
    )
    with steps.progress("detector", 1) as advance:
        detector = _detector(name)
        advance(1)
    with open_raster(raster.path, bands=raster.bands) as source:
        found, boxes = run_words(
            source,
            words,
            (detector, steps.segmenter(raster.segmenter)),
            RunOptions(raster.stretch),
            progress=steps.progress,
        )
    told = _written(found, folder, raster)
    told["failures"] = [*_unnamed(boxes.report.messages, raster), *told["failures"]]
    return {**told, "found": boxes.counts(words.phrases)}


@functools.lru_cache(maxsize=1)
def _detector(name: str) -> Detector:
    """A detector, of which the last one stays in memory."""
    return load_detector(name, quiet=True)


def _written(found: PromptJob, folder: Path, raster: SessionRaster) -> dict[str, Any]:
    """Write the tables of a job of prompts, and give its summary."""
    for suffix in (".gpkg", ".geojson"):
        write_table(found.table, folder / f"objects{suffix}")
    return {
        "counts": found.counts,
        "failures": _unnamed(found.failures, raster),
        "embeddings": found.embeddings,
    }


def _automatic(
    request: Mapping[str, Any], folder: Path, raster: SessionRaster, reporter: Reporter
) -> dict[str, Any]:
    """Segment everything in the raster of a session."""
    wanted = AutoRequest(
        image=str(raster.path),
        output=folder / "objects.gpkg",
        bands=raster.bands,
        stretch=raster.stretch,
        options=auto_options(request.get("options") or {}),
    )
    steps = Steps(reporter)
    segmenter = steps.segmenter(raster.segmenter)
    record = run_auto(wanted, lambda: segmenter, progress=steps.progress)
    for path in folder.iterdir():
        # a client fetches the table alone: its record and style name files of the server
        if path.is_file() and path.suffix != ".gpkg":
            path.unlink()
    names = ("counts", "objects", "windows", "windows_nodata", "failures", "embeddings")
    record["failures"] = _unnamed(record["failures"], raster)
    return {name: record[name] for name in names}


def auto_options(given: Mapping[str, Any]) -> AutoOptions:
    """Options of an automatic job from their names and values.

    Args:
        given: Members of `AutoOptions` and of its `everything`, in one mapping.

    Raises:
        InputError: A name is unknown, or a value is of another type.
        GeometryError: The windows make no sense.
    """
    prompts = {each.name: each for each in fields(EverythingOptions)}
    tiles = {each.name: each for each in fields(AutoOptions) if each.name != "everything"}
    if unknown := sorted(set(given) - set(prompts) - set(tiles)):
        known = ", ".join([*tiles, *prompts])
        raise InputError(f"unknown option {unknown[0]!r} (known: {known})")
    for name, value in given.items():
        is_flag = name in {"superpixels", "join"}
        if isinstance(value, bool) != is_flag or not isinstance(value, bool | int | float):
            raise InputError(f"option {name} is {'a flag' if is_flag else 'a number'}: {value!r}")
        whole = "int" in str({**prompts, **tiles}[name].type)
        if whole and not isinstance(value, int):
            raise InputError(f"option {name} is a whole number, got {value!r}")
    everything = EverythingOptions(**{k: v for k, v in given.items() if k in prompts})
    return replace(
        AutoOptions(everything=everything), **{k: v for k, v in given.items() if k in tiles}
    )


def _unnamed(failures: Sequence[str], raster: SessionRaster) -> list[str]:
    """Messages of failed windows without the path of the raster."""
    return [without_path(failure, raster.path) for failure in failures]
