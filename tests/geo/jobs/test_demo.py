"""The demo: its figures against tables of known boxes."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas
import pytest
import shapely
from affine import Affine

from sam_common.published import samples
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs import demo
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.frame import frame_from_affine

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)


def test_the_demo_asks_for_boxes_and_says_how_they_were_answered(
    grey_raster, boxes, tmp_path, monkeypatch
):
    told = []

    def fetch(name, *, progress):
        told.append(progress)
        return {demo.IMAGE: grey_raster, demo.BOXES: boxes}[name]

    monkeypatch.setattr(samples, "fetch", fetch)
    figures = demo.run(tmp_path / "out", FakeSegmenter, quiet=True)
    seconds = figures.pop("seconds")
    assert figures == {
        "objects": 3, "ok": 2, "clipped": 0, "mean_score": 0.9, "mean_box_iou": 1.0,
    }  # fmt: skip
    assert seconds > 0
    assert told == [False, False]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {demo.TABLE_NAME, "trees.job.json", "trees.qml", demo.PICTURE_NAME}


def test_boxes_are_compared_with_the_boxes_of_polygons():
    def world(x0, y0, x1, y1):
        return shapely.box(*(NORTH_UP @ (x0, y1)), *(NORTH_UP @ (x1, y0)))

    prompts = [
        GeoPrompt(0, box_xyxy=(9.5, 9.5, 19.5, 19.5)),  # pixel corners 10 to 20
        GeoPrompt(1, box_xyxy=(9.5, 9.5, 19.5, 19.5)),
        GeoPrompt(2, points_xy=((3.0, 3.0),), point_labels=(1,)),
        GeoPrompt(3, box_xyxy=(0.0, 0.0, 1.0, 1.0)),
    ]
    shapes = [world(10, 10, 20, 20), world(10, 10, 20, 15), world(0, 0, 5, 5), None]
    table = geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32633")
    found = SimpleNamespace(prompts=prompts, table=table)
    assert demo.box_overlaps(found, frame_from_affine(NORTH_UP)) == pytest.approx([1.0, 0.5])
