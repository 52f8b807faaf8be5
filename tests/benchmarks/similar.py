"""Objects like a few examples, on public images: `python -m tests.benchmarks.similar`.

Candidates of a set are found once by the automatic mode and kept in a folder (`--cache`), with the
embeddings of its windows; every further run takes seconds. Examples are drawn by seeds, and all
other objects judge. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np

from sam_common.segmenter.predictor import load_segmenter
from sam_common.support import console
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto
from sam_geo.object_classes.request import SimilarRequest, candidate_options
from sam_geo.object_classes.similar import run_similar
from tests.benchmarks.accuracy import scenes
from tests.benchmarks.learning import sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    import shapely

COLUMNS = (
    "set",
    "examples",
    "corrections",
    "judged",
    "candidates show",
    "average precision",
    "least to most",
    "precision",
    "recall",
    "expected",
    "found",
    "draws",
)
HEAD = """# Figures of finding similar objects

`sam-geo similar` with `mobile_sam` on public images with hand-made outlines. Examples are true
outlines, drawn by chance several times; all other true objects judge, away from the squares in
which examples lie. *candidates show* is the part of the true objects that the automatic mode
proposes at IoU 0.5: no examples can find more. *average precision* at IoU 0.5 is the mean over the
draws, *precision* and *recall* are those at probability 0.5, *expected* is the sum of all
probabilities, which should be the number of objects *found* that are right. *corrections* are the
most doubtful candidates, which the truth accepts or refuses in a second run.

Written by `python -m tests.benchmarks.similar --write docs/similar-figures.md`.

"""


@dataclass(frozen=True)
class Kind:
    """A set, and how many objects of it are shown."""

    name: str
    image: Path
    truth: Sequence[shapely.Geometry]
    """In pixel corners, x to the right and y down."""
    shown: int

    def draws(self, most: int) -> list[tuple[int, ...]]:
        """Numbers of the examples of each draw; all there are where they are few."""
        count = len(self.truth)
        if count <= 8:  # pairs of a handful
            return list(itertools.combinations(range(count), self.shown))
        random = np.random.default_rng(0)
        return [tuple(random.permutation(count)[: self.shown].tolist()) for _ in range(most)]


def kinds(data: Path) -> dict[str, Kind]:
    """All sets, by a short name."""
    known = {scene.name: scene for scene in scenes(data)}
    marks = known["painted marks"]
    found = {"marks": Kind("drone: painted marks", marks.image, marks.truth, 2)}
    taught = sets(data)
    for name in ("axons", "kampala", "atlanta", "crowns"):
        one = taught[name]
        found[name] = Kind(one.name, one.image, one.objects, 10)
    return found


def candidates_of(name: str, kind: Kind, cache: Path) -> Path:
    """Everything that the network finds in a set, found once."""
    path = cache / f"{name}.gpkg"
    if not path.exists():
        request = AutoRequest(
            image=str(kind.image),
            output=path,
            options=candidate_options(),
            embeddings=cache / f"{name}-embeddings",
            resume=True,
        )
        run_auto(request, _network, progress=console.progress)
    return path


def _network() -> Any:
    return load_segmenter("mobile_sam")


def _write(shapes: Sequence[shapely.Geometry], path: Path) -> Path:
    geopandas.GeoDataFrame(geometry=list(shapes)).to_parquet(path)
    return path


def measure(name: str, kind: Kind, cache: Path, most: int, corrections: int) -> list[dict]:
    """Judgements of all draws, each without and, where asked for, with corrections."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for draw in kind.draws(most):
            request = SimilarRequest(
                image=str(kind.image),
                examples=_write([kind.truth[n] for n in draw], here / "examples.parquet"),
                examples_crs="pixel",
                judge=_write(kind.truth, here / "truth.parquet"),
                candidates=candidates_of(name, kind, cache),
                embeddings=cache / f"{name}-embeddings",
                output=here / "more.gpkg",
                every=True,
                overwrite=True,
            )
            request.kept.unlink(missing_ok=True)
            first = run_similar(request, _network)["judgement"]
            one = {"first": first}
            if corrections:
                table = corrected(here / "more.gpkg", kind, corrections)
                table.to_file(here / "corrected.gpkg")
                again = replace(request, corrections=here / "corrected.gpkg")
                one["second"] = run_similar(again, _network)["judgement"]
            found.append(one)
    return found


def corrected(path: Path, kind: Kind, count: int) -> geopandas.GeoDataFrame:
    """A result of which the most doubtful candidates are accepted or refused by the truth."""
    from sam_geo.object_classes.judgement import _true_ones
    from sam_geo.raster.frame import world_to_corners
    from sam_geo.raster.source import open_raster

    table = geopandas.read_file(path)
    with open_raster(kind.image) as source:
        frame = source.frame
    import shapely

    shapes = shapely.transform(table.geometry.to_numpy(), lambda xy: world_to_corners(xy, frame))
    is_one = _true_ones(shapes, np.array(kind.truth, dtype=object)) >= 0
    doubtful = np.abs(table["probability"].to_numpy() - 0.5) + 9 * table["said"].notna().to_numpy()
    rows = np.argsort(doubtful, kind="stable")[:count]
    accepted = np.full(len(table), None, dtype=object)
    accepted[rows] = is_one[rows]
    table["accepted"] = accepted
    return table


def rows_of(kind: Kind, draws: list[dict], corrections: int) -> list[tuple]:
    """Rows of the table: without corrections, and with them."""
    rows = []
    for which, said in (("first", 0), ("second", corrections)):
        told = [one[which] for one in draws if which in one]
        if not told:
            continue

        def mean(key: str, told: list[dict] = told) -> float:
            return float(np.mean([one[key] or 0 for one in told]))

        every = [one["average_precision"] for one in told]
        rows.append(
            (
                kind.name,
                kind.shown,
                said,
                f"{mean('objects'):.0f}",
                f"{mean('reachable'):.2f}",
                f"{mean('average_precision'):.3f}",
                f"{min(every):.2f} to {max(every):.2f}",
                f"{mean('precision'):.2f}",
                f"{mean('recall'):.2f}",
                f"{mean('expected'):.1f}",
                f"{np.mean([one['recall'] * one['objects'] for one in told]):.1f}",
                len(told),
            )
        )
    return rows


def main() -> None:
    """Measure sets, print their rows, and write the page from all that was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=None, help="sets to measure; all if not given")
    parser.add_argument("--cache", type=Path, default=Path("similar-cache"))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--corrections", type=int, default=10)
    parser.add_argument("--keep", type=Path, default=Path("similar.json"), help="file of figures")
    parser.add_argument("--write", type=Path, help="page to write")
    chosen = parser.parse_args()
    chosen.cache.mkdir(exist_ok=True)
    kept = json.loads(chosen.keep.read_text()) if chosen.keep.exists() else {}
    known = kinds(Path(os.environ["SAM_TEST_DATA"]))
    for name in known if chosen.only is None else chosen.only:
        # of a handful of objects none is left to judge where some are corrected
        corrections = chosen.corrections if known[name].shown > 2 else 0
        draws = measure(name, known[name], chosen.cache, chosen.draws, corrections)
        kept[name] = rows_of(known[name], draws, corrections)
        chosen.keep.write_text(json.dumps(kept, indent=1))
        console.table(name, COLUMNS, kept[name])
    if chosen.write is not None:
        lines = [COLUMNS, ["---"] * len(COLUMNS), *(row for rows in kept.values() for row in rows)]
        table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
        old = chosen.write.read_text() if chosen.write.exists() else ""
        tail = old.partition("\n## What to read from it\n")
        chosen.write.write_text(f"{HEAD}{table}\n{''.join(tail[1:])}", encoding="utf-8")


if __name__ == "__main__":
    main()
