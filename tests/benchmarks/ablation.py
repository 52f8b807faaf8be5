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
from sam_med.propagate import planes_rounds, vote
from sam_med.propagate.first_guesses import predict_tracks, predict_whole_box
from sam_med.propagate.track import EIGHTHS
from tests.benchmarks.propagation import boxed, cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _only_whole_boxes(predictor: Any, shown: Any, *_: Any) -> Any:
    return predict_whole_box(predictor, shown)


def _only_tracks(predictor: Any, shown: Any, *_: Any) -> Any:
    return predict_tracks(predictor, shown, {}, EIGHTHS // 2)


def _every_slice(window: Any, axes: Any, *_: Any) -> Any:
    return {axis: tuple(range(window.start[axis], window.stop[axis])) for axis in axes}


def _only_voted_box(predictor: Any, axis: int, masks: Sequence[Any], boxes: Any) -> Any:
    return boxes(predictor, axis, masks[:1])


_BOXES: Callable[..., Any] = planes_rounds._boxes_around  # a step of the page
STEPS: dict[str, list[tuple[Any, str, Any]]] = {
    "all steps": [],
    "one axis": [(planes_rounds, "usable_axes", lambda _volume: (0,))],
    "every slice": [(planes_rounds, "shown_slices", _every_slice)],
    "no tracks": [(planes_rounds, "predict_tracks", _only_whole_boxes)],
    "no whole box": [(planes_rounds, "predict_whole_box", _only_tracks)],
    "first guesses only": [(planes_rounds, "SURE", -1.0)],
    "always many guesses": [(planes_rounds, "SURE", 2.0)],
    "no rounds": [(planes_rounds, "ask_again", lambda *_: None)],
    "no last vote": [(planes_rounds, "last_vote", lambda _p, _w, mask: mask)],
    "equal votes": [(vote, "weight", lambda _one: 1.0)],
    "no box of the other axes": [
        (planes_rounds, "_boxes_around", lambda *a: _only_voted_box(*a, _BOXES))
    ],
    "no reach": [(planes_rounds, "LEAST_REACH", 0.0)],
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
