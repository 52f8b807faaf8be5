"""`sam-geo`: from rasters to polygons on the command line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common import console
from sam_common.options import Arch, Device, Engine, Json, Precision, Quiet, command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.segmenter import Segmenter

EXIT_FAILED = 1
"""Exit code where a prompt failed for a technical reason; the other rows are written."""
NOTICE = "For research and mapping."

app = command_line(f"Polygons from georeferenced rasters with SAM networks. {NOTICE}")

Image = Annotated[str, typer.Argument(help="A raster that GDAL opens: GeoTIFF, VRT, JPEG, ...")]
Bands = Annotated[
    str | None,
    typer.Option(help="One band or three, such as 4,3,2; red, green, blue where not given."),
]


@app.command("prompt")
def prompt_command(
    image: Image,
    prompts: Annotated[
        Path,
        typer.Argument(
            help="Boxes, polygons or points: a vector file, Pascal VOC XML or CSV in pixels."
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Table to write: .gpkg, .fgb, .geojson or .parquet."),
    ],
    model: Annotated[str, typer.Option(help="Name in the registry, or a file.")] = "mobile_sam",
    arch: Arch = None,
    bands: Bands = None,
    prompts_crs: Annotated[
        str | None,
        typer.Option(
            help="Reference system of the prompts, such as EPSG:4326, over what their file says; "
            "pixel for pixel coordinates."
        ),
    ] = None,
    prompts_layer: Annotated[
        str | None, typer.Option(help="Layer of a vector file that has several.")
    ] = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw the result over the image, as PNG or JPEG.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.")
    ] = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the object of each prompt; write one row per prompt with its polygon.

    Beside OUT.gpkg lies OUT.job.json, which says what it was made with. The exit code is 1 where
    a prompt failed for a technical reason, 2 where the job could not run.
    """
    from sam_geo.jobs import PromptRequest, run_request  # noqa: PLC0415  # --help must stay fast

    request = PromptRequest(
        image=image,
        prompts=prompts,
        output=output,
        overlay=overlay,
        bands=_parse_bands(bands),
        prompts_crs=prompts_crs,
        prompts_layer=prompts_layer,
        overwrite=overwrite,
    )
    load = _loader(model, arch=arch, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    job, record = run_request(request, load, progress=progress)
    if json_output:
        console.emit_json({"output": output, **record})
    elif not quiet:
        typer.echo(_summary(record, output))
    if job.failures:
        failed = job.counts["failed"]
        console.note(f"error: {failed} of {len(job.prompts)} prompts failed: {job.failures[0]}")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def info(image: Image, *, bands: Bands = None, json_output: Json = False) -> None:
    """Show what a raster is, and which bands and stretch a job would use."""
    from sam_geo.info import describe_raster  # noqa: PLC0415  # --help must stay fast
    from sam_geo.source import open_raster  # noqa: PLC0415

    with open_raster(image, bands=_parse_bands(bands)) as source:
        facts = describe_raster(source)
    if json_output:
        console.emit_json(facts)
    else:
        console.table("", ["property", "value"], [[name, _plain(v)] for name, v in facts.items()])


@app.command()
def demo(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the 61 trees of an aerial image; write trees.gpkg and trees_overlay.png.

    Fetches the image and the network once. Files of an earlier demo are replaced.
    """
    from sam_geo import demo as job  # noqa: PLC0415  # --help must stay fast

    load = _loader("mobile_sam", arch=None, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    figures = job.run(output, load, progress=progress, quiet=quiet)
    if json_output:
        console.emit_json(figures)
    else:
        console.table("Trees of NEON OSBS (mobile_sam)", list(figures), [list(figures.values())])


def main() -> None:
    """Entry point of `sam-geo`."""
    console.run(app)


def _loader(model: str, **settings: Any) -> Callable[[], Segmenter]:
    def load() -> Segmenter:
        from sam_common.segmenter import load_segmenter  # noqa: PLC0415  # --help must stay fast

        return load_segmenter(model, **settings)

    return load


def _parse_bands(text: str | None) -> tuple[int, ...] | None:
    from sam_common.errors import InputError  # noqa: PLC0415  # only where something is parsed

    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"bands are numbers with commas, such as 4,3,2, got {text!r}") from error


def _summary(record: dict[str, Any], output: Path) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in record["counts"].items())
    return (
        f"{record['prompts']} prompts: {counts}; {record['windows']} windows, "
        f"{record['embeddings']} embeddings, {record['seconds']['total']:.1f} s; {output}"
    )


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "none" if value is None else str(value)


if __name__ == "__main__":
    main()
