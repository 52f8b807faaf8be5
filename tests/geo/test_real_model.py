"""Real images, real weights: boxes to polygons with MobileSAM, against hand-made polygons."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely

from sam_common.automatic.options import EverythingOptions
from sam_common.segmenter.predictor import load_segmenter
from sam_geo.automatic.options import AutoOptions
from sam_geo.demo.trees import box_overlaps
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto
from sam_geo.prompted.segment import run_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.frame import world_to_corners
from sam_geo.raster.source import open_raster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mobile_sam():
    return load_segmenter("mobile_sam")


def overlap(a, b):
    return a.intersection(b).area / a.union(b).area


def true_box_overlaps(segmenter, image, truth):
    """IoU of each polygon with the truth whose box was asked for; all in pixel corners."""
    boxes = [shapely.box(*shape.bounds) for shape in truth]
    with open_raster(image) as source:
        prompts = load_prompts(geopandas.GeoDataFrame(geometry=boxes), source, crs="pixel")
        job = run_prompts(source, prompts, segmenter)
        frame = source.frame
    assert job.counts == {"ok": len(truth)}
    found = [
        shapely.transform(shape, lambda world: world_to_corners(world, frame))
        for shape in job.table.geometry
    ]
    assert shapely.is_valid(job.table.geometry.values).all()
    model = np.mean([overlap(a, b) for a, b in zip(truth, found, strict=True)])
    filling = np.mean([overlap(a, b) for a, b in zip(truth, boxes, strict=True)])
    return float(model), float(filling)


def test_blan_trees(data, mobile_sam):
    folder = data / "geo/neon_blan_tree_polygons"
    items = json.loads((folder / "neon_blan_tree_polygons.json").read_text())["prompts"]
    truth = [shapely.Polygon(item["polygon_px"]) for item in items]
    model, filling = true_box_overlaps(mobile_sam, folder / "2019_BLAN_crop.jpg", truth)
    assert model >= 0.83
    assert model > filling + 0.05


def test_city_trees(data, mobile_sam):
    folder = data / "geo/oam_tree_polygons_city"
    image = folder / "5b90f92da0d7280005fab355_4310.tif"
    world = geopandas.read_file(folder / "gt_polygons.gpkg").geometry
    with open_raster(image) as source:
        frame = source.frame
    truth = [shapely.transform(shape, lambda xy: world_to_corners(xy, frame)) for shape in world]
    model, filling = true_box_overlaps(mobile_sam, image, truth)
    assert model >= 0.71
    assert model > filling + 0.05


def test_osbs_crowns_fill_their_boxes(data, mobile_sam):
    folder = data / "geo/neon_osbs_trees"
    with open_raster(folder / "OSBS_029.tif") as source:
        job = run_prompts(source, load_prompts(folder / "OSBS_029.csv", source), mobile_sam)
        overlaps = box_overlaps(job, source.frame)
    assert job.counts == {"ok": 61}
    assert job.embeddings == 1
    assert set(job.table["class"]) == {"Tree"}
    assert np.mean(overlaps) > 0.75
    assert job.table["score"].mean() > 0.75
    # the raster's own bounds hold every crown, and a crown is some square metres
    assert shapely.box(404211.9, 3285102.9, 404251.9, 3285142.9).covers(
        shapely.union_all(job.table.geometry.values).buffer(-1e-6)
    )
    assert job.table["area_m2"].between(0.5, 60).all()


def test_painted_marks_are_found(data, mobile_sam):
    """Strokes of pure colour on a drone image: the boundary is certain to the pixel."""
    folder = data / "geo/drone_field_painted_marks"
    items = json.loads((folder / "drone_field_painted_marks.json").read_text())["prompts"]
    with open_raster(folder / "field_rgba.tif") as source:
        boxes = [shapely.box(*item["box_xyxy_px"]) for item in items]
        prompts = load_prompts(geopandas.GeoDataFrame(geometry=boxes), source, crs="pixel")
        job = run_prompts(source, prompts, mobile_sam)
        transform = source.header.transform
    assert job.counts == {"ok": 6}
    with rasterio.open(folder / "marks.tif") as dataset:
        marks = dataset.read(1)
    for item, shape in zip(items, job.table.geometry, strict=True):
        found = rasterio.features.rasterize([shape], marks.shape, transform=transform) > 0
        truth = marks == item["value_in_marks_tif"]
        assert (found & truth).sum() / (found | truth).sum() > 0.85


def test_every_painted_mark_is_found_without_a_prompt(data, mobile_sam, tmp_path):
    """Two windows; the longest mark lies in both."""
    folder = data / "geo/drone_field_painted_marks"
    request = AutoRequest(
        image=str(folder / "field_rgba.tif"),
        output=tmp_path / "marks.gpkg",
        options=AutoOptions(everything=EverythingOptions(points_per_side=16)),
    )
    record = run_auto(request, lambda: mobile_sam)
    assert record["windows"] == 2
    with rasterio.open(folder / "marks.tif") as dataset:
        marks, transform = dataset.read(1), dataset.transform
    shapes = geopandas.read_file(tmp_path / "marks.gpkg").geometry
    masks = [
        rasterio.features.rasterize([shape], marks.shape, transform=transform) == 1
        for shape in shapes
    ]
    for number in range(1, 7):
        mark = marks == number
        best = max((mark & mask).sum() / (mark | mask).sum() for mask in masks)
        assert best >= 0.8
