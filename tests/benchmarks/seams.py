"""Straight cuts at the borders of windows: `python -m tests.benchmarks.seams`.

Automatic jobs with mobile_sam on public images. An outline that follows an inner border of a
window, a seam between two, or the border of a window that was moved over one, within a pixel and
for more than 12 of them, may be a cut. Outlines follow lines by chance too: how often is counted
on lines that nothing ends at, moved by the numbers of `MOVED`. `cut objects` is what the job
itself counts: objects whose outline is straight where a window ends that they were taken from, and
that no window which knows them saw from both sides. Where an image has outlines drawn by hand,
`seam IoU` is the mean, over those that cross a seam, of the best IoU of any object, and `found` the
number of them with an IoU of at least 0.5.

    --only city --folder DIR     one image; embeddings and unfinished jobs are kept in DIR
    --without "whole views"      also without a step of docs/stitching.md; repeat it
    --ablation                   also without each of the steps
    --pictures DIR               outlines over the image, cuts in red
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import cv2
import geopandas
import numpy as np
import rasterio
import shapely

from sam_common.automatic.options import EverythingOptions
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.segmenter.predictor import load_segmenter
from sam_common.stitching.layout import Layout
from sam_common.support import console
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.run import run_job
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.windows_to_objects import AutoWork
from sam_geo.outlines.polygonize import outline_of_pieces
from sam_geo.prompted.embedding import signature_of
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from tests.benchmarks.stitching_steps import STEPS, without

DATA = Path(os.environ.get("SAM_TEST_DATA", "../shared/data")) / "geo"
IMAGES = {
    "city": (DATA / "oam_tree_polygons_city/5b90f92da0d7280005fab355_4310.tif", None),
    "wetlands": (DATA / "naip_wetlands/naip_2010.tif", None),
    # smaller than a window: without smaller ones it has no seam; as many points a pixel
    "wetlands, 512": (DATA / "naip_wetlands/naip_2010.tif", 512),
    "drone field": (DATA / "drone_field_painted_marks/field_rgba.tif", None),
    # with outlines drawn by hand
    "roofs, 512": (DATA / "inst_kampala_dense_roofs/oam.tif", 512),
}
TRUTHS = {
    "roofs, 512": DATA / "inst_kampala_dense_roofs/labels.geojson",
}
NO_JOIN = ("continuation", "moved windows")
"""What `--no-join` leaves out."""
POINTS_PER_PX = 32 / 1024
LONGEST_PX = 12
NEAR_PX = 1
TWIN_IOU = 0.8
FOUND_IOU = 0.5
MOVED = (-61, -37, 41, 67)
COLUMNS = (
    "image",
    "windows",
    "without",
    "objects",
    "cuts",
    "cut objects",
    "px",
    "by chance",
    "twins",
    "left out",
    "crossing",
    "seam IoU",
    "found",
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


def crossing(name, source, plan):
    """Outlines drawn by hand that cross a seam and lie in the image, in pixel corners."""
    if name not in TRUTHS:
        return []
    table = geopandas.read_file(TRUTHS[name]).to_crs(source.crs)
    with rasterio.open(IMAGES[name][0]) as file:
        a, b, c, d, e, f = tuple(~file.transform)[:6]
    outlines = table.geometry.affine_transform([a, b, d, e, c, f])
    rows, cols = plan.image_hw
    whole = outlines[outlines.within(shapely.box(0, 0, cols, rows))]
    cores = [
        shapely.box(*w.start[::-1], *w.stop[::-1]) for w in Layout(plan.windows, (rows, cols)).cores
    ]
    return [one for one in whole if not any(core.contains(one) for core in cores)]


def best_ious(truths, outlines):
    """The best IoU of each outline drawn by hand with any object."""
    found = np.array(outlines, dtype=object)
    tree = shapely.STRtree(found)
    best = []
    for truth in truths:
        near = found[tree.query(truth)]
        shared = shapely.area(shapely.intersection(near, truth))
        best.append(max(shared / (shapely.area(near) + truth.area - shared), default=0.0))
    return np.array(best)


@contextmanager
def own_parts(base, plan):
    """The parts of the windows of the grid, without those of later steps of another run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "parts"
        shutil.copytree(base, folder, ignore=shutil.ignore_patterns("join-*", "mend-*"))
        yield PartStore(folder, plan, resume=True)


def measure(name, segmenter, folder, pictures, variants):
    """Rows of the table, one for each choice of steps that are left out."""
    path, side = IMAGES[name]
    label = name.replace(", ", "-").replace(" ", "-")
    with open_raster(path) as source:
        stretch = choose_stretch(source)
        store = EmbeddingStore(folder / label, signature_of(source, segmenter, stretch))
        points = round(POINTS_PER_PX * (side or segmenter.model_size))
        options = AutoOptions(side, everything=EverythingOptions(points_per_side=points))
        job = AutoWork(source, segmenter, stretch, options, store=store)
        plan = job.plan()
        base = PartStore(folder / f"{label}.parts", plan, resume=True)
        progress = functools.partial(console.progress, quiet=False)
        with progress(name, len(plan)) as advance:
            run_job(job.work(plan), base, advance=advance)
        truths = crossing(name, source, plan)
        for steps in variants:
            with own_parts(base.folder, plan) as parts, without(steps):
                scene = job.scene(plan, parts)
                objects = list(scene.objects())
                cut_objects, moved = unseen(scene), scene.moved_windows()
            grid = [*plan.windows, *Layout(plan.windows, plan.image_hw).cores]
            outlines, of_each, chance = figures(objects, [*grid, *moved], plan.image_hw)
            if pictures is not None and not steps:
                image = stretch.apply(source.read(plan.windows[0].full(plan.image_hw)))
                drawn = picture(image, outlines, of_each)
                cv2.imwrite(str(pictures / f"{label}.png"), drawn[..., ::-1])
            every = [cut for some in of_each for cut in some]
            ious = best_ious(truths, outlines)
            row = (
                name,
                len(plan),
                ", ".join(steps) or "-",
                len(objects),
                cut_objects,
                len(every),
                sum(b - a for _, _, a, b in every),
                chance,
                twins(outlines),
                scene.counts["left_out"],
                len(truths),
                round(float(ious.mean()), 4) if truths else "",
                int((ious >= FOUND_IOU).sum()) if truths else "",
            )
            console.note(" | ".join(map(str, row)))
            yield row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=IMAGES)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--without", choices=STEPS, action="append", default=[])
    parser.add_argument("--ablation", action="store_true")
    chosen = parser.parse_args()
    segmenter = load_segmenter("mobile_sam")
    variants = [(), NO_JOIN, *((step,) for step in (STEPS if chosen.ablation else chosen.without))]
    rows = []
    with kept_folder(chosen.folder) as folder:
        for name in [chosen.only] if chosen.only else IMAGES:
            rows += measure(name, segmenter, folder, chosen.pictures, variants)
    console.table("Straight cuts at the borders of windows", COLUMNS, rows)


if __name__ == "__main__":
    main()
