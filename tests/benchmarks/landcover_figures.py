"""The page of land-cover figures: `python -m tests.benchmarks.landcover_figures`.

Measures what the other scripts of this name measure, one step after the other, keeps what each step
found in a folder, and puts the tables into `docs/landcover-figures.md`:

    python -m tests.benchmarks.landcover_figures --results RESULTS --write docs/landcover-figures.md

A step whose result is in the folder is not measured again. Needs `SAM_TEST_DATA`, and takes hours
on one core with all seeds and rasters; `--seeds` and `--sides` make it shorter.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.support import console
from sam_geo.accuracy.estimates import estimate
from tests.benchmarks.landcover import (
    REFERENCES,
    Method,
    examine,
    forest,
    forest_in_squares,
    gaussians,
    segment_majority,
)
from tests.benchmarks.landcover_change import buildings, water
from tests.benchmarks.landcover_data import SCENES, Scene
from tests.benchmarks.landcover_ours import every_piece, landcover
from tests.benchmarks.landcover_partition import partitions
from tests.benchmarks.landcover_size import SIDES
from tests.geo.accuracy.test_estimates import (
    COUNTS,
    NAMES,
    PIXEL_M2,
    PIXELS,
    intervals_that_hold,
    sample_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OURS, KEPT = "ours", "ours, every piece kept"
METHODS: dict[str, Method] = {
    **dict(zip(REFERENCES, (forest, forest_in_squares, gaussians, segment_majority), strict=True)),
    OURS: landcover,
}
SEEDS = 3
SIMULATED = 1000


def measured_set(scene: Scene, seed: int) -> dict[str, Any]:
    """Every method on one set; once, where edges are known, the product with small pieces too."""
    is_once = scene.truth is not None and seed == 0
    methods = {**METHODS, KEPT: every_piece} if is_once else METHODS
    return {
        "set": scene.name,
        "folds": scene.folds,
        "methods": {
            name: examine(scene, method, range(seed, seed + 1)) for name, method in methods.items()
        },
    }


def mean_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One set over several seeds: each figure is the mean of those that were measured."""
    every = [row["methods"] for row in rows]
    methods = {
        name: {
            key: float(np.mean([one[name][key] for one in every if name in one]))
            for key in every[0][name]
        }
        for name in every[0]
    }
    return {"set": f"{rows[0]['set']} ({rows[0]['folds']} x {len(rows)})", "methods": methods}


def estimates() -> dict[str, Any]:
    """The worked example of Olofsson et al. 2014, and a simulation of intervals."""
    areas = PIXELS * PIXEL_M2
    found = estimate(sample_of(COUNTS, areas), NAMES, areas)
    return {
        "overall": [found.overall.value, found.overall.margin],
        "classes": [
            {
                "class": one.name,
                "users": [one.users.value, one.users.margin],
                "producers": [one.producers.value, one.producers.margin],
                "hectares": [one.area_m2.value / 1e4, 1.96 * one.area_m2.standard_error / 1e4],
            }
            for one in found.classes
        ],
        "samples": SIMULATED,
        "inside": intervals_that_hold(SIMULATED),
    }


def sizes(sides: Sequence[int]) -> list[dict[str, Any]]:
    """Memory and time of large maps, each in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.landcover_size", "--sides"]
    done = subprocess.run([*command, *map(str, sides)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def steps(seeds: int, sides: Sequence[int]) -> dict[str, Callable[[], Any]]:
    """What is measured, by the name of its file in the folder of results."""
    sets = {
        f"set {name} {seed}": lambda name=name, seed=seed: measured_set(SCENES[name](), seed)
        for seed in range(seeds)
        for name in SCENES
    }
    return {
        **sets,
        "partition": partitions,
        "buildings": buildings,
        "water": water,
        "estimates": estimates,
        "size": lambda: sizes(sides),
    }


def _pair(row: dict[str, float]) -> str:
    return f"{row['overall accuracy']:.3f} / {row['macro F1']:.3f}"


def accuracy_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Overall accuracy and macro F1 of each set and method."""
    yield (
        "| set (folds x seeds), overall accuracy / macro F1 | "
        + " | ".join(METHODS)
        + " | over the best |"
    )
    yield "|---|" + "---|" * (len(METHODS) + 1)
    for one in found:
        rows = one["methods"]
        cells = [_pair(rows[name]) for name in METHODS]
        yield f"| {one['set']} | " + " | ".join(cells) + f" | {_over(rows)} |"
    means = {
        name: {
            key: float(np.mean([one["methods"][name][key] for one in found]))
            for key in ("overall accuracy", "macro F1")
        }
        for name in METHODS
    }
    cells = [f"**{_pair(means[name])}**" for name in METHODS]
    yield "| **mean** | " + " | ".join(cells) + f" | {_over(means)} |"


def _over(rows: dict[str, dict[str, float]]) -> str:
    """How far the product is over the best reference, each figure for itself."""
    apart = [
        rows[OURS][key] - max(rows[name][key] for name in REFERENCES)
        for key in ("overall accuracy", "macro F1")
    ]
    return " / ".join(f"{one:+.3f}" for one in apart)


def piece_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Pieces under four pixels."""
    yield "| set, pieces under 4 px | forest | forest in squares | ours | ours of forest's |"
    yield "|---|---|---|---|---|"
    for one in found:
        few = {name: row["small pieces"] for name, row in one["methods"].items()}
        share = few[OURS] / few["forest"] if few["forest"] else math.nan
        yield (
            f"| {one['set']} | {few['forest']:,.0f} | {few['forest in squares']:,.0f} | "
            f"{few[OURS]:,.1f} | {share:.4f} |"
        )


def edge_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Boundary F of the sets whose edges are known."""
    names = [*METHODS, KEPT]
    yield "| set, boundary F | " + " | ".join(names) + " |"
    yield "|---|" + "---|" * len(names)
    for one in found:
        if KEPT in one["methods"]:
            cells = [f"{one['methods'][name]['boundary F']:.3f}" for name in names]
            yield f"| {one['set']} | " + " | ".join(cells) + " |"


def time_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Processor seconds for a megapixel, learning included."""
    yield "| set, seconds per megapixel | " + " | ".join(METHODS) + " |"
    yield "|---|" + "---|" * len(METHODS)
    for one in found:
        cells = [f"{one['methods'][name]['seconds per megapixel']:.1f}" for name in METHODS]
        yield f"| {one['set']} | " + " | ".join(cells) + " |"


def partition_table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Gaps, overlaps and areas."""
    yield (
        "| set, polygons | number | invalid | gaps, px | overlaps, px | moved, px | "
        "edges shared | area error | true area error |"
    )
    yield "|---|" + "---|" * 8
    for row in rows:
        name = f"{row['set']}, {'simplified' if row['simplified'] else 'as the pixels'}"
        shared = "yes" if row["shared_edges"] else "no"
        areas = ["-" if row["simplified"] else f"{row['area_error']:.0e}"]
        areas += [f"{row['true_area_error']:.0e}"]
        pixels = " | ".join(
            f"{abs(row[key]):.6f}" for key in ("gaps_px", "overlaps_px", "moved_px")
        )
        yield (
            f"| {name} | {row['polygons']:,} | {row['invalid']} | {pixels} | {shared} | "
            f"{' | '.join(areas)} |"
        )


def building_table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """F1 of new buildings."""
    names = [key for key in rows[0] if key not in {"pair", "share"}]
    yield "| pair, F1 of buildings that came | share | " + " | ".join(names) + " |"
    yield "|---|" + "---|" * (len(names) + 1)
    for row in rows:
        mark = "**" if row["pair"] == "all" else ""
        cells = [f"{mark}{row[name]:.3f}{mark}" for name in names]
        yield f"| {mark}{row['pair']}{mark} | {row['share']:.3f} | " + " | ".join(cells) + " |"


def water_tables(found: dict[str, Any]) -> Iterator[Sequence[str]]:
    """F1 of water, and of water gained and lost."""
    yield [
        "| date | water, stand-in | water, mapped | F1 |",
        "|---|---|---|---|",
        *(
            f"| {row['date']} | {row['share']:.3f} | {row['mapped']:.3f} | {row['f1']:.3f} |"
            for row in found["dates"]
        ),
    ]
    yield [
        "| dates | water | stand-in, ha | mapped, ha | F1 | half a pixel explains |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row['dates']} | {row['what']} | {row['stand_in_ha']:.1f} | {row['ha']:.1f} | "
            f"{row['f1']:.3f} | {row['misreg_share']:.3f} |"
            for row in found["moves"]
        ),
    ]


def size_table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Memory and time of large maps."""
    yield (
        "| width x height, px | megapixels | peak over the libraries, MB | s | s per megapixel | "
        "read twice, s | times as long |"
    )
    yield "|---|" + "---|" * 6
    for row in rows:
        mega = row["side"] * row["height"] / 1e6
        more = ", with polygons" if row["polygons"] else ""
        yield (
            f"| {row['side']:,} x {row['height']:,}{more} | {mega:,.0f} | "
            f"{row['peak_mb']:,.0f} | {row['seconds']:,.0f} | {row['seconds'] / mega:.2f} | "
            f"{row['reads_seconds']:,.1f} | "
            f"{row['seconds'] / row['reads_seconds']:.1f} |"
        )


def estimate_tables(found: dict[str, Any]) -> Iterator[Sequence[str]]:
    """The worked example, and how often intervals hold the truth."""
    yield [
        "| class of the example | user's accuracy | producer's accuracy | area, ha |",
        "|---|---|---|---|",
        *(
            "| {} | {:.2f} ± {:.2f} | {:.2f} ± {:.2f} | {:,.0f} ± {:,.0f} |".format(
                row["class"], *row["users"], *row["producers"], *row["hectares"]
            )
            for row in found["classes"]
        ),
        "| overall accuracy | {:.2f} ± {:.2f} | | |".format(*found["overall"]),
    ]
    yield [
        f"| {found['samples']:,} samples | " + " | ".join(found["inside"]) + " |",
        "|---|" + "---|" * len(found["inside"]),
        "| truth in the interval | "
        + " | ".join(f"{count / found['samples']:.1%}" for count in found["inside"].values())
        + " |",
    ]


def tables(results: Path) -> Iterator[Sequence[str]]:
    """All tables of what is in the folder of results."""
    found = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*.json")
    }
    measured = {
        name: [found[stem] for stem in sorted(found) if stem.startswith(f"set {name} ")]
        for name in SCENES
    }
    sets = [mean_of(rows) for rows in measured.values() if rows]
    if sets:
        for make in (accuracy_table, piece_table, edge_table, time_table):
            yield list(make(sets))
    made: dict[str, Callable[[Any], Iterator[Any]]] = {
        "partition": partition_table, "buildings": building_table, "size": size_table,
    }  # fmt: skip
    for name, make in made.items():
        if name in found:
            yield list(make(found[name]))
    for name, make in {"water": water_tables, "estimates": estimate_tables}.items():
        if name in found:
            yield from make(found[name])


def put(page: str, table: Sequence[str]) -> str:
    """A page with a table in the place of the one that begins with the same cell.

    Raises:
        ValueError: The page has no such table.
    """
    first = "|".join(table[0].split("|")[:2]) + "|"
    lines = page.splitlines()
    at = next((n for n, line in enumerate(lines) if line.startswith(first)), None)
    if at is None:
        raise ValueError(f"the page has no table that begins with {first!r}")
    end = next((n for n in range(at, len(lines)) if not lines[n].startswith("|")), len(lines))
    return "\n".join([*lines[:at], *table, *lines[end:]]) + "\n"


def main() -> None:
    """Measure what is missing, and write or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder that keeps results")
    parser.add_argument("--write", type=Path, help="Markdown page that has these tables")
    parser.add_argument("--steps", nargs="*", help="these alone; all where none is named")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES)
    chosen = parser.parse_args()
    chosen.results.mkdir(parents=True, exist_ok=True)
    for name, measure in steps(chosen.seeds, chosen.sides).items():
        path = chosen.results / f"{name}.json"
        if not path.exists() and (chosen.steps is None or name in chosen.steps):
            console.note(name)
            path.write_text(json.dumps(measure(), indent=1, default=float), encoding="utf-8")
    found = list(tables(chosen.results))
    if chosen.write is None:
        sys.stdout.write("\n\n".join("\n".join(table) for table in found) + "\n")
        return
    page = chosen.write.read_text(encoding="utf-8")
    for table in found:
        page = put(page, table)
    chosen.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
