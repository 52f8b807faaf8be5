"""`sam-geo`: from rasters to polygons on the command line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common import console
from sam_common.options import Arch, Device, Engine, Json, Precision, Quiet, command_line
from sam_geo.cli_options import (
    Bands,
    DryRun,
    DstCrs,
    Embeddings,
    Image,
    Model,
    Output,
    Overlay,
    Overwrite,
    Regularize,
    Resume,
    Simplify,
    StretchText,
    Workers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.segmenter import Segmenter

EXIT_FAILED = 3
"""Exit code where a window failed for a technical reason; everything else is written."""
NOTICE = "For research and mapping."

app = command_line(f"Polygons from georeferenced rasters with SAM networks. {NOTICE}")


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
    output: Output,
    model: Model = "mobile_sam",
    arch: Arch = None,
    bands: Bands = None,
    stretch: StretchText = None,
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
    polygon_masks: Annotated[
        bool,
        typer.Option(
            "--polygon-masks",
            help="Start from the polygons themselves, not from their boxes alone.",
        ),
    ] = False,
    simplify: Simplify = None,
    regularize: Regularize = None,
    dst_crs: DstCrs = None,
    embeddings: Embeddings = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    overlay: Overlay = None,
    workers: Workers = 1,
    dry_run: DryRun = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the object of each prompt; write one row per prompt with its polygon.

    Beside OUT.gpkg lie OUT.job.json, which says what it was made with, and OUT.qml, a style for
    QGIS. The exit code is 3 where a window failed for a technical reason, 2 where the job could
    not run.
    """
    from sam_geo.finish import Finish  # noqa: PLC0415  # --help must stay fast
    from sam_geo.jobs import dry_run_prompts, run_request  # noqa: PLC0415
    from sam_geo.request import PromptRequest  # noqa: PLC0415

    request = PromptRequest(
        image=image,
        prompts=prompts,
        output=output,
        overlay=overlay,
        bands=_parse_bands(bands),
        stretch=stretch,
        prompts_crs=prompts_crs,
        prompts_layer=prompts_layer,
        polygon_masks=polygon_masks,
        finish=Finish(simplify=simplify, regularize=regularize, dst_crs=dst_crs),
        embeddings=embeddings,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
    )
    load = _loader(model, arch=arch, device=device, engine=engine, precision=precision)
    if dry_run:
        _show(dry_run_prompts(request, load), json_output=json_output)
        return
    progress = functools.partial(console.progress, quiet=quiet)
    _, record = run_request(request, load, progress=progress)
    what = f"{record['prompts']} prompts"
    _finish(record, what, output, json_output=json_output, quiet=quiet)


@app.command()
def auto(
    image: Image,
    *,
    output: Output,
    labels: Annotated[
        Path | None, typer.Option(help="Also write a label raster, as cloud-optimised GeoTIFF.")
    ] = None,
    model: Model = "mobile_sam",
    arch: Arch = None,
    bands: Bands = None,
    stretch: StretchText = None,
    tile_size: Annotated[
        int | None, typer.Option(min=16, help="Side of a window in pixels; the model's own input.")
    ] = None,
    overlap: Annotated[
        int, typer.Option(min=0, help="Pixels that neighbouring windows share.")
    ] = 128,
    points_per_side: Annotated[
        int, typer.Option(min=1, help="Points of the grid in one window, along each side.")
    ] = 32,
    pred_iou_thresh: Annotated[
        float, typer.Option(help="Least quality of a mask, as the network predicts it.")
    ] = 0.88,
    stability_score_thresh: Annotated[
        float, typer.Option(help="Least stability of a mask against its threshold.")
    ] = 0.95,
    box_nms_thresh: Annotated[
        float, typer.Option(help="Of two masks whose boxes overlap more, the better one stays.")
    ] = 0.7,
    crop_n_layers: Annotated[
        int, typer.Option(min=0, help="Look again at 4, 16, ... crops of each window.")
    ] = 0,
    min_mask_region_area: Annotated[
        int, typer.Option(min=0, help="Smaller holes and islands are filled and removed, pixels.")
    ] = 0,
    proposals: Annotated[
        Path | None,
        typer.Option(
            help="Vector file of boxes to try in place of the grid; models that take boxes only "
            "need it."
        ),
    ] = None,
    proposals_crs: Annotated[
        str | None, typer.Option(help="Reference system of that file, over what it says.")
    ] = None,
    superpixels: Annotated[
        bool,
        typer.Option(
            "--superpixels", help="Try the boxes of superpixels in place of the grid of points."
        ),
    ] = False,
    join: Annotated[
        bool,
        typer.Option(help="Look beyond a window's edge for the rest of objects that end there."),
    ] = True,
    min_area_m2: Annotated[
        float, typer.Option(help="Leave smaller objects out (pixels where there is no CRS).")
    ] = 0.0,
    simplify: Simplify = None,
    regularize: Regularize = None,
    dst_crs: DstCrs = None,
    embeddings: Embeddings = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    overlay: Overlay = None,
    workers: Workers = 1,
    dry_run: DryRun = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment everything in a raster of any size; objects across windows become one.

    Beside OUT.gpkg lie OUT.job.json and OUT.qml, while the job runs OUT.gpkg.parts, from which
    --resume goes on. The exit code is 3 where a window failed for a technical reason, 2 where the
    job could not run.
    """
    from sam_common.everything import EverythingOptions  # noqa: PLC0415  # --help must stay fast
    from sam_geo.auto import AutoOptions  # noqa: PLC0415
    from sam_geo.finish import Finish  # noqa: PLC0415
    from sam_geo.jobs import dry_run_auto, run_auto  # noqa: PLC0415
    from sam_geo.request import AutoRequest  # noqa: PLC0415

    grid = EverythingOptions(
        points_per_side=points_per_side,
        pred_iou_thresh=pred_iou_thresh,
        stability_score_thresh=stability_score_thresh,
        box_nms_thresh=box_nms_thresh,
        crop_n_layers=crop_n_layers,
        min_mask_region_area=min_mask_region_area,
    )
    request = AutoRequest(
        image=image,
        output=output,
        labels=labels,
        overlay=overlay,
        bands=_parse_bands(bands),
        stretch=stretch,
        options=AutoOptions(tile_size, overlap, grid, superpixels, join),
        proposals=proposals,
        proposals_crs=proposals_crs,
        finish=Finish(min_area_m2, simplify, regularize, dst_crs),
        embeddings=embeddings,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
    )
    load = _loader(model, arch=arch, device=device, engine=engine, precision=precision)
    if dry_run:
        _show(dry_run_auto(request, load), json_output=json_output)
        return
    progress = functools.partial(console.progress, quiet=quiet)
    record = run_auto(request, load, progress=progress)
    what = f"{record['objects']} objects"
    _finish(record, what, output, json_output=json_output, quiet=quiet)


@app.command()
def encode(
    image: Image,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the embeddings.")],
    model: Model = "mobile_sam",
    arch: Arch = None,
    bands: Bands = None,
    stretch: StretchText = None,
    max_gb: Annotated[
        float | None, typer.Option(help="Size at which the oldest embeddings are removed, in GB.")
    ] = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep the embeddings of a whole raster: prompts with --embeddings then run no encoder.

    A window of 1024 x 1024 pixels takes 4 MiB; windows overlap by half. What lies in the folder is
    not made again, so the same command goes on after an interrupt.
    """
    from sam_geo.encode import encode_raster  # noqa: PLC0415  # --help must stay fast
    from sam_geo.source import open_raster  # noqa: PLC0415
    from sam_geo.stretch import choose_stretch  # noqa: PLC0415

    load = _loader(model, arch=arch, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    with open_raster(image, bands=_parse_bands(bands)) as source:
        figures = encode_raster(
            source,
            load(),
            choose_stretch(source, given=stretch),
            output,
            max_bytes=None if max_gb is None else int(max_gb * 1e9),
            progress=progress,
        )
    _show(figures, json_output=json_output)
    if figures["failed"]:
        console.note(f"error: {len(figures['failed'])} windows failed: {figures['failed'][0]}")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def info(
    image: Image, *, bands: Bands = None, stretch: StretchText = None, json_output: Json = False
) -> None:
    """Show what a raster is, and what a job would do with it."""
    from sam_geo.info import describe_raster  # noqa: PLC0415  # --help must stay fast
    from sam_geo.source import open_raster  # noqa: PLC0415

    with open_raster(image, bands=_parse_bands(bands)) as source:
        facts = describe_raster(source, stretch=stretch)
    if json_output:
        console.emit_json(facts)
        return
    notes = facts.pop("notes")
    _show(facts, json_output=False)
    for note in notes:
        typer.echo(f"- {note}")


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


def _note_names(output: Path) -> None:
    """Say what the names of columns become in a Shapefile."""
    from sam_geo.sink import SHORT_NAMES  # noqa: PLC0415  # --help must stay fast

    if output.suffix.lower() == ".shp":
        short = ", ".join(f"{name} is {other}" for name, other in SHORT_NAMES.items())
        console.note(
            f"warning: a Shapefile's column names have 10 characters at most: {short}; "
            f"a .gpkg keeps them"
        )


def _finish(
    record: dict[str, Any], what: str, output: Path, *, json_output: bool, quiet: bool
) -> None:
    """The last words of a job, and its exit code."""
    _note_names(output)
    if json_output:
        console.emit_json({"output": output, **record})
    elif not quiet:
        counts = ", ".join(f"{count} {status}" for status, count in record["counts"].items())
        typer.echo(
            f"{what}: {counts or 'none'}; {_count(record['windows'], 'window')}, "
            f"{_count(record['embeddings'], 'embedding')}, "
            f"{record['seconds']['total']:.1f} s; {output}"
        )
    if failures := record["failures"]:
        console.note(
            f"error: {len(failures)} of {_count(record['windows'], 'window')} failed: "
            f"{failures[0]} (run again with --resume to try them once more)"
        )
        raise typer.Exit(EXIT_FAILED)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _show(facts: dict[str, Any], *, json_output: bool) -> None:
    if json_output:
        console.emit_json(facts)
    else:
        console.table("", ["property", "value"], [[name, _plain(v)] for name, v in facts.items()])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "none" if value is None else str(value)


if __name__ == "__main__":
    main()
