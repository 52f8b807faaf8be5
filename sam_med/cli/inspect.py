"""`sam-med info`, `convert`, `compare` and `stats`: commands that show volumes and results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sam_common.cli.options import Json, Quiet
from sam_common.support import console
from sam_med import privacy
from sam_med.cli.options import Input, JoinSeries, Modality, Overwrite, Series, Time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sam_med.geometry.volume import Volume


def info(source: Input, *, join_series: JoinSeries = False, json_output: Json = False) -> None:
    """Show every series, its geometry, what is unusual about it, and what would be done.

    Numbers of series are those of --series. No name, date, UID or path is shown.
    """
    privacy.hide(source)
    from sam_med.report import geometry_report as report  # noqa: PLC0415  # --help must stay fast

    facts = report.describe_path(source, join_series=join_series)
    if json_output:
        console.emit_json(facts)
        return
    console.table("", report.SERIES_COLUMNS, report.series_rows(facts))
    if rows := report.diagnostic_rows(facts):
        console.table("Geometry report", report.DIAGNOSTIC_COLUMNS, rows)


def convert(
    source: Input,
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Volume: .nii.gz, .nii, .nrrd or .mha.")
    ],
    *,
    series: Series = None,
    join_series: JoinSeries = False,
    time: Time = None,
    modality: Modality = None,
    allow_uneven: Annotated[
        bool,
        typer.Option(
            "--allow-uneven", help="Write unevenly spaced slices as if they were evenly spaced."
        ),
    ] = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a volume as it was read, nothing resampled: to check it in another program."""
    privacy.hide(source)
    from sam_med.files.read import read_volume  # noqa: PLC0415
    from sam_med.run.convert import convert_volume  # noqa: PLC0415  # --help must stay fast

    volume = read_volume(
        source, modality=modality, series=series, time=time, join_series=join_series
    )
    remarks = convert_volume(volume, target, allow_uneven=allow_uneven, overwrite=overwrite)
    if not quiet:
        for line in (*(d.line for d in volume.diagnostics), *remarks):
            console.note(privacy.reworded(line))
    facts = {"output": str(target), **volume.describe(), "remarks": list(remarks)}
    if json_output:
        console.emit_json(facts)
    else:
        console.table("", ["property", "value"], [(k, plain(v)) for k, v in facts.items() if v])


Segmentation = Annotated[
    Path,
    typer.Argument(
        help="Label map (.nii.gz, .nii, .nrrd, .mha), .seg.nrrd, DICOM SEG or RTSTRUCT."
    ),
]


def compare(
    reference: Segmentation,
    other: Segmentation,
    *,
    label: Annotated[
        list[str] | None, typer.Option(help="Name or value of an object; all without. Repeatable.")
    ] = None,
    tolerance_mm: Annotated[
        float | None,
        typer.Option(
            "--tolerance-mm",
            help="Of the surface Dice (NSD); 2 where not given, but at most four voxels.",
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Compare two segmentations of one grid, the first being right: Dice, NSD, HD95, volumes."""
    privacy.hide(reference, "the reference")
    privacy.hide(other, "the other file")
    from sam_med.report.compare import compare_files  # noqa: PLC0415  # --help must stay fast

    found = compare_files(
        reference,
        other,
        tolerance_mm=tolerance_mm,
        labels=label or (),
        tell=lambda note: console.note(f"note: {note}"),
    )
    rows = [row.as_dict() for row in found]
    if json_output:
        console.emit_json(rows)
        return
    columns = ["name", "dice", "iou", "surface_dice", "tolerance_mm", "hd95_mm"]
    columns += ["reference_ml", "other_ml"]
    console.table("", columns, [[short(row[column]) for column in columns] for row in rows])


def stats(
    source: Input,
    segmentation: Segmentation,
    *,
    series: Series = None,
    join_series: JoinSeries = False,
    time: Time = None,
    modality: Modality = None,
    plane: Annotated[
        Literal["axial", "coronal", "sagittal"] | None,
        typer.Option(
            help="Plane of the long and short axis; that of the slices where not given, as RECIST "
            "has it."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Also write the measurements of a DICOM SEG as DICOM SR (TID 1500), .sr.dcm.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure the objects of a segmentation: volume, diameters, intensities, what is cut off."""
    privacy.hide(source)
    privacy.hide(segmentation, "the segmentation")
    from sam_med.files.read import read_volume  # noqa: PLC0415
    from sam_med.measurements.measure import measure_file  # noqa: PLC0415
    from sam_med.report.measurements import check_report, write_measurements  # noqa: PLC0415
    from sam_med.segmentations.read import read_segmentation  # noqa: PLC0415  # --help must stay fast

    if report is not None:
        check_report(report, [source, segmentation], plane, overwrite=overwrite)
    volume = read_volume(
        source, modality=modality, series=series, time=time, join_series=join_series
    )
    file = read_segmentation(segmentation, grid=volume)
    rows = [row.as_dict() for row in measure_file(volume, file, plane=plane)]
    if report is not None:
        notes = write_measurements(segmentation, volume, report, overwrite=overwrite)
        file = replace(file, notes=tuple(dict.fromkeys((*file.notes, *notes))))
    if not quiet:
        _tell_stats(file.notes, rows, volume)
    if json_output:
        console.emit_json(rows)
        return
    columns = ["name", "value", "voxels", "volume_ml", "long_axis_mm", "short_axis_mm"]
    columns += ["maximum_3d_mm", "mean", "sd", "units", "partial"]
    console.table("", columns, [[short(row[column]) for column in columns] for row in rows])


def _tell_stats(notes: Iterable[str], rows: Iterable[Mapping[str, Any]], volume: Volume) -> None:
    """Note what is unusual about the files, and what the numbers do not show."""
    for note in notes:
        console.note(f"note: {note}")
    for row in rows:
        _tell_limits(row)
    for told in volume.diagnostics:
        if told.severity == "warning":
            console.note(f"warning: {told.line}")


def _tell_limits(row: Mapping[str, Any]) -> None:
    """Note what the numbers of an object do not show: that it is cut off, or holds NaN."""
    if row["partial"]:
        sides = ", ".join(row["touches"])
        console.note(f"warning: {row['name']} reaches the {sides}: it may be cut off")
    if odd := row["not_finite_voxels"]:
        console.note(
            f"warning: {odd} of {row['voxels']} voxels of {row['name']} are NaN or infinite, and "
            "left out of its intensities"
        )


def short(value: object) -> object:
    """A number of a table, with four decimals, or four digits of what is small; a dash for None."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return value
    return round(value, 4) if abs(value) >= 1 else float(f"{value:.4g}")


def plain(value: object) -> str:
    """A value as text for a cell of a table."""
    if isinstance(value, list):
        return ", ".join(f"{v:.10g}" if isinstance(v, float) else str(v) for v in value)
    return "not stated" if value is None else str(value)
