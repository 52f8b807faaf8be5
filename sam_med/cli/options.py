"""Options that several commands of `sam-med` share, in one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sam_med.objects.overlap import OverwriteLabels
from sam_med.objects.seg_type import SegType

NOTICE = "For research, not a medical device."

Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="DICOM file, folder, zip, .gz or DICOMDIR; or a NIfTI, NRRD or MetaImage file.",
    ),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="Result; its name's end says the format, or -ot does."),
]
Series = Annotated[
    str | None,
    typer.Option(help="Which series, as `sam-med info` numbers them, or a SeriesInstanceUID."),
]
JoinSeries = Annotated[
    bool,
    typer.Option(
        "--join-series",
        help="Read slices of one volume that are each in a series or frame of reference of their "
        "own as one series; `sam-med info` shows where that is so.",
    ),
]
Time = Annotated[int | None, typer.Option(help="Which time point of a 4-D input, from 1.")]
Modality = Annotated[str | None, typer.Option(help="CT, MR, ...: overrides what the file says.")]
Preset = Annotated[
    str | None,
    typer.Option(help="CT window: soft (default), brain, mediastinum, lung or lung-medsam."),
]
Width = Annotated[
    float | None, typer.Option("--window", help="Width of an intensity window of your own.")
]
Level = Annotated[float | None, typer.Option(help="Its middle.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Model = Annotated[str, typer.Option(help="Name in the registry, or a file.")]
Method = Annotated[
    str,
    typer.Option(
        help="planes: all three axes vote (default). litemedsam: the published loop, one axis. "
        "memory: one axis, by the memory of a SAM 2 (--model medsam2)."
    ),
]
OutputTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--output-type",
        "-ot",
        help="nifti, nrrd, mha, npz, seg.nrrd, dicom_seg, dicom_rtstruct, or dicom_sr "
        "(measurements of the DICOM SEG). Repeatable.",
    ),
]
SegTypeOption = Annotated[
    SegType,
    typer.Option(
        "--seg-type",
        help="How a DICOM SEG holds pixels: binary (objects may overlap), labelmap (one object a "
        "pixel, for new viewers) or fractional (0 or 255).",
    ),
]
OverwriteLabelsOption = Annotated[
    OverwriteLabels,
    typer.Option(
        "--overwrite-labels",
        help="Whose voxels a later object takes where objects overlap in a label map: none "
        "(default), other (of other structures) or all. Formats with overlaps keep both.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="Also write a page about the objects: three planes of each, its confidence, its most "
        "doubtful slice, how it was made."
    ),
]
Keep = Annotated[
    bool,
    typer.Option(
        "--keep-embeddings/--no-keep-embeddings",
        help="Keep what the encoder saw, which shows the images, for corrections: for you alone, "
        "under a salted key.",
    ),
]
