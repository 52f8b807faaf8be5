"""`sam-geo change`: two class maps, or two images, to the areas and polygons that changed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sam_common.cli import options as common
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.accuracy import SQUARE_METRES
from sam_geo.cli.messages import EXIT_FAILED, show


def change_command(
    before: Annotated[
        str,
        typer.Argument(
            help="The first class map, whose pixels are compared; with --apply the first image."
        ),
    ],
    after: Annotated[
        str,
        typer.Argument(help="The second one: any grid, extent and reference system, any numbers."),
    ],
    *,
    output: geo.Output,
    layer: geo.Layer = None,
    misregistration: Annotated[
        float,
        typer.Option(
            help="Pixels by which the maps may lie beside each other, along rows and columns: what "
            "that alone could explain is told."
        ),
    ] = 0.5,
    min_area_m2: Annotated[
        float, typer.Option(help="Leave smaller polygons out (pixels where there is no CRS).")
    ] = 0.0,
    min_pixels: Annotated[int, typer.Option(min=1, help="Leave polygons of fewer pixels out.")] = 1,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page about the change, an .html.")
    ] = None,
    unit: Annotated[
        Literal["m2", "ha", "km2"], typer.Option(help="Unit of the areas that are shown.")
    ] = "ha",
    apply: Annotated[
        Path | None,
        typer.Option(
            help="A model that landcover --save wrote: before and after are images, and a map is "
            "made of each first, beside the output."
        ),
    ] = None,
    band_names: Annotated[
        str | None,
        typer.Option(help="Names of the bands of both images in their order; from the files."),
    ] = None,
    model: geo.Model = "mobile_sam",
    workers: geo.BlockWorkers = 1,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    dry_run: geo.DryRun = False,
    resume: geo.Resume = False,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Compare two class maps: true areas from class to class, and polygons of what changed.

    With --apply, two images: OUT_before.tif and OUT_after.tif are the maps that the model makes of
    them. Classes are the same where their names are. Beside OUT.gpkg lie OUT.job.json, with all
    numbers, and OUT.qml, a style for QGIS. The areas count every change, also those whose polygons
    are left out for their size.
    """
    from sam_geo.change.dry_run import dry_run_change  # noqa: PLC0415
    from sam_geo.change.request import ChangeRequest  # noqa: PLC0415  # --help must stay fast
    from sam_geo.change.run import run_change  # noqa: PLC0415

    request = ChangeRequest(
        before=before,
        after=after,
        output=output,
        layer=layer,
        report=report,
        misregistration=misregistration,
        min_area_m2=min_area_m2,
        min_pixels=min_pixels,
        apply=apply,
        band_names=geo.listed(band_names) or None,
        network=model,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
    )
    load = geo.loader(model, arch=None, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    if dry_run:
        show(dry_run_change(request, load, progress=progress), json_output=json_output)
        return
    record = run_change(request, load, progress=progress)
    for note in record["notes"]:
        console.note(f"warning: {note}")
    if json_output:
        console.emit_json({"output": output, **record})
    elif not quiet:
        _show(record, output, unit)
    if failures := record["failures"]:
        console.note(
            f"error: {len(failures)} blocks failed: {failures[0]} (run again with --resume to try "
            f"them once more)"
        )
        raise typer.Exit(EXIT_FAILED)


def _show(record: dict[str, Any], output: Path, unit: str) -> None:
    """Print the changes, how much changed in all, and what misregistration could explain."""
    has_area = record["area_m2"] is not None
    shown, factor = (unit, 1 / SQUARE_METRES[unit]) if has_area else ("pixels", 1.0)
    columns = ["from", "to", *([shown] if has_area else []), "pixels", "could be misregistration"]
    rows = [
        [
            change["from"],
            change["to"],
            *([f"{change['area_m2'] * factor:.6g}"] if has_area else []),
            change["pixels"],
            f"{change['misreg_share']:.1%}",
        ]
        for change in record["changes"]
    ]
    if rows:
        console.table("", columns, rows)
    if has_area:
        total, changed = record["compared_m2"] * factor, record["changed_m2"] * factor
    else:
        total = sum(map(sum, record["pixels"]))
        changed = sum(change["pixels"] for change in record["changes"])
    typer.echo(
        f"{changed:.6g} of {total:.6g} {shown} changed; misregistration of up to "
        f"{record['parameters']['misregistration_px']:g} pixels alone could explain "
        f"{record['misreg_share']:.1%} of that"
    )
    polygons = record["polygons"]
    left_out = f" ({polygons['left_out']} smaller left out)" if polygons["left_out"] else ""
    typer.echo(f"polygons: {polygons['written']}{left_out}; {output}")
