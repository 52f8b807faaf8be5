"""Dice of objects after clicks: `python -m tests.benchmarks.interactive`.

The protocol of interactive segmentation: the object is asked for by its true 3-D box, or a longer
one, and then up to five clicks follow. Each lies at the most inner voxel (largest distance to the
edge, in mm) of the largest connected piece of what is missing or surplus, and says which of the two
it is. A click names no slice. Needs `SAM_TEST_DATA`; with `--embeddings FOLDER` later runs are
faster.

A second table says what an answer takes: `--ahead` encodes before each click what the server
encodes while the user looks at the result; without it all is encoded in the answer, as from the
command line.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_common.support import console
from sam_med.corrections import reach
from sam_med.corrections.correct import correct
from sam_med.corrections.likely_slices import likely_slices
from sam_med.corrections.marks import Mark
from sam_med.propagate.planes import segment_box
from tests.benchmarks.propagation import cases, longer_box

if TYPE_CHECKING:
    from sam_med.propagate.propagated_object import PropagatedObject
    from tests.benchmarks.propagation import Case, Mask

STRUCTURES = ("brain lesion", "spleen", "liver, MR")
CLICKS = 5


@dataclass
class Answers:
    """What the answers to clicks took, one number for each click."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    """Processor time of all threads, which other programs on the machine change less."""
    encoded: list[int] = field(default_factory=list)
    decoded: list[int] = field(default_factory=list)

    @property
    def row(self) -> str:
        """Medians, and the most encodings of one answer, as cells of a table."""
        cells = [f"{statistics.median(times):.2f}" for times in (self.seconds, self.cpu_seconds)]
        cells += [f"{statistics.median(self.encoded):g}", f"{max(self.encoded)}"]
        return " | ".join([*cells, f"{statistics.median(self.decoded):g}"])


def next_click(found: Mask, truth: Mask, spacing_mm: tuple[float, float, float]) -> Mark | None:
    """The click at the most inner voxel of the largest error; None where there is no error."""
    largest, positive = np.zeros_like(truth), True
    for error, missing in ((truth & ~found, True), (found & ~truth, False)):
        pieces, count = ndimage.label(error)
        if not count:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() > np.count_nonzero(largest):
            largest, positive = pieces == 1 + int(sizes.argmax()), missing
    if not largest.any():
        return None
    depth = ndimage.distance_transform_edt(np.pad(largest, 1), sampling=spacing_mm)
    k, j, i = (int(n) - 1 for n in np.unravel_index(int(depth.argmax()), depth.shape))
    return Mark("click", ((k, j, i),), positive=positive)


def clicked(
    case: Case, start: PropagatedObject, clicks: int, answers: Answers, *, ahead: bool
) -> list[float]:
    """Dice of an object before and after each of its clicks.

    Args:
        case: The structure.
        start: What its box gave.
        clicks: Number of clicks.
        answers: Is added what each answer took.
        ahead: Whether the slices that a click may need are encoded before it.
    """
    result = start
    shape, spacing = case.slices.shape, case.slices.volume.spacing_mm
    values = [dice(result.full(shape), case.truth)]
    for _ in range(clicks):
        click = next_click(result.full(shape), case.truth, spacing)
        if click is not None:
            for place in likely_slices(result, case.slices.volume) if ahead else ():
                case.slices.get(*place)
            started, cpu = time.perf_counter(), time.process_time()
            encoded, decoded = case.slices.calls, case.slices.decoded
            result = correct(result, case.slices, click)
            answers.seconds.append(time.perf_counter() - started)
            answers.cpu_seconds.append(time.process_time() - cpu)
            answers.encoded.append(case.slices.calls - encoded)
            answers.decoded.append(case.slices.decoded - decoded)
            console.note(f"{click.told}: {answers.seconds[-1]:.1f} s")
        values.append(dice(result.full(shape), case.truth))
        console.note(f"{case.name}: {values[-1]:.4f}")
    return values


def main() -> None:
    """Measure the structures and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--structures", nargs="+", default=STRUCTURES, help="their names")
    parser.add_argument("--clicks", type=int, default=CLICKS)
    parser.add_argument("--longer", type=int, default=0, help="per cent, of the first box")
    parser.add_argument(
        "--thickness", type=float, default=reach.THICKNESS, help="of errors, in depths of clicks"
    )
    parser.add_argument("--precision", default="bf16", help="of the image encoder")
    parser.add_argument("--embeddings", type=Path, help="folder in which embeddings are kept")
    parser.add_argument("--ahead", action="store_true", help="encode ahead, as the server does")
    options = parser.parse_args()
    reach.THICKNESS = options.thickness
    data = Path(os.environ["SAM_TEST_DATA"])
    rows: dict[str, list[float]] = {}
    taken: dict[str, Answers] = {}
    asked = options.structures
    for case in cases(data, asked, options.precision, asked.__contains__, keep=options.embeddings):
        start = segment_box(case.slices, longer_box(case.truth, options.longer))
        answers = taken[case.name] = Answers()
        rows[case.name] = clicked(case, start, options.clicks, answers, ahead=options.ahead)
    steps = {name: float(np.diff(values).min(initial=0.0)) for name, values in rows.items()}
    rows["**mean**"] = np.mean(list(rows.values()), axis=0).tolist()
    titles = ["box", *(str(n) for n in range(1, options.clicks + 1))]
    console.note(f"| structure | {' | '.join(titles)} |")
    console.note(f"| --- |{' --- |' * len(titles)}")
    for name, values in rows.items():
        console.note(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |")
    worst = min(steps, key=lambda name: steps[name])
    console.note(f"the largest loss at one click: {steps[worst]:.4f}, {worst}")
    titles = ["seconds", "CPU seconds", "encoded", "most encoded", "decoded"]
    console.note(f"| structure | {' | '.join(titles)} |")
    console.note(f"| --- |{' --- |' * len(titles)}")
    for name, answers in taken.items():
        console.note(f"| {name} | {answers.row} |")


if __name__ == "__main__":
    main()
