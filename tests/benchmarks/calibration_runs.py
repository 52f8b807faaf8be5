"""Runs to calibrate confidence from: `python -m tests.benchmarks.calibration_runs FOLDER`.

Every structure of `tests.benchmarks.propagation` is asked for once by its tight 3-D box. What the
method says of its answer, and what the truth says, go to `FOLDER/STRUCTURE.json`, and a structure
that stands there is not run again: a run that was cut goes on where it was. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.support import console
from sam_med.propagate.planes import segment_box
from sam_med.propagate.vote import agreement, by_axis, mean_quality, reach
from tests.benchmarks.ablation import volume_of
from tests.benchmarks.propagation import STRUCTURES, cases, tight

if TYPE_CHECKING:
    from sam_med.propagate.propagated_object import PropagatedObject
    from tests.benchmarks.propagation import Case


def path_of(folder: Path, structure: str) -> Path:
    """The file of a structure's run."""
    return folder / f"{structure.replace(', ', '-').replace(' ', '_')}.json"


def run(case: Case) -> dict[str, Any]:
    """What the method and the truth say of one structure."""
    started, encoded, decoded = time.perf_counter(), case.slices.calls, case.slices.decoded
    found = segment_box(case.slices, tight(case.truth))
    taken = time.perf_counter() - started
    volume = volume_of(case.name)
    return {
        "structure": case.name,
        "volume": volume,
        "modality": STRUCTURES[volume][2],
        "dice": dice(found.full(case.slices.shape), case.truth),
        "seconds": round(taken, 2),
        "encoded": case.slices.calls - encoded,
        "decoded": case.slices.decoded - decoded,
        "shape": found.window.shape,
        "voxels": int(np.count_nonzero(found.mask)),
        "truth": int(np.count_nonzero(case.truth)),
        **_said(found),
        "slices": _slices(found, case),
    }


def _said(found: PropagatedObject) -> dict[str, Any]:
    """What the method says of the whole object."""
    return {
        "score": found.score,
        "agreement": agreement(found.predictions, found.window),
        "quality": mean_quality(found.predictions, found.mask, found.window),
        "reach": reach(found.mask),
        "axes": list(by_axis(found.predictions)),
        "candidates": [[one.score, one.dice] for one in found.candidates],
    }


def _slices(found: PropagatedObject, case: Case) -> list[dict[str, Any]]:
    """What the method and the truth say of each slice of the window along the first axis."""
    truth = case.truth[found.window.slices]
    return [
        {
            "k": at.k,
            "dice": dice(mask, true),
            "voxels": int(np.count_nonzero(mask)),
            "truth": int(np.count_nonzero(true)),
            "confidence": at.confidence,
            "iou": at.predicted_iou,
            "stability": at.stability,
            "neighbours": at.neighbours,
            "planes": at.planes,
        }
        for at, mask, true in zip(found.slices, found.mask, truth, strict=True)
    ]


def read(folder: Path) -> list[dict[str, Any]]:
    """The runs in a folder, in the order of the table of structures."""
    names = [name for *_, structures in STRUCTURES.values() for name in structures.values()]
    paths = [path_of(folder, name) for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--structures", nargs="*", default=[], help="words of their names")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ["SAM_TEST_DATA"])

    def is_missing(structure: str) -> bool:
        return not path_of(options.folder, structure).exists()

    for case in cases(data, options.structures, "auto", is_missing):
        row = run(case)
        path_of(options.folder, case.name).write_text(json.dumps(row, indent=1), encoding="utf-8")
        console.note(
            f"{case.name}: {row['dice']:.3f}, score {row['score']:.3f}, {row['seconds']} s"
        )


if __name__ == "__main__":
    main()
