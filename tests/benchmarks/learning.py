"""What a network learns from a few objects: `python -m tests.benchmarks.learning`.

Each set is cut in two by a line: objects of one half are taught, those of the other half judge,
and those that touch the line do neither. Needs `SAM_TEST_DATA`. One set takes minutes, so figures
are kept in a file of JSON and sets can be measured one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import shapely

from sam_common.support import console
from sam_common.training.job import TrainingJob
from sam_common.training.options import TrainingOptions
from sam_geo.finetuning.request import FinetuneRequest
from sam_geo.finetuning.run import run_finetune
from sam_geo.raster.frame import world_to_corners
from sam_geo.raster.source import open_raster
from tests.benchmarks.accuracy import scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = (
    "set",
    "tuned",
    "taught",
    "judged",
    "asked by",
    "before",
    "after",
    "gain, 95 %",
    "box filled",
    "ellipse",
    "usual disc",
    "verdict",
    "minutes",
)
HEAD = """# Figures of learning

`mobile_sam` taught on one half of a public image and judged on the other, on a plain CPU that other
work shared. *before* and *after* are mean IoU of the judging objects, asked by their true box or by
one point in their middle. *box filled*, *ellipse* and *usual disc* can be drawn from the prompt
without looking at the image. Of the taught objects, about a quarter says when to stop. The gain has
a paired bootstrap interval. *verdict* is what `sam-geo finetune` says: where it is "refused", it
writes nothing.

Written by `python -m tests.benchmarks.learning --write docs/learning-figures.md`.

"""


@dataclass(frozen=True)
class Taught:
    """A set cut in two."""

    name: str
    image: Path
    objects: Sequence[shapely.Geometry]
    """In pixel corners, x to the right and y down."""
    axis: int
    """0 for a line that parts left from right, 1 for top from bottom."""
    most: int | None = None
    """Objects that are taught at most, those farthest from the line."""
    bands: tuple[int, ...] | None = None

    def halves(self) -> tuple[list[shapely.Geometry], list[shapely.Geometry]]:
        """Objects that teach, and those that judge."""
        ends = np.array([shape.bounds for shape in self.objects])[:, [self.axis, self.axis + 2]]
        line = float(np.median(ends.mean(axis=1)))
        first = [n for n in range(len(ends)) if ends[n, 1] <= line]
        second = [n for n in range(len(ends)) if ends[n, 0] >= line]
        if self.most is not None:
            first = sorted(first, key=lambda n: ends[n].mean())[: self.most]
        return [self.objects[n] for n in first], [self.objects[n] for n in second]


def sets(data: Path) -> dict[str, Taught]:
    """All sets, by a short name."""
    known = {scene.name: scene for scene in scenes(data)}
    axons, atlanta = known["sem_rat2: axons"], known["atlanta: buildings"]
    found = {
        "axons": Taught("sem_rat2: axons", axons.image, axons.truth, 0, most=40),
        "atlanta": Taught("atlanta: buildings", atlanta.image, atlanta.truth, 0),
    }
    folder = data / "geo/inst_kampala_dense_roofs"
    found["kampala"] = Taught(
        "kampala: dense roofs",
        folder / "oam.tif",
        _in_pixels(folder / "oam.tif", folder / "labels.geojson"),
        0,
    )
    folder = data / "geo/inst_flanders_fields_s2"
    image = next(folder.glob("*.tif"))
    truth = folder / "fields_BEFL-s2-fields-2023_polygons.gpkg"
    found["flanders"] = Taught("flanders: fields", image, _in_pixels(image, truth), 0)
    folder = data / "geo/inst_dk_trees_20cm"
    image = folder / "rgbn_20cm.tif"
    crowns = _in_pixels(image, folder / "example_annotation.shp")
    found["crowns"] = Taught("denmark: tree crowns", image, crowns, 0, most=60, bands=(1, 2, 3))
    return found


def _in_pixels(image: Path, truth: Path) -> list[shapely.Geometry]:
    """Polygons that touch an image, cut at its edge, in pixel corners."""
    with open_raster(image) as source:
        world = geopandas.read_file(truth).to_crs(source.crs).geometry
        frame, (height, width) = source.frame, source.size_hw
    whole = shapely.box(0, 0, width, height)
    shapes = [
        shapely.make_valid(shapely.transform(s, lambda xy: world_to_corners(xy, frame)))
        for s in world
        if s is not None
    ]
    inside = [shape.intersection(whole) for shape in shapes]
    return [s for s in inside if s.area > 0 and s.geom_type in {"Polygon", "MultiPolygon"}]


def shuffled(shapes: Sequence[shapely.Geometry], seed: int) -> list[shapely.Geometry]:
    """Each outline in the place of another, so that none fits what is seen there."""
    order = np.random.default_rng(seed).permutation(len(shapes))
    moved = []
    for shape, other in zip(shapes, order.tolist(), strict=True):
        here, there = shape.centroid, shapes[other].centroid
        moved.append(shapely.affinity.translate(shape, there.x - here.x, there.y - here.y))
    return moved


def teach(one: Taught, options: TrainingOptions, *, wrong: int | None = None) -> dict[str, Any]:
    """The record of a set.

    Args:
        one: The set.
        options: What is tuned, and how.
        wrong: Seed by which the outlines of both halves are exchanged; None where they are right.
    """
    taught, judged = one.halves()
    if wrong is not None:
        taught, judged = shuffled(taught, wrong), shuffled(judged, wrong + 1000)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, shapes in (("taught", taught), ("judged", judged)):
            files.append(Path(folder) / f"{name}.parquet")
            geopandas.GeoDataFrame(geometry=list(shapes)).to_parquet(files[-1])
        job = TrainingJob(
            output=Path(folder) / "mine.safetensors", model="mobile_sam", options=options
        )
        request = FinetuneRequest(
            image=str(one.image),
            bands=one.bands,
            objects=files[0],
            judge=files[1],
            objects_crs="pixel",
            job=job,
        )
        record = run_finetune(request, progress=console.progress)
    return {**record, "minutes": (time.perf_counter() - start) / 60}


def rows_of(name: str, record: dict[str, Any]) -> list[tuple]:
    """Rows of the table: one for each kind of prompt."""
    objects, verdict = record["data"]["objects"], record["verdict"]
    rows = []
    for kind, one in record["figures"].items():
        alone = [
            one["prompt_alone"].get(key)
            for key in ("box filled", "ellipse in the box", "disc of the usual size")
        ]
        rows.append(
            (
                name,
                " and ".join(record["parts"]),
                objects["learn"] + objects["stop"],
                objects["judge"],
                {"boxes": "box", "points": "point"}[kind],
                f"{one['before']:.3f}",
                f"{one['after']:.3f}",
                f"{one['low']:+.3f} to {one['high']:+.3f}",
                *("" if value is None else f"{value:.3f}" for value in alone),
                "taken" if verdict["is_better"] else "refused",
                f"{record['minutes']:.1f}",
            )
        )
    return rows


def main() -> None:
    """Measure sets, print their rows, and write the page from all that was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=None, help="sets to measure; all if not given")
    parser.add_argument("--parts", default="decoder", choices=["decoder", "encoder", "both"])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--wrong", type=int, default=0, help="exchange outlines by so many seeds")
    parser.add_argument("--keep", type=Path, default=Path("learning.json"), help="file of figures")
    parser.add_argument("--write", type=Path, help="page to write")
    chosen = parser.parse_args()
    kept = json.loads(chosen.keep.read_text()) if chosen.keep.exists() else {}
    known = sets(Path(os.environ["SAM_TEST_DATA"]))
    names = list(known) if chosen.only is None else chosen.only
    for name in names:
        for seed in range(chosen.wrong) if chosen.wrong else [None]:
            options = TrainingOptions(
                parts=chosen.parts,
                epochs=chosen.epochs,
                views=chosen.views,
                learning_rate=chosen.rate,
                seed=seed or 0,
            )
            record = teach(known[name], options, wrong=seed)
            title = known[name].name if seed is None else f"{known[name].name}, outlines exchanged"
            key = f"{name} {chosen.parts}" + ("" if seed is None else f" wrong {seed}")
            rows = rows_of(title, record)
            kept[key] = {"rows": rows, "history": record["history"]}
            chosen.keep.write_text(json.dumps(kept, indent=1))
            console.table(key, COLUMNS, rows)
    if chosen.write is not None:
        lines = [
            COLUMNS,
            ["---"] * len(COLUMNS),
            *(r for one in kept.values() for r in one["rows"]),
        ]
        table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
        tail = (
            chosen.write.read_text().partition("\n## What to read from it\n")[1:]
            if (chosen.write.exists())
            else ()
        )
        chosen.write.write_text(f"{HEAD}{table}\n{''.join(tail)}", encoding="utf-8")


if __name__ == "__main__":
    main()
