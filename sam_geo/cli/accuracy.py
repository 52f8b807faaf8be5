"""`sam-geo sample` and `sam-geo assess`: the accuracy of a class map and the true areas."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sam_common.cli import options as common
from sam_common.support import console
from sam_geo.cli import options as geo

if TYPE_CHECKING:
    from sam_geo.accuracy.estimates import Estimate, MapEstimates

SQUARE_METRES = {"m2": 1.0, "ha": 1e4, "km2": 1e6}
"""Units of areas."""

ClassMap = Annotated[str, typer.Argument(help="A raster of classes: one band of whole numbers.")]


def sample_command(
    class_map: ClassMap,
    *,
    output: geo.Output,
    layer: geo.Layer = None,
    size: Annotated[int, typer.Option(min=2, help="Points in all.")] = 500,
    allocation: Annotated[
        Literal["equal", "proportional", "neyman"],
        typer.Option(
            help="Points in each class: as many in each, by its area, or where they narrow the "
            "interval of the overall accuracy most (needs the map's probabilities)."
        ),
    ] = "proportional",
    seed: Annotated[int, typer.Option(min=0, help="Another number draws another sample.")] = 0,
    overwrite: geo.Overwrite = False,
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Draw a random sample of a class map, to look up the true class of each point.

    Write the true class into the column `reference`, without looking at the map's, and give the
    file to sam-geo assess. The column weight_m2 says what area a point stands for.
    """
    from sam_geo.accuracy.draw import draw_sample  # noqa: PLC0415
    from sam_geo.accuracy.sample_table import sample_table  # noqa: PLC0415
    from sam_geo.class_maps.class_map import open_class_map  # noqa: PLC0415  # --help must stay fast
    from sam_geo.tables.write import check_table_output, write_table  # noqa: PLC0415

    check_table_output(output, overwrite=overwrite, layer=layer)
    with open_class_map(class_map) as classes:
        progress = functools.partial(console.progress, quiet=quiet)
        drawn = draw_sample(classes, size, allocation, seed=seed, progress=progress)
        table = sample_table(drawn, classes.source)
    write_table(table, output, overwrite=overwrite, layer=layer)
    counts = table["stratum"].value_counts()
    rows = [
        {"class": each.name, "points": int(counts.get(each.name, 0)), "area_m2": each.area_m2}
        for each in drawn.strata
    ]
    if json_output:
        console.emit_json({"output": output, "points": len(table), "classes": rows})
    elif not quiet:
        cells = [[row["class"], row["points"], f"{row['area_m2']:.6g}"] for row in rows]
        console.table(f"{len(table)} points: {output}", ["class", "points", "area, m2"], cells)


def assess_command(
    class_map: ClassMap,
    points: Annotated[
        Path, typer.Argument(help="Points with their true class: a vector file, GeoParquet, CSV.")
    ],
    *,
    class_field: Annotated[
        str | None, typer.Option(help="Column of the true class; `reference` where not given.")
    ] = None,
    points_layer: Annotated[
        str | None, typer.Option(help="Layer of a vector file that has several.")
    ] = None,
    points_crs: Annotated[
        str | None,
        typer.Option(help="Reference system of the points, over what their file says."),
    ] = None,
    unit: Annotated[
        Literal["m2", "ha", "km2"], typer.Option(help="Unit of the areas that are shown.")
    ] = "ha",
    json_output: common.Json = False,
    quiet: common.Quiet = False,
) -> None:
    """Estimate the accuracy of a class map and the true area of each class, with 95 % intervals.

    The points must be a random sample: those of sam-geo sample, or any that were drawn by chance.
    The estimates are those of Olofsson et al. (2014) and Stehman (2014).
    """
    from sam_geo.accuracy.assess import assess, record_of  # noqa: PLC0415  # --help must stay fast

    found = assess(
        class_map,
        points,
        class_field=class_field,
        layer=points_layer,
        crs=points_crs,
        progress=functools.partial(console.progress, quiet=quiet),
    )
    for note in found.notes:
        console.note(f"warning: {note}")
    if json_output:
        console.emit_json(record_of(found))
        return
    _show(found.estimates, found.points, unit)


def _show(found: MapEstimates, points: int, unit: str) -> None:
    """Print the classes with their accuracies and areas, and the error matrix."""
    factor = 1 / SQUARE_METRES[unit]
    rows = [
        [
            one.name,
            _share(one.users),
            _share(one.producers),
            f"{one.mapped_m2 * factor:.6g}",
            _with_margin(one.area_m2.times(factor), "{:.6g}"),
        ]
        for one in found.classes
    ]
    columns = ["class", "user's accuracy", "producer's accuracy"]
    columns += [f"mapped, {unit}", f"area, {unit}"]
    title = f"Overall accuracy {_share(found.overall)} ({points} points, 95 % intervals)"
    console.table(title, columns, rows)
    names = [one.name for one in found.classes]
    matrix: list[list[Any]] = [
        [name, *counts] for name, counts in zip(names, found.counts.tolist(), strict=True)
    ]
    console.table("Points: map in rows, truth in columns", ["", *names], matrix)


def _share(estimate: Estimate) -> str:
    return _with_margin(estimate, "{:.3f}")


def _with_margin(estimate: Estimate, form: str) -> str:
    """A figure with half of its 95 % interval; a dash for what is unknown."""
    if not math.isfinite(estimate.value):
        return "-"
    margin = form.format(estimate.margin) if math.isfinite(estimate.margin) else "?"
    return f"{form.format(estimate.value)} ± {margin}"
