"""Calibrate confidence: `python -m tests.benchmarks.calibration FOLDER`.

Takes the runs of `tests.benchmarks.calibration_runs` in a folder. Objects (by score) and slices (by
confidence) are put into bins. The bound of a bin is the Dice below which a share of its members
lies, every volume counting the same; with a higher confidence a bound never falls. The share is the
largest with which at least nine of ten objects, or slices, of volumes that are left out one after
the other have their bound or more. Coverage is then told with the whole of it done anew without
each volume, the choice of the share included.

`--facts sam_med/objects/calibration_facts.py` writes the table that the package uses, and `--write
docs/propagation-figures.md` the section of that page and the seconds of the runs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sam_common.support import console
from sam_med.objects.calibration import LEAST_VOLUMES
from sam_med.objects.calibration_facts import LEVEL, METHOD, MODEL
from tests.benchmarks.calibration_runs import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

EDGES = {
    "objects": (0.0, 0.5, 0.65, 0.75),
    "slices": (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9),
}
"""Least score or confidence of each bin, chosen before any bound was computed."""
RINGS = ("myocardium, cine", "myocardium, bSSFP")
"""Structures around something else: a box cannot say them, and they are told apart."""
LEAST_MEMBERS = {"objects": 9, "slices": 20}
"""Members of a bin; one with fewer goes with the next one above it."""
SHARES = tuple(n / 1000 for n in range(5, 151, 5))
"""Shares of a bin that may lie below its bound."""
ROUNDING = 1e-9
SECONDS = (
    "Structures of the first table that are missing here were not run. Seconds are those of one "
    "thread of a machine that others used at the same time, so they cannot be compared:"
)
TITLE = "## Calibrated confidence"
Kind = Literal["objects", "slices"]
Steps = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Sample:
    """What is known of objects or slices; arrays of one length."""

    certainty: npt.NDArray[np.float64]
    dice: npt.NDArray[np.float64]
    volume: npt.NDArray[np.str_]
    modality: npt.NDArray[np.str_]

    def part(self, rows: npt.NDArray[np.bool_]) -> Sample:
        """Some of them."""
        return Sample(self.certainty[rows], self.dice[rows], self.volume[rows], self.modality[rows])

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """One for each volume, shared by its members."""
        _, place, count = np.unique(self.volume, return_inverse=True, return_counts=True)
        return 1.0 / count[place]


def sample(rows: Sequence[dict[str, Any]], kind: Kind) -> Sample:
    """The objects of runs, or their slices."""
    if kind == "objects":
        found = [(r["score"], r["dice"], r["volume"], r["modality"]) for r in rows]
    else:
        found = [
            (at["confidence"], at["dice"], r["volume"], r["modality"])
            for r in rows
            for at in r["slices"]
        ]
    certainty, dices, volumes, modalities = zip(*found, strict=True)
    return Sample(np.array(certainty), np.array(dices), np.array(volumes), np.array(modalities))


def fit(known: Sample, kind: Kind, share: float) -> Steps:
    """(least certainty, bound) of each step, ascending in both."""
    bins = _bins(known, kind)
    place = np.searchsorted(bins, known.certainty, side="right") - 1
    bounds, totals = [], []
    for n in range(len(bins)):
        mine = place == n
        weights = known.part(mine).weights
        bounds.append(_quantile(known.dice[mine], weights, share))
        totals.append(float(mine.sum()) + 1e-9)
    level = _rising(bounds, totals)
    return tuple(zip(bins, level, strict=True))


def _bins(known: Sample, kind: Kind) -> list[float]:
    """Least certainty of each bin; one with few members goes with the next one above.

    The lowest bin, of what the method itself doubts, stays for itself, however few it has.
    """
    edges = EDGES[kind]
    found = [edges[0]]
    waiting: float | None = None
    for low, high in zip(edges[1:], (*edges[2:], np.inf), strict=True):
        start = low if waiting is None else waiting
        count = np.count_nonzero((known.certainty >= start) & (known.certainty < high))
        if count >= LEAST_MEMBERS[kind]:
            found.append(start)
            waiting = None
        else:
            waiting = start
    # what is left at the top goes with the bin below, but never with the lowest
    return found if waiting is None or len(found) > 1 else [*found, waiting]


def _quantile(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], share: float
) -> float:
    """The largest value with at most a share of the weight below it.

    The one that is to come counts as below all that are known, as in any conformal bound: of fewer
    than nine nothing can be said with 90 %, and the bound is 0.
    """
    count = len(values)
    if share * (count + 1) < 1:
        return 0.0
    order = np.argsort(values)
    known = np.concatenate([[0.0], np.cumsum(weights[order])[:-1]]) / weights.sum()
    below = (1 + count * known) / (count + 1)
    return float(values[order][below <= share + ROUNDING][-1])


def _rising(bounds: Sequence[float], totals: Sequence[float]) -> list[float]:
    """Bounds that never fall: where one would, both get their mean by weight (PAV)."""
    blocks: list[tuple[float, float, int]] = []
    for bound, total in zip(bounds, totals, strict=True):
        blocks.append((bound, total, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return [bound for bound, _, count in blocks for _ in range(count)]


def bound_of(certainty: npt.NDArray[np.float64], steps: Steps) -> npt.NDArray[np.float64]:
    """The bound of each certainty."""
    place = np.searchsorted([least for least, _ in steps], certainty, side="right") - 1
    return np.array([bound for _, bound in steps])[np.maximum(place, 0)]


def left_out(known: Sample, kind: Kind, share: float) -> npt.NDArray[np.bool_]:
    """Whether each has its bound, which was fitted without its volume."""
    held = np.zeros(len(known.dice), dtype=np.bool_)
    for volume in np.unique(known.volume):
        mine = known.volume == volume
        steps = fit(known.part(~mine), kind, share)
        held[mine] = known.dice[mine] >= bound_of(known.certainty[mine], steps)
    return held


def chosen_share(known: Sample, kind: Kind) -> float:
    """The largest share with which `LEVEL` of left-out members have their bound."""
    good = [share for share in SHARES if left_out(known, kind, share).mean() >= LEVEL]
    return max(good, default=SHARES[0])


def coverage(known: Sample, kind: Kind) -> npt.NDArray[np.bool_]:
    """Whether each has its bound, with share and bounds chosen without its volume."""
    held = np.zeros(len(known.dice), dtype=np.bool_)
    for volume in np.unique(known.volume):
        mine = known.volume == volume
        others = known.part(~mine)
        steps = fit(others, kind, chosen_share(others, kind))
        held[mine] = known.dice[mine] >= bound_of(known.certainty[mine], steps)
    return held


def facts(rows: Sequence[dict[str, Any]]) -> str:
    """The module of facts."""
    volumes = _volumes(rows)
    steps = {}
    for kind in ("objects", "slices"):
        known = sample(rows, kind)
        fitted = fit(known, kind, chosen_share(known, kind))
        lines = [f"    ({least:g}, {bound:.3f})," for least, bound in fitted]
        steps[kind] = "\n".join(lines)
    counted = ", ".join(f'"{name}": {count}' for name, count in sorted(volumes.items()))
    return FACTS.format(
        level=LEVEL, model=MODEL, method=METHOD, volumes=counted, structures=len(rows), **steps
    )


FACTS = '''"""Facts of calibration as measured, by `python -m tests.benchmarks.calibration`.

Steps are (least score or confidence, bound of the Dice), ascending.
"""

from __future__ import annotations

LEVEL = {level}
"""Share of left-out objects and slices that have their bound."""
MODEL, METHOD = "{model}", "{method}"
"""Network and method that were measured, by tight 3-D boxes."""
VOLUMES = {{{volumes}}}
"""Public volumes that were measured of each modality, with {structures} structures in all."""
OBJECTS: tuple[tuple[float, float], ...] = (
{objects}
)
"""By the score of an object."""
SLICES: tuple[tuple[float, float], ...] = (
{slices}
)
"""By the confidence of a slice."""
'''


def _volumes(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many volumes of each modality there are."""
    pairs = {(r["modality"], r["volume"]) for r in rows}
    return {
        name: sum(modality == name for modality, _ in pairs)
        for name in sorted({modality for modality, _ in pairs})
    }


def section(rows: Sequence[dict[str, Any]], rings: Sequence[dict[str, Any]]) -> str:
    """The section of the page of figures.

    Args:
        rows: The runs that the bounds are made of.
        rings: Runs that are told apart.
    """
    volumes = _volumes(rows)
    counted = ", ".join(f"{count} {name}" for name, count in volumes.items())
    intro = (
        f"From {len(rows)} structures of {sum(volumes.values())} volumes ({counted}), each found "
        "once in its tight box with `lite_medsam` in bf16. *held* is the share whose Dice was at "
        "least the bound, with the volume left out of all that made the bound."
    )
    lines = [TITLE, "", intro, ""]
    for kind, by in (("objects", "score"), ("slices", "confidence")):
        known = sample(rows, kind)
        lines += _kind_lines(known, kind, by)
    lines += [
        f"- A modality needs {LEAST_VOLUMES} volumes; of others there is not enough evidence.",
        *([_ring_line(rows, rings)] if rings else []),
        "",
        SECONDS,
        "",
        "| volume | structure | Dice | score | bound | seconds | encoded | decoded |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    known = sample(rows, "objects")
    steps = fit(known, "objects", chosen_share(known, "objects"))
    bounds = bound_of(known.certainty, steps)
    last = ""
    for row, bound in zip(rows, bounds, strict=True):
        volume = "" if row["volume"] == last else f"`{row['volume']}`"
        last = row["volume"]
        lines.append(
            f"| {volume} | {row['structure']} | {row['dice']:.3f} | {row['score']:.2f} | "
            f"{bound:.2f} | {row['seconds']:.0f} | {row['encoded']} | {row['decoded']} |"
        )
    mean = float(np.mean(known.dice))
    lines.append(f"| **mean** | ({len(rows)}) | {mean:.3f} |  |  |  |  |  |")
    return "\n".join(lines) + "\n"


def _ring_line(rows: Sequence[dict[str, Any]], rings: Sequence[dict[str, Any]]) -> str:
    """A sentence on the structures that a box cannot say."""
    known, apart = sample(rows, "objects"), sample(rings, "objects")
    steps = fit(known, "objects", chosen_share(known, "objects"))
    held = apart.dice >= bound_of(apart.certainty, steps)
    scores = " and ".join(f"{row['score']:.2f}" for row in rings)
    named = ", ".join(f"{row['structure']} ({row['dice']:.2f})" for row in rings)
    told = coverage(sample([*rows, *rings], "objects"), "objects")
    return (
        f"- Rings are left out of all this, because a box cannot say them: {named}. Their scores "
        f"are {scores}, and {sum(held)} of {len(rings)} have their bound. With them in, "
        f"{100 * told.mean():.1f} % of {len(told)} objects would have had theirs."
    )


def _kind_lines(known: Sample, kind: Kind, by: str) -> list[str]:
    """The table of one kind and a sentence on its coverage."""
    held = coverage(known, kind)
    steps = fit(known, kind, chosen_share(known, kind))
    edges = [least for least, _ in steps]
    place = np.searchsorted(edges, known.certainty, side="right") - 1
    lines = [
        f"| {by} from | {kind} | volumes | median Dice | Dice at least, 90 % | held |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for n, (least, bound) in enumerate(steps):
        mine = place == n
        lines.append(
            f"| {least:g} | {np.count_nonzero(mine)} | {len(np.unique(known.volume[mine]))} | "
            f"{np.median(known.dice[mine]):.3f} | {bound:.3f} | {100 * held[mine].mean():.0f} % |"
        )
    by_modality = ", ".join(
        f"{100 * held[known.modality == name].mean():.0f} % of {name}"
        for name in np.unique(known.modality)
    )
    by_volume = [held[known.volume == name].mean() for name in np.unique(known.volume)]
    told = (
        f"- Of all {len(held)} {kind} of left-out volumes {held.sum()} had their bound, "
        f"{100 * held.mean():.1f} % ({by_modality}); the mean over volumes is "
        f"{100 * np.mean(by_volume):.1f} %."
    )
    return [*lines, "", told, ""]


def main() -> None:
    """Fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the runs")
    parser.add_argument("--facts", type=Path, help="module to write")
    parser.add_argument("--write", type=Path, help="page whose section is written")
    options = parser.parse_args()
    every = read(options.folder)
    rows = [row for row in every if row["structure"] not in RINGS]
    rings = [row for row in every if row["structure"] in RINGS]
    told = section(rows, rings)
    console.note(told)
    if options.facts is not None:
        options.facts.write_text(facts(rows), encoding="utf-8")
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        before, _, rest = page.partition(TITLE)
        _, mark, after = rest.partition("\n## ")
        after = f"\n## {after}" if mark else ""
        options.write.write_text(f"{before.rstrip()}\n\n{told}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
