"""`sam-geo landcover`: a class map of a raster from labelled samples, or from a saved model."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sam_common.cli import options as common
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.messages import EXIT_FAILED, show

if TYPE_CHECKING:
    from sam_geo.mapping.request import LandcoverRequest


def landcover_command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="RASTER... [SAMPLES]",
            help="Rasters, on the grid of the first; then the samples, unless --samples or --apply "
            "is given.",
        ),
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The map to write, a .tif.")],
    samples: Annotated[
        Path | None,
        typer.Option(help="Points, lines or polygons with their class, in any vector format."),
    ] = None,
    class_field: Annotated[
        str | None, typer.Option(help="Column of the class; `class` where not given.")
    ] = None,
    samples_layer: Annotated[
        str | None, typer.Option(help="Layer of a vector file that has several.")
    ] = None,
    samples_crs: Annotated[
        str | None,
        typer.Option(help="Reference system of the samples, over what their file says."),
    ] = None,
    band_names: Annotated[
        str | None,
        typer.Option(help="Names of all bands in their order: blue,green,red,nir; from the files."),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(help="Spectral indices that are features too, such as ndvi,ndwi."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Further features to try: embedding, what the network makes of the object that a "
            "pixel lies in. Whether they help is decided on ground that was not learned."
        ),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(
            help="Polygons, or a label raster, that get one class each; or auto: everything that "
            "the network finds."
        ),
    ] = None,
    model: geo.Model = "mobile_sam",
    classifier: Annotated[
        str | None,
        typer.Option(
            help="ensemble, random-forest, extra-trees, boosting, logistic, discriminant, or "
            "your own as module:function."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives other folds.")] = 0,
    save: Annotated[
        Path | None, typer.Option(help="Also write the trained model, for --apply.")
    ] = None,
    apply: Annotated[
        Path | None, typer.Option(help="A model that --save wrote, in place of samples.")
    ] = None,
    smallest: Annotated[
        int, typer.Option(min=1, help="Pixels of the smallest piece of a class that stays.")
    ] = 4,
    polygons: Annotated[
        Path | None, typer.Option(help="Also write polygons, without gap or overlap.")
    ] = None,
    polygons_by: Annotated[
        Literal["object", "class"],
        typer.Option(help="A polygon for each connected piece of a class, or one for each class."),
    ] = "object",
    simplify: Annotated[
        float | None,
        typer.Option(
            help="Tolerance of the polygons in units of the raster's system; a pixel where not "
            "given, 0 for the edges of the pixels."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page about the map, an .html.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Independent random points with their true class: areas with intervals."),
    ] = None,
    check_field: Annotated[
        str | None, typer.Option(help="Column of their class; `reference` where not given.")
    ] = None,
    embeddings: geo.Embeddings = None,
    workers: geo.BlockWorkers = 1,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
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
    """Make a land-cover map from a few labelled samples: every pixel with data gets a class.

    Two accuracies come with it: of samples chosen by chance, and of samples on ground that was not
    learned, which is the one to trust. Areas with intervals need points of their own: sam-geo
    sample draws them, sam-geo assess (or --check) uses them. The exit code is 3 where a block
    failed for a technical reason.
    """
    from sam_geo.mapping.dry_run import dry_run_landcover  # noqa: PLC0415
    from sam_geo.mapping.request import LandcoverRequest, SampleChoice  # noqa: PLC0415
    from sam_geo.mapping.run import run_landcover  # noqa: PLC0415  # --help must stay fast

    rasters, chosen = _told_apart(inputs, samples, apply)
    learn = None
    if chosen is not None:
        learn = SampleChoice(
            samples=chosen,
            class_field=class_field,
            layer=samples_layer,
            crs=samples_crs,
            indices=geo.listed(index),
            features=geo.listed(features),
            classifier=classifier,
            seed=seed,
        )
    request = LandcoverRequest(
        rasters=rasters,
        output=output,
        learn=learn,
        apply=apply,
        band_names=geo.listed(band_names) or None,
        objects=objects,
        network=model,
        embeddings=embeddings,
        smallest=smallest,
        polygons=polygons,
        polygons_by=polygons_by,
        simplify=simplify,
        report=report,
        save=save,
        check=check,
        check_field=check_field,
        workers=workers,
        parts_at=parts_at,
        resume=resume,
        overwrite=overwrite,
    )
    load = geo.loader(model, arch=None, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    if dry_run:
        _tell_cost(dry_run_landcover(request, load, progress=progress), json_output=json_output)
        return
    with geo.executing(request, executor, scheduler, resources, metrics, quiet=quiet) as asked:
        record = run_landcover(asked, load, progress=progress)
    _tell(record, request, json_output=json_output, quiet=quiet)


def _told_apart(
    inputs: list[str], samples: Path | None, model: Path | None
) -> tuple[tuple[str, ...], Path | None]:
    """Rasters and samples: the last argument is the samples where no option names them."""
    from sam_common.errors import InputError  # noqa: PLC0415  # --help must stay fast

    if samples is not None or model is not None:
        return tuple(inputs), samples
    if len(inputs) == 1:
        raise InputError(
            f"{inputs[0]} is one file, where a raster and samples are needed: give the samples "
            f"after it or with --samples, or a model with --apply"
        )
    return tuple(inputs[:-1]), Path(inputs[-1])


def _tell_cost(cost: dict[str, Any], *, json_output: bool) -> None:
    """Tell what a job would take, a line for each figure; all of it as JSON."""
    if json_output:
        show(cost, json_output=True)
        return
    for note in cost.get("notes", []):
        console.note(f"warning: {note}")
    plain = {name: value for name, value in cost.items() if not isinstance(value, dict | list)}
    samples = cost.get("samples", {"features": {}, "pixels": {}})
    for name, count in samples["features"].items():
        plain[f"samples of {name}"] = f"{count} ({samples['pixels'][name]} pixels)"
    for tried in cost.get("tried", []):
        chosen = ", chosen" if tried["chosen"] else ""
        # names of sets are long, and a terminal is 80 columns wide
        score = f"accuracy {tried['overall']:.3f}, macro F1 {tried['macro_f1']:.3f}"
        plain[f"with {tried['features']} features"] = f"{score}{chosen}"
    show(plain, json_output=False)
    blocked = cost.get("accuracies", {}).get("blocked")
    if blocked is not None:
        typer.echo(
            f"accuracy on ground that was not learned: {blocked['overall']:.3f} "
            f"(macro F1 {blocked['macro_f1']:.3f})"
        )


def _tell(
    record: dict[str, Any], request: LandcoverRequest, *, json_output: bool, quiet: bool
) -> None:
    """Tell classes, areas and accuracies, and warn of what is doubtful."""
    for note in record["notes"]:
        console.note(f"warning: {note}")
    if json_output:
        console.emit_json({"output": request.output, **record})
    elif not quiet:
        rows = [
            [row["value"], row["class"], row["pixels"], f"{row['area_m2'] / 1e4:.6g}"]
            for row in record["areas"]
        ]
        title = f"{request.output} ({record['seconds']['total']:.1f} s)"
        console.table(title, ["value", "class", "pixels", "area, ha"], rows)
        for line in accuracy_lines(record):
            typer.echo(line)
    if failures := record["failures"]:
        console.note(
            f"error: {len(failures)} of {record['windows']} blocks failed: {failures[0]} (run "
            f"again with --resume to try them once more)"
        )
        raise typer.Exit(EXIT_FAILED)


def accuracy_lines(record: dict[str, Any]) -> list[str]:
    """The accuracies of a map in words, each with what it means; that by chance never alone."""
    lines = []
    found = record["training"].get("accuracies", {})
    blocked, by_chance = found.get("blocked"), found.get("random")
    if record["parameters"]["seed"] is None:
        lines.append(
            "the model was trained on another image: nothing says yet how right this map is"
        )
    elif blocked is not None:
        lines.append(
            f"accuracy on ground that was not learned: {blocked['overall']:.3f} "
            f"(macro F1 {blocked['macro_f1']:.3f})"
        )
        if by_chance is not None:
            lines.append(
                f"accuracy of samples chosen by chance, beside others that were learned: "
                f"{by_chance['overall']:.3f} (too good: neighbours are alike)"
            )
    checked = record["checked"]
    if checked is None:
        lines.append(
            "areas are those of the map: for true areas with intervals, draw points with sam-geo "
            "sample, and give them to sam-geo assess"
        )
    else:
        overall = checked["overall"]
        lines.append(
            f"accuracy by independent points: {overall['value']:.3f} "
            f"({overall['low']:.3f} to {overall['high']:.3f})"
        )
    return lines
