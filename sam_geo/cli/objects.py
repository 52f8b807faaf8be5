"""The commands `sam-geo similar` and `sam-geo classify`: objects told apart by a few examples."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common.automatic.options import EverythingOptions
from sam_common.cli import options as common
from sam_common.support import console
from sam_geo.cli import options as geo
from sam_geo.cli.messages import EXIT_FAILED, show

if TYPE_CHECKING:
    from sam_geo.object_classes.request import ClassifyRequest, SimilarRequest

DEFAULTS = EverythingOptions()
Classifier = Annotated[
    str | None,
    typer.Option(
        help="ensemble, random-forest, extra-trees, boosting, logistic, discriminant, or your own "
        "as module:function."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Another number gives other folds.")]


def similar_command(
    image: geo.Image,
    examples: Annotated[
        Path,
        typer.Argument(
            help="Two or more polygons or points on objects of the kind, in any format."
        ),
    ],
    *,
    output: geo.Output,
    layer: geo.Layer = None,
    examples_crs: Annotated[
        str | None,
        typer.Option(
            help="Reference system of examples, negatives and judging outlines, over what their "
            "files say; pixel for pixel coordinates."
        ),
    ] = None,
    examples_layer: Annotated[
        str | None, typer.Option(help="Layer of a file of examples that has several.")
    ] = None,
    example_field: Annotated[
        str | None,
        typer.Option(help="Column of the examples: 1 or true on the kind, 0 or false on others."),
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Polygons or points on objects that are something else.")
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(help="An earlier result whose column accepted you filled in: true or false."),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Polygons to choose from, in place of everything the network finds."),
    ] = None,
    keep_candidates: Annotated[
        Path | None,
        typer.Option(
            help="File of candidates and features: used where it is there, made where not; "
            "OUT.candidates.parquet where not given."
        ),
    ] = None,
    least_probability: Annotated[
        float, typer.Option("--least-probability", help="Less probable objects are not written.")
    ] = 0.5,
    every: Annotated[
        bool, typer.Option("--all", help="Write every candidate with its probability.")
    ] = False,
    judge: Annotated[
        Path | None,
        typer.Option(help="True outlines of all objects: precision and recall away from examples."),
    ] = None,
    embedding: Annotated[
        bool, typer.Option(help="Whether what the network makes of a candidate counts too.")
    ] = True,
    tile_size: Annotated[
        int | None, typer.Option(min=16, help="Side of a window in pixels; the model's own input.")
    ] = None,
    points_per_side: Annotated[
        int, typer.Option(min=1, help="Points of the grid in one window, along each side.")
    ] = DEFAULTS.points_per_side,
    classifier: Classifier = None,
    seed: Seed = 0,
    model: geo.Model = "mobile_sam",
    embeddings: geo.Embeddings = None,
    workers: geo.Workers = 1,
    executor: common.ExecutorKind = "local",
    scheduler: common.Scheduler = None,
    resources: common.Resources = None,
    parts_at: geo.PartsAt = None,
    metrics: common.Metrics = None,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    resume: geo.Resume = False,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Find all objects that are like a few examples, each with a probability.

    Candidates are everything that the network finds, or your polygons. They are kept with their
    features beside the output: a second run, with other examples or with corrections, takes a
    second. The exit code is 3 where a window failed for a technical reason.
    """
    from sam_geo.object_classes.request import (  # noqa: PLC0415  # --help must stay fast
        SimilarRequest,
        candidate_options,
    )
    from sam_geo.object_classes.similar import run_similar  # noqa: PLC0415

    request = SimilarRequest(
        image=image,
        examples=examples,
        output=output,
        layer=layer,
        examples_crs=examples_crs,
        examples_layer=examples_layer,
        example_field=example_field,
        negatives=negatives,
        corrections=corrections,
        candidates=candidates,
        keep_candidates=keep_candidates,
        least_probability=least_probability,
        every=every,
        judge=judge,
        with_embedding=embedding,
        auto=candidate_options(tile_size, points_per_side),
        classifier=classifier,
        seed=seed,
        network=model,
        embeddings=embeddings,
        workers=workers,
        parts_at=parts_at,
        resume=resume,
        overwrite=overwrite,
    )
    load = geo.loader(model, arch=None, device=device, engine=engine, precision=precision)
    progress = functools.partial(console.progress, quiet=quiet)
    with geo.executing(request, executor, scheduler, resources, metrics, quiet=quiet) as asked:
        record = run_similar(asked, load, progress=progress)
    _tell_similar(record, request, json_output=json_output, quiet=quiet)


def classify_command(
    objects: Annotated[Path, typer.Argument(help="Polygons to classify, in any format.")],
    samples: Annotated[
        Path, typer.Argument(help="Polygons or points with a class, on a few of the objects.")
    ],
    *,
    image: Annotated[
        list[str],
        typer.Option(
            help="A raster that GDAL opens; several are stacked on the grid of the first."
        ),
    ],
    output: geo.Output,
    layer: geo.Layer = None,
    class_field: Annotated[
        str | None, typer.Option(help="Column of the class; `class` where not given.")
    ] = None,
    objects_crs: Annotated[
        str | None,
        typer.Option(help="Reference system of the objects, over what the file says, or pixel."),
    ] = None,
    objects_layer: Annotated[
        str | None, typer.Option(help="Layer of a file of objects that has several.")
    ] = None,
    samples_crs: Annotated[
        str | None,
        typer.Option(help="Reference system of the samples, over what the file says, or pixel."),
    ] = None,
    samples_layer: Annotated[
        str | None, typer.Option(help="Layer of a file of samples that has several.")
    ] = None,
    band_names: Annotated[
        str | None, typer.Option(help="Names of all bands in their order, with commas.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="Further features to try: embedding, what the network makes of objects."),
    ] = None,
    classifier: Classifier = None,
    seed: Seed = 0,
    model: geo.Model = "mobile_sam",
    embeddings: geo.Embeddings = None,
    workers: geo.Workers = 1,
    device: common.Device = "auto",
    engine: common.Engine = "auto",
    precision: common.Precision = "auto",
    resume: geo.Resume = False,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Give each object of a layer a class and its probability, from a few labelled samples.

    Which features count is decided on ground that was not learned, and the accuracy there is told.
    """
    from sam_geo.object_classes.classify import run_classify  # noqa: PLC0415  # --help must stay fast
    from sam_geo.object_classes.request import ClassifyRequest  # noqa: PLC0415

    request = ClassifyRequest(
        rasters=tuple(image),
        objects=objects,
        samples=samples,
        output=output,
        layer=layer,
        class_field=class_field,
        objects_crs=objects_crs,
        objects_layer=objects_layer,
        samples_crs=samples_crs,
        samples_layer=samples_layer,
        band_names=geo.listed(band_names) or None,
        features=geo.listed(features),
        classifier=classifier,
        seed=seed,
        network=model,
        embeddings=embeddings,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
    )
    load = geo.loader(model, arch=None, device=device, engine=engine, precision=precision)
    record = run_classify(request, load, progress=functools.partial(console.progress, quiet=quiet))
    _tell_classes(record, request, json_output=json_output, quiet=quiet)


def _tell_similar(
    record: dict[str, Any], request: SimilarRequest, *, json_output: bool, quiet: bool
) -> None:
    """Tell how many objects were found, and how right that is where there is truth."""
    for note in record["notes"]:
        console.note(f"warning: {note}")
    if json_output:
        show({"output": request.output, **record}, json_output=True)
    elif not quiet:
        found, said = record["candidates"], record["said"]
        typer.echo(
            f"{record['written']} objects of {found['count']} candidates, from {said['examples']} "
            f"examples and {said['refused']} refused; {record['seconds']['total']:.1f} s; "
            f"{request.output}"
        )
        if (told := record["judgement"]) is not None:
            precision = told["precision"]
            typer.echo(
                f"away from the examples, on {told['objects']} true objects: average precision "
                f"{told['average_precision']:.3f} at IoU {told['iou']}, precision "
                f"{'-' if precision is None else f'{precision:.3f}'} and recall "
                f"{told['recall']:.3f} at probability {told['at_probability']:g}; candidates show "
                f"{told['reachable']:.0%}"
            )
    if failures := record["candidates"].get("failures"):
        console.note(f"error: {len(failures)} windows failed: {failures[0]}")
        raise typer.Exit(EXIT_FAILED)


def _tell_classes(
    record: dict[str, Any], request: ClassifyRequest, *, json_output: bool, quiet: bool
) -> None:
    """Tell how many objects have each class, and how right that is on ground not learned."""
    for note in record["notes"]:
        console.note(f"warning: {note}")
    if json_output:
        show({"output": request.output, **record}, json_output=True)
    elif not quiet:
        counts = ", ".join(f"{count} {name}" for name, count in record["counts"].items())
        total = record["seconds"]["total"]
        typer.echo(f"{record['objects']} objects: {counts}; {total:.1f} s; {request.output}")
        blocked = record["accuracies"]["blocked"]
        if blocked is not None:
            typer.echo(
                f"accuracy on ground that was not learned: {blocked['overall']:.3f} "
                f"(macro F1 {blocked['macro_f1']:.3f})"
            )
