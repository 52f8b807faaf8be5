"""`sam-med`: segment CT and MR volumes from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sam_common import console
from sam_common.options import Arch, Device, Engine, Json, Precision, Quiet, command_line
from sam_med import care

if TYPE_CHECKING:
    from sam_med.prompts import ObjectPrompt
    from sam_med.segment import Segmentation
    from sam_med.volume import Volume
    from sam_med.window_level import Stretch

NOTICE = "For research, not a medical device."
app = command_line(f"Segment medical volumes with SAM networks. {NOTICE}")

Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="NIfTI, NRRD or MetaImage file, or a folder with one DICOM series.",
    ),
]


@app.command("segment", epilog=NOTICE)
def segment_command(
    source: Input,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Label map: .nii.gz, .nii, .nrrd or .mha."),
    ],
    box_ijk: Annotated[
        list[str] | None,
        typer.Option(help="Box as voxel indices i0,j0,k0,i1,j1,k1, ends included. Repeatable."),
    ] = None,
    box_lps: Annotated[
        list[str] | None,
        typer.Option(help="Box as edges x0,y0,z0,x1,y1,z1 in LPS mm. Repeatable."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Name of each object, in the order of the boxes. Repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(help="Name in the registry, or a file.")] = "lite_medsam",
    arch: Arch = None,
    method: Annotated[
        Literal["litemedsam"], typer.Option(help="How a mask becomes the next slice's box.")
    ] = "litemedsam",
    modality: Annotated[
        str | None, typer.Option(help="CT, MR, ...: overrides what the file says.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="CT window: soft (default), brain, mediastinum, lung or lung-medsam."),
    ] = None,
    window: Annotated[float | None, typer.Option(help="Width of a window of your own.")] = None,
    level: Annotated[float | None, typer.Option(help="Its middle.")] = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw three planes with the result, as PNG.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.")
    ] = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the object in each 3-D box; write a label map on the grid of the source.

    Beside OUT.nii.gz lies OUT.job.json, which says what it was made with.
    """
    from sam_common.files import check_output  # noqa: PLC0415  # --help must stay fast
    from sam_med import picture, sink  # noqa: PLC0415
    from sam_med.source import read_volume  # noqa: PLC0415
    from sam_med.window_level import choose_stretch  # noqa: PLC0415

    care.hide(source)
    sink.check_target(output, overwrite=overwrite)
    if overlay is not None:
        check_output(overlay, overwrite=overwrite)
    volume = read_volume(source, modality=modality)
    boxes = _boxes(volume, box_ijk or [], box_lps or [], label or [])
    stretch = choose_stretch(volume, preset=preset, width=window, level=level)
    if not quiet:
        _say_before(volume, boxes, stretch)
    settings = {"arch": arch, "device": device, "engine": engine, "precision": precision}
    run = _run(volume, boxes, stretch, model, method, settings, quiet=quiet)
    sink.write_labels(run.labels, volume, output)
    report = _write_report(run, output)
    if overlay is not None:
        picture.save_png(picture.draw(run), overlay)
    if not quiet:
        _say_after(report["labels"])
    if json_output:
        console.emit_json({"output": output, **report})
    else:
        _print_labels(report)


@app.command()
def info(source: Input, *, json_output: Json = False, quiet: Quiet = False) -> None:
    """Show size, geometry, modality and type of a volume."""
    from sam_med.source import read_volume  # noqa: PLC0415  # --help must stay fast

    care.hide(source)
    volume = read_volume(source)
    if not quiet:
        for line in volume.notes:
            console.note(f"note: {line}")
    facts = volume.describe()
    if json_output:
        console.emit_json(facts)
    else:
        console.table("", ["property", "value"], [(key, _plain(v)) for key, v in facts.items()])


@app.command(epilog=NOTICE)
def demo(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment the brain of the MNI152 head and compare it with its tissue maps.

    Fetches the head and the network once. Files of an earlier demo are replaced.
    """
    from sam_common.segmenter import load_segmenter  # noqa: PLC0415  # --help must stay fast
    from sam_med import demo as job  # noqa: PLC0415

    task = job.prepare(progress=not quiet)
    segmenter = load_segmenter("lite_medsam", device=device, engine=engine, precision=precision)
    slices = task.box.window.shape[0]
    with console.progress("brain", slices, quiet=quiet) as advance:
        result, score = job.run(task, segmenter, output, progress=advance)
    row = {
        "objects": len(result.boxes),
        "slices": slices,
        "seconds": round(result.seconds, 1),
        "dice": round(score, 3),
    }
    if json_output:
        console.emit_json(row)
    else:
        console.table("Brain of MNI152 (lite_medsam)", list(row), [list(row.values())])


def main() -> None:
    """Entry point of `sam-med`."""
    care.run(app)


def _boxes(
    volume: Volume, box_ijk: list[str], box_lps: list[str], labels: list[str]
) -> list[ObjectPrompt]:
    from sam_common.errors import PromptError  # noqa: PLC0415  # --help must stay fast
    from sam_med.prompt_flags import pair_labels, parse_box  # noqa: PLC0415
    from sam_med.prompts import ObjectPrompt  # noqa: PLC0415

    if box_ijk and box_lps:
        raise PromptError(
            "give all boxes as --box-ijk or all as --box-lps: labels are paired with them by order"
        )
    if not box_ijk and not box_lps:
        raise PromptError("give at least one box, as --box-ijk or --box-lps")
    names = enumerate(pair_labels(len(box_ijk or box_lps), labels), start=1)
    if box_ijk:
        return [
            ObjectPrompt.from_ijk(name, value, parse_box("--box-ijk", text))
            for (value, name), text in zip(names, box_ijk, strict=True)
        ]
    return [
        ObjectPrompt.from_lps(name, value, parse_box("--box-lps", text), volume)
        for (value, name), text in zip(names, box_lps, strict=True)
    ]


def _run(
    volume: Volume,
    boxes: list[ObjectPrompt],
    stretch: Stretch,
    model: str,
    method: Literal["litemedsam"],
    settings: dict[str, Any],
    *,
    quiet: bool,
) -> Segmentation:
    from sam_common.segmenter import load_segmenter  # noqa: PLC0415  # --help must stay fast
    from sam_med.segment import segment_volume  # noqa: PLC0415

    inside = [box.clip(volume) for box in boxes]
    segmenter = load_segmenter(model, **settings)
    total = sum(box.window.shape[0] for box in inside)
    with console.progress("slices", total, quiet=quiet) as advance:
        return segment_volume(
            volume, inside, segmenter, method=method, stretch=stretch, progress=advance
        )


def _write_report(run: Segmentation, output: Path) -> dict[str, Any]:
    from sam_med import manifest, sink  # noqa: PLC0415  # --help must stay fast

    report = manifest.describe(run)
    sink.write_manifest(report, output)
    return report


def _say_before(volume: Volume, boxes: list[ObjectPrompt], stretch: Stretch) -> None:
    for line in volume.notes:
        console.note(f"note: {line}")
    console.note(stretch.describe())
    for box in boxes:
        clipped = box.clip(volume)
        if clipped != box:
            ijk = ",".join(str(v) for v in clipped.ijk)
            console.note(f"note: box of label {box.label} is cut to the volume: ijk {ijk}")


def _say_after(labels: list[dict[str, Any]]) -> None:
    for row in labels:
        covered = row["voxels_segmented"] - row["voxels"]
        if not row["voxels_segmented"]:
            console.note(f"warning: nothing was found in the box of label {row['label']}")
        elif covered:
            console.note(f"note: {covered} voxels of label {row['label']} went to a later label")


def _print_labels(report: dict[str, Any]) -> None:
    columns = ["label", "value", "voxels", "volume_ml"]
    rows = [[row[column] for column in columns] for row in report["labels"]]
    console.table("", columns, rows)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{v:.10g}" for v in value)
    return "not stated" if value is None else str(value)


if __name__ == "__main__":
    main()
