"""The command `sam-geo auto`: segment everything in a raster."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from sam_common.automatic.options import EverythingOptions
from sam_common.cli import options as common
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.messages import show, tell_result

DEFAULTS = EverythingOptions()


def auto_command(
    image: geo.Image,
    *,
    output: geo.Output,
    layer: geo.Layer = None,
    partition: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Write a .parquet as a folder of GeoParquet files, one for each so many "
            "neighbouring windows at most, with an index of their extents.",
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Also write a label raster, as cloud-optimised GeoTIFF.")
    ] = None,
    model: geo.Model = "mobile_sam",
    arch: common.Arch = None,
    bands: geo.Bands = None,
    page: geo.Page = None,
    image_crs: geo.ImageCrs = None,
    stretch: geo.StretchText = None,
    tile_size: Annotated[
        int | None, typer.Option(min=16, help="Side of a window in pixels; the model's own input.")
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Pixels that neighbouring windows share, at most half of their side; 128, or that "
            "half.",
        ),
    ] = None,
    points_per_side: Annotated[
        int, typer.Option(min=1, help="Points of the grid in one window, along each side.")
    ] = DEFAULTS.points_per_side,
    pred_iou_thresh: Annotated[
        float, typer.Option(help="Least quality of a mask, as the network predicts it.")
    ] = DEFAULTS.pred_iou_thresh,
    stability_score_thresh: Annotated[
        float, typer.Option(help="Least stability of a mask against its threshold.")
    ] = DEFAULTS.stability_score_thresh,
    box_nms_thresh: Annotated[
        float, typer.Option(help="Of two masks whose boxes overlap more, the better one stays.")
    ] = DEFAULTS.box_nms_thresh,
    crop_n_layers: Annotated[
        int,
        typer.Option(min=0, help="Look again at 4, or 4 and 16, crops of each window; 2 at most."),
    ] = DEFAULTS.crop_n_layers,
    min_mask_region_area: Annotated[
        int, typer.Option(min=0, help="Smaller holes and islands are filled and removed, pixels.")
    ] = DEFAULTS.min_mask_region_area,
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
    proposals_layer: Annotated[
        str | None, typer.Option(help="Layer of that file where it has several.")
    ] = None,
    superpixels: Annotated[
        bool,
        typer.Option(
            "--superpixels", help="Try the boxes of superpixels in place of the grid of points."
        ),
    ] = False,
    join: Annotated[
        bool,
        typer.Option(
            help="Look beyond window edges, in moved windows too, for objects that end there."
        ),
    ] = True,
    min_area_m2: Annotated[
        float, typer.Option(help="Leave smaller objects out (pixels where there is no CRS).")
    ] = 0.0,
    simplify: geo.Simplify = None,
    regularize: geo.Regularize = None,
    dst_crs: geo.DstCrs = None,
    embeddings: geo.Embeddings = None,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    overlay: geo.Overlay = None,
    report: geo.Report = None,
    workers: geo.Workers = 1,
    executor: common.ExecutorKind = "local",
    scheduler: common.Scheduler = None,
    resources: common.Resources = None,
    parts_at: geo.PartsAt = None,
    metrics: common.Metrics = None,
    dry_run: geo.DryRun = False,
    resume: geo.Resume = False,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Segment everything in a raster of any size; objects across windows become one.

    Beside OUT.gpkg lie OUT.job.json and OUT.qml (OUT.gpkg.job.json and OUT.gpkg.qml where there is
    an OUT.shp or the like), while the job runs OUT.gpkg.parts, from which --resume goes on. The
    exit code is 3 where a window failed for a technical reason, 2 where the job could not run.
    """
    from sam_geo.automatic.options import AutoOptions  # noqa: PLC0415  # --help must stay fast
    from sam_geo.jobs.dry_run import dry_run_auto  # noqa: PLC0415
    from sam_geo.jobs.request import AutoRequest  # noqa: PLC0415
    from sam_geo.jobs.run import run_auto  # noqa: PLC0415
    from sam_geo.results.finish import Finish  # noqa: PLC0415

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
        layer=layer,
        partition=partition,
        labels=labels,
        overlay=overlay,
        report=report,
        bands=geo.parse_bands(bands),
        page=page,
        image_crs=image_crs,
        stretch=stretch,
        model=model,
        options=AutoOptions(tile_size, overlap, grid, superpixels, join),
        proposals=proposals,
        proposals_crs=proposals_crs,
        proposals_layer=proposals_layer,
        finish=Finish(min_area_m2, simplify, regularize, dst_crs),
        embeddings=embeddings,
        workers=workers,
        parts_at=parts_at,
        resume=resume,
        overwrite=overwrite,
    )
    load = geo.loader(model, arch=arch, device=device, engine=engine, precision=precision)
    if dry_run:
        show(dry_run_auto(request, load), json_output=json_output)
        return
    progress = functools.partial(console.progress, quiet=quiet)
    with geo.executing(request, executor, scheduler, resources, metrics, quiet=quiet) as asked:
        record = run_auto(asked, load, progress=progress)
    what = f"{record['objects']} objects"
    tell_result(record, what, output, json_output=json_output, quiet=quiet)
