"""Objects fragmented or merged by windows: `python -m tests.benchmarks.linking`.

A perfect segmenter, and one whose outlines are off by a pixel, on scenes whose truth is known.
FIELD figures of peers for the same kinds of scene: 6-80 % fragmented or duplicated.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sam_common.support import console

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))
import scenes  # of the tests, found by the line above

SIZE = 4096
SCENES = {
    "buildings": lambda: scenes.buildings(SIZE, 3014),
    "fields": lambda: scenes.parcels(SIZE, 89),
    "touching parcels": lambda: scenes.parcels(SIZE, 11591),
}
COLUMNS = ("scene", "jitter", "side", "overlap", "objects", "fragmented %", "false merges", "exact")


def main() -> None:
    """Print the table."""
    rows = []
    for name, make in SCENES.items():
        labels = make()
        for jitter in (None, "shift", "edge"):
            for side in (512, 1024, 2048) if jitter is None else (512,):
                result = scenes.score(
                    labels, *scenes.linked(labels, side=side, overlap=128, jitter=jitter)
                )
                rows.append(
                    (
                        name,
                        jitter or "none",
                        side,
                        128,
                        result.truth,
                        round(100 * (result.fragmented + result.missing) / result.truth, 3),
                        result.false_merges,
                        result.exact,
                    )
                )
    console.table("Linking", COLUMNS, rows)


if __name__ == "__main__":
    main()
