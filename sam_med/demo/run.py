"""The demo of the medical side: organs of each case from their boxes, and the page of all parts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pydicom  # noqa: F401  # so that it is missed before a scan is fetched

from sam_common.demo.page import write_page
from sam_common.demo.record import Figure, Output, Part, Picture, Table, origin_of, write_part
from sam_common.errors import OutputError
from sam_common.metrics.agreement import dice
from sam_common.pages.plate import write_jpeg
from sam_common.published import samples
from sam_common.published.checkpoints import model_info
from sam_med.demo.cases import CASES, prepare
from sam_med.demo.middle import middle_row, middle_slice
from sam_med.objects.object_size import volume_ml
from sam_med.report.plates import Shown, draw_plane, plane_at
from sam_med.report.review import review_rows, write_review
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL
from sam_med.run.segment import segment_volume, steps
from sam_med.slices.window_level import choose_stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_med.demo.cases import Task
    from sam_med.report.review import ReviewRow
    from sam_med.run.segmentation import Segmentation

    Counter = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

PRESET = "soft"
"""The window that shows the organs of an abdomen: width 400, level 40."""
DOUBTS = 4
"""Slices that are shown as the most doubtful ones."""
WIDTH_PX, DOUBT_PX = 1000, 420
BOUND = "Dice at least, 90 %"
"""Column of what nine of ten objects of such a confidence reach."""
LEAST_TALL_MM = 100.0
"""Height of a scan from which a plane across its slices shows something."""


def run(
    folder: Path, load: Callable[[], Segmenter], *, progress: Counter, quiet: bool
) -> dict[str, Any]:
    """Run all cases, and write the page of all parts of the demo that lie in the folder.

    Files of an earlier demo are replaced.

    Args:
        folder: Folder of the results; made where it is missing.
        load: Makes the segmenter.
        progress: Called with a description and a total for each case.
        quiet: Whether nothing is written to stderr while samples are fetched.

    Returns:
        For each case `objects, slices, seconds` and the `dice` of each organ; and the `page`.

    Raises:
        OutputError: The folder cannot be made or written to.
        WeightsError: A sample cannot be fetched.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make folder {folder}: {error.strerror}") from error
    figures: dict[str, Any] = {}
    segmenter: Segmenter | None = None
    for case in CASES:
        started = time.perf_counter()
        task = prepare(case, progress=not quiet)
        seconds = {"fetch or verify, and read": time.perf_counter() - started}
        if segmenter is None:
            started = time.perf_counter()
            segmenter = load()
            seconds["load the network"] = time.perf_counter() - started
        with progress(case.name, steps(task.boxes, task.volume, case.method)) as advance:
            part, figures[case.name] = run_task(
                task, segmenter, folder, seconds=seconds, progress=advance
            )
        write_part(part, folder)
    return {**figures, "page": str(write_page(folder))}


def run_task(
    task: Task,
    segmenter: Segmenter,
    folder: Path,
    *,
    seconds: dict[str, float],
    progress: Callable[[int], None] = lambda _done: None,
) -> tuple[Part, dict[str, Any]]:
    """Segment the organs of one scan, and write result, review and pictures into a folder.

    Args:
        task: The scan, its truth and the boxes.
        segmenter: Any that takes boxes.
        folder: Folder of the results, which exists.
        seconds: What took how long so far; the steps of the task are added.
        progress: Called with the number of steps done.

    Returns:
        The part of the demo, and its figures.

    Raises:
        OutputError: The folder cannot be written to.
    """
    stretch = choose_stretch(task.volume, preset=PRESET)
    result = segment_volume(
        task.volume,
        task.boxes,
        segmenter,
        method=task.case.method,
        stretch=stretch,
        progress=progress,
    )
    seconds["segment"] = result.seconds
    started = time.perf_counter()
    result.save(folder / task.case.output, overwrite=True)
    seconds["write, and read again"] = time.perf_counter() - started
    started = time.perf_counter()
    review = folder / f"{task.case.name}_review.html"
    write_review(result.segments, task.volume, stretch, review, overwrite=True)
    scores = [
        dice(mine.full(task.volume.shape), true.full(task.volume.shape))
        for mine, true in zip(result.segments, task.truth, strict=True)
    ]
    pictures = _pictures(task, result, folder)
    gallery = tuple(_doubts(task, result, folder))
    seconds["draw"] = time.perf_counter() - started
    part = _part(task, result, scores, seconds, (pictures, gallery))
    return part, {
        "objects": len(result.segments),
        "slices": result.encoder_calls,
        "seconds": round(result.seconds, 1),
        "dice": {
            segment.name: round(score, 3)
            for segment, score in zip(result.segments, scores, strict=True)
        },
    }


def _shown(task: Task, result: Segmentation) -> Shown:
    """The scan with what was found and the labels that come with it."""
    labels = "labels of the scan"
    return Shown(task.volume, result.stretch, result.segments, task.truth, labels)


def _pictures(task: Task, result: Segmentation, folder: Path) -> tuple[Picture, ...]:
    """Write the slice that shows most of the organs, and a plane across where slices are many."""
    shown = _shown(task, result)
    k, j = middle_slice(task.truth), middle_row(task.truth)
    planes = [("axial", plane_at(task.volume, 0, k), f"Slice {k} as it was acquired")]
    across = plane_at(task.volume, 1, j)
    if task.volume.shape[0] * task.volume.spacing_mm[0] >= LEAST_TALL_MM:
        planes.append(("coronal", across, f"Across the slices, through row {j}"))
    return tuple(
        _picture(
            folder / f"{task.case.name}_{name}.jpg",
            draw_plane(shown, plane, WIDTH_PX),
            draw_plane(shown, plane, WIDTH_PX, lines=False),
            f"{caption}. Coloured lines: found. Dashed: the labels that come with the scan.",
        )
        for name, plane, caption in planes
    )


def _doubts(task: Task, result: Segmentation, folder: Path) -> Iterator[Picture]:
    """Write pictures of the most doubtful slices, the worst first."""
    shown = _shown(task, result)
    for rank, row in enumerate(_worst(result), start=1):
        plane = plane_at(task.volume, 0, row.at.k)
        drawn = draw_plane(shown, plane, DOUBT_PX, only=row.number)
        mine, true = (
            segments[row.number].on_slice(row.at.k, task.volume.shape[1:])
            for segments in (result.segments, task.truth)
        )
        name = row.segment.name
        yield _picture(
            folder / f"{task.case.name}_doubt_{rank}.jpg",
            drawn,
            None,
            f"{rank}. {name}, slice {row.at.k}: confidence {row.at.confidence:.2f}, "
            f"Dice with the labels on this slice {dice(mine, true):.2f}",
        )


def _worst(result: Segmentation) -> Sequence[ReviewRow]:
    """The slices to look at first."""
    return review_rows(result.segments)[:DOUBTS]


def _picture(path: Path, drawn: Any, plain: Any, caption: str) -> Picture:
    """Write a picture, with and without outlines."""
    write_jpeg(drawn, path)
    height, width = drawn.shape[:2]
    if plain is None:
        return Picture(path.name, caption, caption, width, height)
    other = path.with_name(f"{path.stem}_plain.jpg")
    write_jpeg(plain, other)
    return Picture(path.name, caption, caption, width, height, other.name)


def _part(
    task: Task,
    result: Segmentation,
    scores: Sequence[float],
    seconds: dict[str, float],
    pictures: tuple[tuple[Picture, ...], tuple[Picture, ...]],
) -> Part:
    """The part of the demo on the page."""
    case = task.case
    along_k, along_j, along_i = task.volume.spacing_mm
    count_k, count_j, count_i = task.volume.shape
    outputs = [
        Output(f"{case.name}_review.html", "all slices to look at, the most doubtful first"),
        Output(case.output, "the organs on the grid of the scan, for any viewer"),
        Output(f"{case.output.split('.')[0]}.job.json", "how they were made"),
    ]
    return Part(
        name=case.name,
        title=case.title,
        text=(_text(task),),
        seconds=seconds,
        figures=(
            Figure(
                "mean Dice" if len(scores) > 1 else "Dice",
                f"{sum(scores) / len(scores):.3f}",
                "with the labels of the scan",
            ),
            Figure(
                "scan",
                f"{count_i} x {count_j} x {count_k}",
                f"voxels of {along_i:.2f} x {along_j:.2f} x {along_k:.2f} mm",
            ),
            Figure("slices encoded", str(result.encoder_calls), "once for all organs on them"),
        ),
        pictures=pictures[0],
        table=_table(task, result, scores),
        gallery=pictures[1],
        gallery_title="Slices to look at, the most doubtful first",
        outputs=tuple(outputs),
        origins=(
            *(origin_of(samples.sample_info(name)) for name in (case.scan, case.labels)),
            origin_of(model_info(DEFAULT_MODEL)),
        ),
        commands=_commands(task),
        facts=task.facts,
    )


def _table(task: Task, result: Segmentation, scores: Sequence[float]) -> Table:
    """A row for each organ; bounds of the Dice have a column where any organ has one."""
    rows: list[tuple[str, ...]] = []
    bounded = any(mine.at_least is not None for mine in result.segments)
    for mine, true, score in zip(result.segments, task.truth, scores, strict=True):
        ml, true_ml = (volume_ml(task.volume, s.window, s.mask) for s in (mine, true))
        lowest = min(mine.slices, key=lambda at: at.confidence)
        trusted = f"{lowest.confidence:.2f} (slice {lowest.k})"
        bound = "" if mine.at_least is None else f"{mine.at_least:.2f}"
        row = (mine.name, f"{score:.3f}", f"{ml:.0f}", f"{true_ml:.0f}", trusted)
        rows.append((*row, bound) if bounded else row)
    columns = ("organ", "Dice", "found, ml", "labels, ml", "lowest confidence")
    return Table(
        (*columns, BOUND) if bounded else columns,
        tuple(rows),
        f"Dice is measured against {task.case.labels}, which TotalSegmentator made and its authors "
        "ship; nobody drew it by hand. "
        + "; ".join(f"{name}: {value}" for name, value in task.facts.items())
        + ".",
    )


def _text(task: Task) -> str:
    """What the part is about, in a few sentences."""
    (first, *others) = task.boxes
    around = f"each of {len(task.boxes)} organs" if others else f"the {first.label}"
    boxes = f"One box around {around} is all that is given"
    if task.case.output.endswith(".dcm"):
        return (
            f"{boxes}, taken from the labels that come with the scan. The organs lie on the DICOM "
            "slices as they were acquired, and are written as a DICOM SEG with SNOMED CT codes, "
            "which is decoded again before it is kept. Each is followed from slice to slice along "
            "one axis, which is quick. The series is 4 cm of an upper abdomen and ends above the "
            "kidneys."
        )
    return (
        f"{boxes}, in the other scan of the same package, which has larger voxels and no DICOM. It "
        "is found on axial, coronal and sagittal slices at once, which outvote each other. "
        "Where the network is least sure is where to look first."
    )


def _commands(task: Task) -> tuple[str, ...]:
    """What to type for the first organ."""
    organ, box = task.case.organs, task.boxes[0]
    ends = ",".join(f"{value:g}" for value in box.ijk)
    kind = "" if task.case.output.endswith(".dcm") else " --modality CT"
    if task.case.method != DEFAULT_METHOD:
        kind += f" --method {task.case.method}"
    return (
        f"SCAN=$(sam-common samples pull {task.case.scan})",
        (
            f'sam-med segment "$SCAN"{kind} --box-ijk {ends} '
            f'--label "{next(iter(organ))}" -o {task.case.output} --review review.html'
        ),
    )
