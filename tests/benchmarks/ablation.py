"""What each step of propagation is worth: `python -m tests.benchmarks.ablation`.

Each structure of `tests.benchmarks.propagation` is segmented by its tight 3-D box, with one step of
`docs/propagation.md` left out, or one number changed, at a time. A step earns its place where the
structures lose without it, whichever volume is left out of the mean. Needs `SAM_TEST_DATA`; a
structure takes minutes, so figures are kept in a file of JSON, and what stands there is not
measured again. `--write docs/propagation-ablation.md` makes the page of all that was kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from sam_common.metrics.agreement import dice
from sam_common.metrics.paired_bootstrap import paired_gain
from sam_common.support import console
from sam_med.propagate import first_guesses, paths, planes_rounds, track, vote
from sam_med.propagate.first_guesses import predict_tracks, predict_whole_box
from sam_med.propagate.track import EIGHTHS
from tests.benchmarks.propagation import STRUCTURES, boxed, cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.propagation import Case

WHOLE = "all steps"
HEAD = """# What each step is worth

The default method of {{doc}}`propagation` with one step left out, or one number changed, at a time:
Dice from the tight 3-D box of {structures} structures in {volumes} public volumes, `lite_medsam`
with its encoder in bf16. *gain* is the mean Dice with the step less that without it; its interval
of 95 % is a paired bootstrap that draws volumes, because structures of one volume are alike. *any
volume left out* is the range of that gain with each volume in turn left out of the mean: a step
that was made for one volume shows a range that holds zero. *best for* and *worst for* are the
structures that gain and lose the most by it. *decodings* is how many the method needs, as a share
of those of all steps.

Written by `python -m tests.benchmarks.ablation --write docs/propagation-ablation.md`.

"""
COLUMNS = (
    "without, or with",
    "mean Dice",
    "gain of the step",
    "any volume left out",
    "best for",
    "worst for",
    "decodings",
)


def _only_whole_boxes(predictor: Any, shown: Any, *_: Any) -> Any:
    return predict_whole_box(predictor, shown)


def _only_tracks(predictor: Any, shown: Any, *_: Any) -> Any:
    return predict_tracks(predictor, shown, {}, EIGHTHS // 2)


def _most_slices(most: int) -> Callable[..., Any]:
    return lambda window, axes, fixed, *_: first_guesses.shown_slices(window, axes, fixed, most)


def _only_voted_box(predictor: Any, axis: int, masks: Sequence[Any], boxes: Any) -> Any:
    return boxes(predictor, axis, masks[:1])


_BOXES: Callable[..., Any] = planes_rounds._boxes_around  # a step of the page
STEPS: dict[str, list[tuple[Any, str, Any]]] = {
    WHOLE: [],
    "one axis": [(planes_rounds, "usable_axes", lambda _volume: (0,))],
    "all axes, however thick the slices": [(planes_rounds, "MAX_ASPECT", np.inf)],
    "every slice": [(planes_rounds, "shown_slices", _most_slices(1 << 20))],
    "8 slices": [(planes_rounds, "shown_slices", _most_slices(8))],
    "no tracks": [(planes_rounds, "predict_tracks", _only_whole_boxes)],
    "no whole box": [(planes_rounds, "predict_whole_box", _only_tracks)],
    "first guesses only": [(planes_rounds, "SURE", -1.0)],
    "always many guesses": [(planes_rounds, "SURE", 2.0)],
    "no rounds": [(planes_rounds, "ask_again", lambda *_: None)],
    "no box of the other axes": [
        (planes_rounds, "_boxes_around", lambda *a: _only_voted_box(*a, _BOXES))
    ],
    "no last vote": [(planes_rounds, "last_vote", lambda _p, _w, mask: mask)],
    "equal votes": [(vote, "weight", lambda _one: 1.0)],
    "no reach": [(planes_rounds, "LEAST_REACH", 0.0)],
    "paths without neighbours": [(paths, "NEIGHBOURS", 0.0)],
    "`paths.NEIGHBOURS` 1": [(paths, "NEIGHBOURS", 1.0)],
    "`planes_rounds.SURE` 0.4": [(planes_rounds, "SURE", 0.4)],
    "`planes_rounds.SURE` 0.6": [(planes_rounds, "SURE", 0.6)],
    "`planes_rounds.NEAR` 1": [(planes_rounds, "NEAR", 1)],
    "`planes_rounds.NEAR` 4": [(planes_rounds, "NEAR", 4)],
    "`track.MARGIN_PX` 2": [(track, "MARGIN_PX", 2), (planes_rounds, "MARGIN_PX", 2)],
    "`track.MARGIN_PX` 4": [(track, "MARGIN_PX", 4), (planes_rounds, "MARGIN_PX", 4)],
    "`vote.DOUBTED_QUALITY` 0.2": [(vote, "DOUBTED_QUALITY", 0.2)],
    "`vote.DOUBTED_QUALITY` 0.4": [(vote, "DOUBTED_QUALITY", 0.4)],
}
"""Steps left out, as attributes of modules and what stands in for them."""


def measured(case: Case, name: str) -> dict[str, float]:
    """Dice of a structure with one step left out, and the decodings that it took."""
    before = case.slices.decoded
    with contextlib.ExitStack() as stack:
        for module, attribute, value in STEPS[name]:
            stack.enter_context(mock.patch.object(module, attribute, value))
        found = boxed(case, share=0)
    return {"dice": dice(found, case.truth), "decoded": case.slices.decoded - before}


def row(name: str, kept: dict[str, dict[str, Any]]) -> tuple[str, ...] | None:
    """The row of a step over the structures for which it was measured; None where for none."""
    names = [one for one in kept if name in kept[one] and WHOLE in kept[one]]
    if not names:
        return None
    volumes = [volume_of(one) for one in names]
    without = np.array([kept[one][name]["dice"] for one in names])
    gains = np.array([kept[one][WHOLE]["dice"] for one in names]) - without
    gain = paired_gain(gains, volumes)
    rest = [
        gains[[v != left for v in volumes]].mean()
        for left in set(volumes)
        if any(v != left for v in volumes)
    ]
    best, worst = int(gains.argmax()), int(gains.argmin())
    decoded = [sum(kept[one][key]["decoded"] for one in names) for key in (name, WHOLE)]
    return (
        name,
        f"{without.mean():.3f}",
        "" if name == WHOLE else f"{gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})",
        "" if name == WHOLE or not rest else f"{min(rest):+.3f} to {max(rest):+.3f}",
        "" if gains[best] < SHOWN else f"{names[best]} {gains[best]:+.3f}",
        "" if gains[worst] > -SHOWN else f"{names[worst]} {gains[worst]:+.3f}",
        f"{decoded[0] / decoded[1]:.2f}",
    )


SHOWN = 0.0005
"""Least change of a Dice that is named."""


def volume_of(structure: str) -> str:
    """The volume of a structure."""
    return next(item for item, (*_, names) in STRUCTURES.items() if structure in names.values())


def page(kept: dict[str, dict[str, Any]]) -> str:
    """The page of all figures."""
    whole = [name for name in kept if WHOLE in kept[name]]
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    rows += [found for found in (row(name, kept) for name in STEPS) if found is not None]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    volumes = {volume_of(name) for name in whole}
    return HEAD.format(structures=len(whole), volumes=len(volumes)) + table + "\n"


def main() -> None:
    """Measure, keep and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--structures", nargs="*", default=[], help="words of their names")
    parser.add_argument("--steps", nargs="*", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--keep", type=Path, default=Path("ablation.json"), help="file of figures")
    parser.add_argument("--write", type=Path, help="page to write")
    options = parser.parse_args()
    kept = json.loads(options.keep.read_text()) if options.keep.exists() else {}
    steps = {WHOLE, *options.steps}

    def is_missing(structure: str) -> bool:
        return not steps <= kept.get(structure, {}).keys()

    data = Path(os.environ["SAM_TEST_DATA"])
    for case in cases(data, options.structures, "auto", is_missing):
        figures = kept.setdefault(case.name, {})
        for name in (name for name in STEPS if name in steps and name not in figures):
            figures[name] = measured(case, name)
            options.keep.write_text(json.dumps(kept, indent=1))
            console.note(f"{case.name}, {name}: {figures[name]['dice']:.3f}")
    if options.write is not None:
        tail = ()
        if options.write.exists():
            tail = options.write.read_text().partition("\n## What to read from it\n")[1:]
        options.write.write_text(page(kept) + "".join(tail), encoding="utf-8")


if __name__ == "__main__":
    main()
