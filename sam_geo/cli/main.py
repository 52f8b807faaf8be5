"""The program `sam-geo`: its commands, and its entry point."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path
from typing import Annotated

import typer

from sam_common.cli import options as common
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.accuracy import assess_command, sample_command
from sam_geo.cli.auto import auto_command
from sam_geo.cli.change import change_command
from sam_geo.cli.finetune import finetune_command
from sam_geo.cli.landcover import landcover_command
from sam_geo.cli.messages import EXIT_FAILED, show
from sam_geo.cli.objects import classify_command, similar_command
from sam_geo.cli.prompt import prompt_command
from sam_geo.cli.view import view_command

NOTICE = "For research and mapping."
"""Intended use, as `--help` states it."""

app = common.command_line(f"Polygons from georeferenced rasters with SAM networks. {NOTICE}")
app.command("prompt")(prompt_command)
app.command("auto")(auto_command)
app.command("similar")(similar_command)
app.command("classify")(classify_command)
app.command("landcover")(landcover_command)
app.command("sample")(sample_command)
app.command("assess")(assess_command)
app.command("change")(change_command)
app.command("finetune")(finetune_command)
app.command("view")(view_command)


@app.command()
def encode(
    image: geo.Image,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the embeddings.")],
    model: geo.Model = "mobile_sam",
    arch: common.Arch = None,
    bands: geo.Bands = None,
    page: geo.Page = None,
    stretch: geo.StretchText = None,
    max_gb: Annotated[
        float | None, typer.Option(help="Size at which the oldest embeddings are removed, in GB.")
    ] = None,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    workers: geo.Workers = 1,
    executor: common.ExecutorKind = "local",
    scheduler: common.Scheduler = None,
    resources: common.Resources = None,
    metrics: common.Metrics = None,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Keep the embeddings of a whole raster: prompts with --embeddings then run no encoder.

    A window of 1024 x 1024 pixels takes 4 MiB; windows are those that boxes of up to half a window
    and points go to. What lies in the folder is not made again, so the same command goes on after
    an interrupt.
    """
    from sam_geo.jobs.request import EncodeRequest  # noqa: PLC0415
    from sam_geo.jobs.run import run_encode  # noqa: PLC0415  # --help must stay fast

    request = EncodeRequest(
        image=image,
        output=output,
        bands=geo.parse_bands(bands),
        page=page,
        stretch=stretch,
        model=model,
        max_bytes=None if max_gb is None else int(max_gb * 1e9),
        workers=workers,
    )
    load = geo.loader(model, arch=arch, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    with geo.executing(request, executor, scheduler, resources, metrics, quiet=quiet) as asked:
        figures = run_encode(asked, load, progress=progress)
    for note in figures.pop("notes"):
        console.note(f"warning: {note}")
    if not json_output:  # the lines at the end said so in words
        figures.pop("executor", None)
    show(figures, json_output=json_output)
    if figures["failed"]:
        console.note(f"error: {len(figures['failed'])} windows failed: {figures['failed'][0]}")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def info(
    image: geo.Image,
    *,
    bands: geo.Bands = None,
    page: geo.Page = None,
    image_crs: geo.ImageCrs = None,
    stretch: geo.StretchText = None,
    json_output: common.Json = False,
) -> None:
    """Show what a raster is, and what a job would do with it."""
    from sam_geo.jobs.raster_info import describe_raster  # noqa: PLC0415  # --help must stay fast
    from sam_geo.raster.source import open_raster  # noqa: PLC0415

    with open_raster(image, bands=geo.parse_bands(bands), page=page, crs=image_crs) as source:
        facts = describe_raster(source, stretch=stretch)
    if json_output:
        console.emit_json(facts)
        return
    notes = facts.pop("notes")
    show(facts, json_output=False)
    for note in notes:
        typer.echo(f"- {note}")


@app.command()
def demo(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Outline the 61 trees of an aerial image, map the land cover of a scanned sheet, write a page.

    index.html shows both, and what sam-med demo has put into the same folder. Images and network
    are fetched once. Files of an earlier demo are replaced.
    """
    from sam_geo.demo import run as job  # noqa: PLC0415  # --help must stay fast

    load = geo.loader("mobile_sam", arch=None, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    figures = job.run(output, load, progress=progress, quiet=quiet)
    if json_output:
        console.emit_json(figures)
        return
    for title, name in (("Trees from boxes", "trees"), ("Land cover from samples", "landcover")):
        row = figures[name]
        console.table(title, list(row), [list(row.values())])
    if not quiet:
        console.note(f"page: {figures['page']}")


def main() -> None:
    """Run the program `sam-geo`."""
    _show_proj_its_database()
    console.run(app)


def _show_proj_its_database() -> None:
    """Set `PROJ_DATA` to the database that rasterio brings, before any library is loaded.

    A part of GDAL asks PROJ without saying where its database lies. PROJ then complains on stderr,
    for example about a reference system in kilometres.
    """
    found = importlib.util.find_spec("rasterio")
    if (
        found is None
        or found.origin is None
        or not {"PROJ_DATA", "PROJ_LIB"}.isdisjoint(os.environ)
    ):
        return
    folder = Path(found.origin).with_name("proj_data")
    if folder.is_dir():  # only the wheels of rasterio bring a database
        os.environ["PROJ_DATA"] = str(folder)
