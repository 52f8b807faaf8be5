"""Objects fragmented or merged by windows: `python -m tests.benchmarks.linking`.

A perfect segmenter, and one whose outlines are off by a pixel, on scenes whose truth is known:
how many objects came in several parts, twice or not at all, how many results join two objects, and
how many have every pixel of their object, or an IoU of 0.98 with it. Peers fragment or double 6 to
80 % of the objects of such scenes.

    --ablation --size 2048       without each of the steps of docs/stitching.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sam_common.support import console
from tests.benchmarks.stitching_steps import LINKING, without

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))
import scenes  # of the tests, found by the line above

SIZE, OVERLAP = 4096, 128
SCENES = {
    "buildings": lambda size: scenes.buildings(size, 3014 * size**2 // SIZE**2),
    "fields": lambda size: scenes.parcels(size, 89 * size**2 // SIZE**2),
    "touching parcels": lambda size: scenes.parcels(size, 11591 * size**2 // SIZE**2),
}
COLUMNS = (
    "scene", "jitter", "side", "without", "objects", "fragmented", "false merges", "exact",
    "IoU 0.98",
)  # fmt: skip


def measure(name, labels, jitter, side, steps=()):
    """A row of the table: one scene, seen by one segmenter, without some steps."""
    with without(steps):
        linked, names = scenes.linked(labels, side=side, overlap=OVERLAP, jitter=jitter)
    result = scenes.score(labels, linked, names)
    return (
        name,
        jitter or "none",
        side,
        ", ".join(steps) or "-",
        result.truth,
        result.fragmented + result.missing,
        result.false_merges,
        result.exact,
        result.similar,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ablation", action="store_true", help="windows of 512, each step off")
    parser.add_argument("--size", type=int, default=SIZE)
    chosen = parser.parse_args()
    every = [(), *((step,) for step in LINKING)] if chosen.ablation else [()]
    rows = []
    for name, make in SCENES.items():
        labels = make(chosen.size)
        for jitter in (None, "shift", "edge"):
            sides = (512, 1024, 2048) if jitter is None and not chosen.ablation else (512,)
            rows += [measure(name, labels, jitter, s, steps) for s in sides for steps in every]
    console.table("Linking", COLUMNS, rows)


if __name__ == "__main__":
    main()
