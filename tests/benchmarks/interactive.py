"""Dice of objects after clicks: `python -m tests.benchmarks.interactive`.

The protocol of interactive segmentation: the object is asked for by its true 3-D box, and then up
to five clicks follow. Each lies at the most inner voxel (largest distance to the edge, in mm) of
the largest connected piece of what is missing or surplus, and says which of the two it is. A click
names no slice. Needs `SAM_TEST_DATA`; with `--embeddings FOLDER` later runs are faster.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from sam_common.metrics.agreement import dice
from sam_common.support import console
from sam_med.corrections.correct import correct
from sam_med.corrections.marks import Mark
from sam_med.propagate.planes import segment_box
from tests.benchmarks.propagation import cases, tight

if TYPE_CHECKING:
    from sam_med.propagate.propagated_object import PropagatedObject
    from tests.benchmarks.propagation import Case, Mask

STRUCTURES = ("brain lesion", "spleen", "liver, MR")
CLICKS = 5


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


def clicked(case: Case, start: PropagatedObject, clicks: int) -> list[float]:
    """Dice of an object before and after each of its clicks."""
    result = start
    shape, spacing = case.slices.shape, case.slices.volume.spacing_mm
    values = [dice(result.full(shape), case.truth)]
    for _ in range(clicks):
        click = next_click(result.full(shape), case.truth, spacing)
        if click is not None:
            started, calls = time.perf_counter(), case.slices.calls
            result = correct(result, case.slices, click)
            taken = time.perf_counter() - started
            console.note(f"{click.told}: {taken:.1f} s, {case.slices.calls - calls} slices encoded")
        values.append(dice(result.full(shape), case.truth))
        console.note(f"{case.name}: {values[-1]:.4f}")
    return values


def main() -> None:
    """Measure the structures and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--structures", nargs="+", default=STRUCTURES, help="their names")
    parser.add_argument("--clicks", type=int, default=CLICKS)
    parser.add_argument("--precision", default="bf16", help="of the image encoder")
    parser.add_argument("--embeddings", type=Path, help="folder in which embeddings are kept")
    options = parser.parse_args()
    data = Path(os.environ["SAM_TEST_DATA"])
    rows: dict[str, list[float]] = {}
    asked = options.structures
    for case in cases(data, asked, options.precision, asked.__contains__, keep=options.embeddings):
        start = segment_box(case.slices, tight(case.truth))
        rows[case.name] = clicked(case, start, options.clicks)
    rows["**mean**"] = np.mean(list(rows.values()), axis=0).tolist()
    titles = ["box", *(str(n) for n in range(1, options.clicks + 1))]
    console.note(f"| structure | {' | '.join(titles)} |")
    console.note(f"| --- |{' --- |' * len(titles)}")
    for name, values in rows.items():
        console.note(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |")


if __name__ == "__main__":
    main()
