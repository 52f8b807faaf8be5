"""Options that several commands of `sam-geo` have, with one wording for each, and their values."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from sam_common.cli import options as common
from sam_common.executors.opened import opened_executor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sam_common.detectors.detector import Detector
    from sam_common.segmenter.predictor import Segmenter

Image = Annotated[
    str, typer.Argument(help="A raster that GDAL opens: GeoTIFF, COG, VRT, JPEG, https://, s3://")
]


def _output(path: Path) -> Path:
    """The path of a table, checked for a `=` or `-` that was not meant as a part of its name.

    Raises:
        typer.BadParameter: The name begins with `=`, or that of a GeoPackage with `-`.
    """
    if path.name.startswith("=") and len(path.parts) == 1:
        raise typer.BadParameter(
            f"a short option takes no '=': -o {path.name[1:]}, or --output={path.name[1:]}"
        )
    if path.name.startswith("-") and path.suffix.lower() == ".gpkg":
        raise typer.BadParameter(
            f"the layer of a GeoPackage cannot begin with '-': give another name than {path.name}"
        )
    return path


Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        callback=_output,
        help="Table to write: .gpkg, .fgb, .geojson, .parquet or .shp.",
    ),
]
Layer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        help="Layer of a .gpkg to write, or with --overwrite to replace: its other layers stay. "
        "The name of the file where not given.",
    ),
]
Model = Annotated[str, typer.Option(help="Name in the registry, or a file.")]
Bands = Annotated[
    str | None,
    typer.Option(help="One band or three, such as 4,3,2; red, green, blue where not given."),
]
Page = Annotated[
    int | None,
    typer.Option(
        min=1, help="Of a file that holds several rasters, such as a TIFF of several pages, from 1."
    ),
]
ImageCrs = Annotated[
    str | None,
    typer.Option(
        help="Reference system of the image, such as EPSG:32633, where its file has none or a "
        "wrong one."
    ),
]
StretchText = Annotated[
    str | None,
    typer.Option(
        "--stretch",
        help="Values that become black and white, min,max; or none. Chosen from the raster where "
        "not given: bytes as they are, else the 2nd and 98th percentile.",
    ),
]
Overlay = Annotated[
    Path | None, typer.Option(help="Also draw the result over the image, as PNG or JPEG.")
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="Also write a page, an .html in one file: picture, scores, and the doubtful objects."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would cost, from one window; stop there.")
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace outputs that exist; never what the job reads."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with an interrupted job; try failed windows again."),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        help="Windows at the same time, or workers of Dask to start; the result is the same.",
    ),
]
BlockWorkers = Annotated[
    int,
    typer.Option(
        min=1, help="Blocks at the same time, or workers of Dask to start; the result is the same."
    ),
]
PartsAt = Annotated[
    str | None,
    typer.Option(
        "--parts-at",
        help="Folder or address, such as s3://bucket/runs, in which OUT.parts lies in place of "
        "beside OUT; workers of Dask write into it. Every worker has to see it.",
    ),
]
Embeddings = Annotated[
    Path | None,
    typer.Option(help="Folder of embeddings (see encode): none that lies there is made again."),
]
DstCrs = Annotated[
    str | None, typer.Option(help="Reference system of the result; the raster's where not given.")
]
Simplify = Annotated[
    float | None,
    typer.Option(
        help="Fewer vertices: how far an outline may move, in units of the raster's system; edges "
        "that two polygons share stay shared."
    ),
]
Regularize = Annotated[
    float | None,
    typer.Option(
        help="Straight walls and right angles, for buildings: what may be straightened away, in "
        "units of the raster's system, a pixel or two."
    ),
]


class _Executable(Protocol):
    """A request of which windows can be worked on by an executor."""

    @property
    def workers(self) -> int:
        """Windows at the same time, or workers of Dask that are started here."""
        ...


R = TypeVar("R", bound=_Executable)


@contextmanager
def executing(
    request: R,
    kind: str,
    scheduler: str | None,
    resources: str | None,
    metrics: Path | None,
    *,
    quiet: bool,
) -> Iterator[R]:
    """A request with the executor that `--executor` and `--scheduler` ask for.

    Args:
        request: The request; its number of workers is that of workers of Dask to start.
        kind: `local` or `dask`.
        scheduler: Address of a scheduler that runs.
        resources: What each window takes of the resources of its workers.
        metrics: A .prom file for the counters of its workers.
        quiet: Whether nothing is said about the cluster.

    Yields:
        The request itself where windows are worked on by this process.

    Raises:
        SuiteError: There is no such executor or scheduler, or Dask is not installed.
    """
    tell = common.terminal_notes(quiet=quiet)
    opened = opened_executor(
        kind,
        scheduler=scheduler,
        workers=request.workers,
        resources=resources,
        metrics=metrics,
        tell=tell,
    )
    with opened as executor:
        yield request if executor is None else replace(request, executor=executor)  # type: ignore[type-var]


def loader(model: str, **settings: Any) -> Callable[[], Segmenter]:
    """A function that loads the segmenter of a command when the rest of the request is checked.

    Args:
        model: Name in the registry, or a file.
        **settings: As `sam_common.segmenter.load_segmenter` takes them.
    """

    def load() -> Segmenter:
        from sam_common.segmenter.predictor import load_segmenter  # noqa: PLC0415  # --help must stay fast

        return load_segmenter(model, **settings)

    return load


def finder(name: str, **settings: Any) -> Callable[[], Detector]:
    """A function that loads the detector of a command when the rest of the request is checked.

    Args:
        name: Name of a detector, or its folder.
        **settings: As `sam_common.detectors.load.load_detector` takes them.
    """

    def find() -> Detector:
        from sam_common.detectors.load import load_detector  # noqa: PLC0415  # --help must stay fast

        return load_detector(name, **settings)

    return find


def parse_bands(text: str | None) -> tuple[int, ...] | None:
    """The band numbers of an option such as `4,3,2`; None where it was not given.

    Raises:
        InputError: A part of the text is no whole number.
    """
    from sam_common.errors import InputError  # noqa: PLC0415  # only where something is parsed

    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"bands are numbers with commas, such as 4,3,2, got {text!r}") from error


def listed(text: str | None) -> tuple[str, ...]:
    """The parts of an option with commas, without spaces around them; none where it is not given.

    >>> listed("ndvi, ndwi,")
    ('ndvi', 'ndwi')
    """
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
