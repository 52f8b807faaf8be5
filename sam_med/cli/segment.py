"""`sam-med segment`: boxes, points or masks to a label map or a DICOM SEG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    Method,
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
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL, method_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.run.methods import Method as MethodName

Texts = list[str] | None


class Terminal:
    """Shows notes and progress on stderr, or nothing where quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def note(self, message: str) -> None:
        """Show one line, in which words stand for the names of inputs."""
        if not self._quiet:
            console.note(privacy.reworded(message))

    def progress(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A progress bar of `total` steps."""
        return console.progress(what, total, quiet=self._quiet)


def segment_command(
    source: Input,
    *,
    output: Output,
    output_type: OutputTypes = None,
    seg_type: SegTypeOption = DEFAULT_SEG_TYPE,
    overwrite_labels: OverwriteLabelsOption = DEFAULT_OVERWRITE,
    box_ijk: Annotated[
        Texts,
        typer.Option(help="Box as voxel indices i0,j0,k0,i1,j1,k1, ends included. Repeatable."),
    ] = None,
    box_lps: Annotated[
        Texts, typer.Option(help="Box as edges x0,y0,z0,x1,y1,z1 in LPS mm. Repeatable.")
    ] = None,
    box_ras: Annotated[Texts, typer.Option(help="The same in RAS mm.")] = None,
    slice_box: Annotated[
        Texts,
        typer.Option(
            help="Box on one slice: k=SLICE:i0,j0,i1,j1 (j=..:i0,k0,i1,k1, i=..:j0,k0,j1,k1); "
            "the object is followed from there. Repeatable."
        ),
    ] = None,
    slice_box_lps: Annotated[
        Texts, typer.Option(help="The same as two corners: k:x0,y0,z0,x1,y1,z1 in LPS mm.")
    ] = None,
    slice_box_ras: Annotated[Texts, typer.Option(help="The same in RAS mm.")] = None,
    point_ijk: Annotated[
        Texts, typer.Option(help="Point in the object, i,j,k; i,j,k,0 is one outside of it.")
    ] = None,
    point_lps: Annotated[Texts, typer.Option(help="The same in LPS mm.")] = None,
    point_ras: Annotated[Texts, typer.Option(help="The same in RAS mm.")] = None,
    label: Annotated[
        Texts,
        typer.Option(
            help="Name of each box, in their order; or write NAME@ in front of any prompt. "
            "Repeatable."
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="File of prompts: .json of this suite, .mrk.json of 3D Slicer, DICOM SR or GSPS "
            "with points or lines, or the objects of a label map, .seg.nrrd, SEG or RTSTRUCT."
        ),
    ] = None,
    labels_as: Annotated[
        Literal["box", "mask"],
        typer.Option(help="What the objects of --prompts give: boxes, or masks to refine."),
    ] = "box",
    label_names: Annotated[
        Path | None, typer.Option(help="Table of the names of its values, CSV or JSON.")
    ] = None,
    series: Series = None,
    join_series: JoinSeries = False,
    time: Time = None,
    model: Model = DEFAULT_MODEL,
    arch: Arch = None,
    method: Method = DEFAULT_METHOD,
    modality: Modality = None,
    preset: Preset = None,
    window: Width = None,
    level: Level = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw three planes with the result, as PNG.")
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(help="Slices to look at, worst first: .html with pictures, or .csv."),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            help="Folder for label maps of other answers of an object that was in doubt; their "
            "scores are in the record in any case."
        ),
    ] = None,
    report: Report = None,
    keep_embeddings: Keep = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment objects from boxes, points or masks; write the result on the grid of the source.

    A 3-D box gives one object. A box on one slice is followed both ways until the object ends;
    several of the same name meet in the middle. Beside OUT lies OUT.job.json, which says what it
    was made with.
    """
    privacy.hide(source)
    for path, role in ((prompts, "the prompts"), (label_names, "the names of labels")):
        if path is not None:
            privacy.hide(path, role)
    from sam_med.prompts.flags import PromptFlags  # noqa: PLC0415
    from sam_med.run.request import OutputRequest, PromptSources, ReadOptions  # noqa: PLC0415
    from sam_med.run.run_case import run_case  # noqa: PLC0415  # --help must stay fast

    flags = PromptFlags(
        boxes={"ijk": box_ijk or (), "LPS": box_lps or (), "RAS": box_ras or ()},
        slice_boxes={
            "ijk": slice_box or (),
            "LPS": slice_box_lps or (),
            "RAS": slice_box_ras or (),
        },
        points={"ijk": point_ijk or (), "LPS": point_lps or (), "RAS": point_ras or ()},
        labels=label or (),
    )
    settings = {"arch": arch, "device": device, "engine": engine, "precision": precision}
    record = run_case(
        source,
        PromptSources(flags, prompts, labels_as, label_names),
        OutputRequest(
            output,
            tuple(output_type or ()),
            overlay,
            review,
            report,
            overwrite=overwrite,
            keep_embeddings=keep_embeddings,
            model=model,
            seg_type=seg_type,
            overwrite_labels=overwrite_labels,
            candidates=candidates,
        ),
        lambda: load_model(model, settings, method_of(method)),
        options=ReadOptions(series, time, modality, preset, window, level, join_series),
        method=method_of(method),
        listener=Terminal(quiet=quiet),
    )
    if json_output:
        console.emit_json(record)
    else:
        show_labels(record)


def load_model(
    model: str, settings: dict[str, Any], method: MethodName = DEFAULT_METHOD
) -> Segmenter | LoadedTracker:
    """The network of a name or file; the libraries that run it are imported only here."""
    from sam_common.segmenter import tracking  # noqa: PLC0415  # --help must stay fast

    if method == "memory":
        return tracking.load_tracker(model, **settings)
    return load_slice_model(model, settings)


def load_slice_model(model: str, settings: dict[str, Any]) -> Segmenter:
    """The network of a name or file that finds an object on one slice."""
    from sam_common.segmenter import predictor  # noqa: PLC0415  # --help must stay fast

    return predictor.load_segmenter(model, **settings)


def show_labels(report: dict[str, Any]) -> None:
    """Print a table with one row for each object of a manifest."""
    columns = ["label", "value", "status", "voxels", "volume_ml", "confidence", "at_least"]
    rows = [[short(row[column]) for column in columns] for row in report["labels"]]
    console.table("", columns, rows)
