"""`sam-med correct`: an earlier result corrected by clicks, scribbles, outlines and lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sam_common.cli.options import Arch, Device, Engine, Json, Precision, Quiet
from sam_common.support import console
from sam_med import privacy
from sam_med.cli.inspect import short
from sam_med.cli.options import (
    Input,
    JoinSeries,
    Keep,
    Level,
    Modality,
    Model,
    Output,
    OutputTypes,
    Overwrite,
    OverwriteLabelsOption,
    Preset,
    Report,
    SegTypeOption,
    Series,
    Time,
    Width,
)
from sam_med.cli.segment import Terminal, Texts, load_slice_model
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.run.methods import DEFAULT_MODEL


def correct_command(
    source: Input,
    *,
    segmentation: Annotated[
        Path,
        typer.Option(
            help="The earlier result, on the grid of INPUT: label map, .seg.nrrd, DICOM SEG or "
            "RTSTRUCT."
        ),
    ],
    output: Output,
    corrections: Annotated[
        list[Path] | None,
        typer.Option(
            help="Clicks, scribbles, lassos, lines and boxes: .json of this suite, or .mrk.json of "
            "3D Slicer (points, curves, closed curves, lines). Repeatable."
        ),
    ] = None,
    click_ijk: Annotated[
        Texts,
        typer.Option(
            help="Click i,j,k that the object lacks; i,j,k,0 is one that it has too much. NAME@ in "
            "front says of which object. Repeatable."
        ),
    ] = None,
    click_lps: Annotated[Texts, typer.Option(help="The same in LPS mm.")] = None,
    click_ras: Annotated[Texts, typer.Option(help="The same in RAS mm.")] = None,
    label_names: Annotated[
        Path | None, typer.Option(help="Table of the names of a label map's values, CSV or JSON.")
    ] = None,
    output_type: OutputTypes = None,
    seg_type: SegTypeOption = DEFAULT_SEG_TYPE,
    overwrite_labels: OverwriteLabelsOption = DEFAULT_OVERWRITE,
    series: Series = None,
    join_series: JoinSeries = False,
    time: Time = None,
    model: Model = DEFAULT_MODEL,
    arch: Arch = None,
    modality: Modality = None,
    preset: Preset = None,
    window: Width = None,
    level: Level = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    report: Report = None,
    keep_embeddings: Keep = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Correct objects of an earlier result; what no correction reaches stays as it was.

    Each mark is honoured on its own voxels, and its change is followed to the slices beside it as
    far as the network sees it. Corrections are made in the order in which they are given.
    """
    privacy.hide(source)
    hidden = [(segmentation, "the earlier result"), (label_names, "the names of labels")]
    for path, role in (*hidden, *((path, "the corrections") for path in corrections or ())):
        if path is not None:
            privacy.hide(path, role)
    from sam_med.run.correct import CorrectionRequest, correct_files  # noqa: PLC0415  # --help must stay fast
    from sam_med.run.request import ReadOptions  # noqa: PLC0415

    settings = {"arch": arch, "device": device, "engine": engine, "precision": precision}
    record = correct_files(
        source,
        CorrectionRequest(
            segmentation,
            output,
            tuple(corrections or ()),
            {"ijk": click_ijk or (), "LPS": click_lps or (), "RAS": click_ras or ()},
            label_names,
            tuple(output_type or ()),
            report,
            overwrite=overwrite,
            keep_embeddings=keep_embeddings,
            seg_type=seg_type,
            overwrite_labels=overwrite_labels,
        ),
        lambda: load_slice_model(model, settings),
        options=ReadOptions(series, time, modality, preset, window, level, join_series),
        listener=Terminal(quiet=quiet),
    )
    if json_output:
        console.emit_json(record)
    else:
        _show(record)


def _show(record: dict[str, Any]) -> None:
    """Print a table with one row for each object."""
    columns = ["label", "value", "status", "voxels", "added_voxels", "removed_voxels", "volume_ml"]
    console.table("", columns, [[short(row[name]) for name in columns] for row in record["labels"]])
