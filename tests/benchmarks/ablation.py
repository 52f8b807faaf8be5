"""Ablation of propagation: `python -m tests.benchmarks.ablation [WORDS OF STRUCTURES]`.

Each structure of `tests.benchmarks.propagation` is segmented by its tight 3-D box, with one step of
`docs/propagation.md` left out at a time. Needs `SAM_TEST_DATA`; a structure takes minutes.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from sam_common.metrics.agreement import dice
from sam_common.support import console
from sam_med.propagate import planes_hypotheses, planes_rounds, vote
from sam_med.propagate.planes_rounds import predict_tracks, predict_whole_box
from sam_med.propagate.track import middle_slices
from tests.benchmarks.propagation import boxed, cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _only_whole_boxes(predictor: Any, axes: Any, *_: Any) -> Any:
    return predict_whole_box(predictor, axes, lambda _n: None)


def _only_tracks(predictor: Any, axes: Any, *_: Any) -> Any:
    return predict_tracks(predictor, axes, {}, middle_slices)


def _only_voted_box(predictor: Any, axis: int, masks: Sequence[Any], boxes: Any) -> Any:
    return boxes(predictor, axis, masks[:1])


_BOXES: Callable[..., Any] = planes_rounds._boxes_around  # a step of the page
STEPS: dict[str, list[tuple[Any, str, Any]]] = {
    "all steps": [],
    "one axis": [(planes_rounds, "usable_axes", lambda _volume: (0,))],
    "no tracks": [(planes_rounds, "predict_tracks", _only_whole_boxes)],
    "no whole box": [(planes_rounds, "predict_whole_box", _only_tracks)],
    "no pairs": [(planes_rounds, "pair_tracks", lambda *_a, **_k: [])],
    "no rounds": [(planes_rounds, "_predict_again", lambda _p, known, *_: known)],
    "no last vote": [(planes_rounds, "last_vote", lambda _p, _w, mask: mask)],
    "equal votes": [(vote, "weight", lambda _one: 1.0)],
    "no box of the other axes": [
        (planes_rounds, "_boxes_around", lambda *a: _only_voted_box(*a, _BOXES))
    ],
    "no reach": [
        (planes_rounds, "LEAST_REACH", 0.0),
        (planes_hypotheses, "reach", lambda _mask: 1.0),
    ],
}
"""Steps left out, as attributes of modules and what stands in for them."""


def main() -> None:
    """Print the Dice of each structure without each step."""
    for case in cases(Path(os.environ["SAM_TEST_DATA"]), sys.argv[1:]):
        for name, changes in STEPS.items():
            with contextlib.ExitStack() as stack:
                for module, attribute, value in changes:
                    stack.enter_context(mock.patch.object(module, attribute, value))
                found = boxed(case, share=0)
            console.note(f"{case.name}, {name}: {dice(found, case.truth):.3f}")


if __name__ == "__main__":
    main()
