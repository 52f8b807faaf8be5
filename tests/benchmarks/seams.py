"""Straight cuts at the borders of windows: `python -m tests.benchmarks.seams`.

Automatic jobs with mobile_sam on public images. An outline that follows an inner border of a
window, a seam between two, or the border of a window that was moved over one, within a pixel and
for more than 12 of them, may be a cut. Outlines follow lines by chance too: how often is counted
on lines that nothing ends at, moved by the numbers of `MOVED`. `cut` is what the job itself counts:
objects whose outline is straight where a window ends that they were taken from, and that no window
which knows them saw from both sides.

    --only city --folder DIR     one image; embeddings and unfinished jobs are kept in DIR
    --pictures DIR               outlines over the image, cuts in red
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import shapely

from sam_common.automatic.options import EverythingOptions
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.segmenter.predictor import load_segmenter
from sam_common.stitching.layout import core_windows
from sam_common.support import console
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.run import run_job
from sam_geo.automatic.job import AutoJob, AutoOptions
from sam_geo.outlines.polygonize import outline_of_pieces
from sam_geo.prompted.embedding import signature_of
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch

DATA = Path(os.environ.get("SAM_TEST_DATA", "../shared/data")) / "geo"
IMAGES = {
    "city": (DATA / "oam_tree_polygons_city/5b90f92da0d7280005fab355_4310.tif", None),
    "wetlands": (DATA / "naip_wetlands/naip_2010.tif", None),
    # smaller than a window: without smaller ones it has no seam; as many points a pixel
    "wetlands, 512": (DATA / "naip_wetlands/naip_2010.tif", 512),
    "drone field": (DATA / "drone_field_painted_marks/field_rgba.tif", None),
}
POINTS_PER_PX = 32 / 1024
LONGEST_PX = 12
NEAR_PX = 1
TWIN_IOU = 0.8
MOVED = (-61, -37, 41, 67)
COLUMNS = (
    "image",
    "windows",
    "followed",
    "objects",
    "cuts",
    "cut objects",
    "px",
    "by chance",
    "twins",
    "left out",
)


def borders(windows, image_hw):
    """(axis, position, start, stop along it) of the edges of windows, the image's left out."""
    lines = set()
    for window in windows:
        for axis in (0, 1):
            ends = window.start[1 - axis], window.stop[1 - axis]
            for at in (window.start[axis], window.stop[axis]):
                if 0 < at < image_hw[axis]:
                    lines.add((axis, at, *ends))
    return sorted(lines)


def cuts(outline, lines):
    """(axis, position, start, stop) of the parts of an outline that follow one of some lines.

    Args:
        outline: Polygon or MultiPolygon in pixel corners, x before y.
        lines: As `borders` gives them.
    """
    found = set()
    edge = shapely.boundary(outline)
    for axis, at, start, stop in lines:
        band = [(start, at - NEAR_PX), (stop, at + NEAR_PX)]
        low, high = band if axis == 0 else (band[0][::-1], band[1][::-1])
        box = shapely.box(*low, *high)
        if not shapely.intersects(box, edge):
            continue
        inside = shapely.get_parts(shapely.intersection(edge, box))
        strings = [part for part in inside if part.geom_type == "LineString"]
        for part in shapely.get_parts(shapely.line_merge(shapely.MultiLineString(strings))):
            x0, y0, x1, y1 = part.bounds
            a, b = (x0, x1) if axis == 0 else (y0, y1)
            if b - a > LONGEST_PX:
                found.add((axis, at, int(a), int(b)))
    return _longest(found)


def _longest(found):
    """Of runs along lines beside each other, which are one edge of the object, the longest."""
    kept = []
    for axis, at, a, b in sorted(found, key=lambda cut: (cut[2] - cut[3], cut)):
        if not any(
            axis == other[0] and abs(at - other[1]) <= 2 * NEAR_PX and a < other[3] and other[2] < b
            for other in kept
        ):
            kept.append((axis, at, a, b))
    return sorted(kept)


def figures(objects, windows, image_hw):
    """Outlines, and the cuts of each along the borders of windows and along other lines."""
    lines = borders(windows, image_hw)
    outlines = [outline_of_pieces(found.pieces) for found in objects]
    of_each = [cuts(outline, lines) for outline in outlines]
    chance = []
    for by in MOVED:
        moved = [
            (axis, at + by, start, stop)
            for axis, at, start, stop in lines
            if 0 < at + by < image_hw[axis]
        ]
        chance.append(sum(len(cuts(outline, moved)) for outline in outlines))
    return outlines, of_each, float(np.mean(chance))


def unseen(scene):
    """Objects of a result with a cut that no window which knows them saw from both sides."""
    cut = {found.members[0] for found, some in scene.cut_objects() if some}
    return sum(found.members[0] in cut for found in scene.objects())


def twins(outlines):
    """Pairs of outlines with an IoU of 0.8 and more: one object that came twice."""
    shapes = np.array(outlines, dtype=object)
    one, two = shapely.STRtree(shapes).query(shapes)
    one, two = one[one < two], two[one < two]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[two]))
    both = shapely.area(shapes[one]) + shapely.area(shapes[two]) - shared
    return int((shared >= TWIN_IOU * both).sum())


def picture(image, outlines, of_each):
    """Outlines over an image; those with cuts in yellow, the cuts in red."""
    drawn = np.ascontiguousarray(image if image.ndim == 3 else np.stack([image] * 3, axis=-1))
    for outline, some in zip(outlines, of_each, strict=True):
        for ring in shapely.get_parts(shapely.boundary(outline)):
            points = np.asarray(ring.coords).round().astype(np.int32)
            colour = (255, 220, 0) if some else (0, 255, 255)
            cv2.polylines(drawn, [points], isClosed=False, color=colour, thickness=1)
    for axis, at, a, b in (cut for some in of_each for cut in some):
        ends = ((a, at), (b, at)) if axis == 0 else ((at, a), (at, b))
        cv2.line(drawn, *ends, color=(255, 0, 0), thickness=3)
    return drawn


@contextmanager
def kept_folder(folder):
    """A folder of one's own, or one that goes away."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def measure(name, segmenter, folder, pictures):
    """Rows of the table: without and with a look beyond the borders of windows."""
    path, side = IMAGES[name]
    label = name.replace(", ", "-").replace(" ", "-")
    with open_raster(path) as source:
        stretch = choose_stretch(source)
        store = EmbeddingStore(folder / label, signature_of(source, segmenter, stretch))
        points = round(POINTS_PER_PX * (side or segmenter.model_size))
        options = AutoOptions(side, everything=EverythingOptions(points_per_side=points))
        job = AutoJob(source, segmenter, stretch, options, store=store)
        plan = job.plan()
        parts = PartStore(folder / f"{label}.parts", plan, resume=True)
        progress = functools.partial(console.progress, quiet=False)
        with progress(name, len(plan)) as advance:
            run_job(job.work(plan), parts, advance=advance)
        for join in (False, True):
            scene = replace(job, options=replace(options, join=join)).scene(plan, parts)
            objects = list(scene.objects())
            grid = [*plan.windows, *core_windows(plan.windows, plan.image_hw)]
            outlines, of_each, chance = figures(
                objects, [*grid, *scene.moved_windows()], plan.image_hw
            )
            if pictures is not None and join:
                image = stretch.apply(source.read(plan.windows[0].full(plan.image_hw)))
                drawn = picture(image, outlines, of_each)
                cv2.imwrite(str(pictures / f"{label}.png"), drawn[..., ::-1])
            every = [cut for some in of_each for cut in some]
            yield (
                name,
                len(plan),
                "yes" if join else "no",
                len(objects),
                unseen(scene),
                len(every),
                sum(b - a for _, _, a, b in every),
                chance,
                twins(outlines),
                scene.counts["left_out"],
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=IMAGES)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args()
    segmenter = load_segmenter("mobile_sam")
    rows = []
    with kept_folder(chosen.folder) as folder:
        for name in [chosen.only] if chosen.only else IMAGES:
            rows += measure(name, segmenter, folder, chosen.pictures)
    console.table("Straight cuts at the borders of windows", COLUMNS, rows)


if __name__ == "__main__":
    main()
