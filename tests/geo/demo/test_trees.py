"""Trees of the demo: figures against known boxes, and outlines that lie where polygons do."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.tiled_job.plan_file import PLAN
from sam_geo.demo import trees
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.frame import frame_from_affine

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)


def test_the_demo_asks_for_boxes_and_says_how_they_were_answered(prepared, out):
    part, figures = trees.run_trees(out, FakeSegmenter, quiet=True)
    seconds = figures.pop("seconds")
    assert figures == {
        "objects": 3, "ok": 2, "clipped": 0, "mean_score": 0.9, "mean_box_iou": 1.0,
    }  # fmt: skip
    assert seconds > 0
    assert prepared == [False, False]
    names = {path.name for path in out.iterdir()}
    assert names == {"trees.gpkg", "trees.job.json", "trees.qml", "trees.jpg", "trees_plain.jpg"}
    assert set(part.files) == names
    assert [figure.value for figure in part.figures] == ["2 of 3", "1.000", "0.900"]
    assert list(part.seconds) == ["fetch or verify the image", "outline the trees", "draw"]


def test_outlines_are_drawn_where_the_boxes_are(prepared, out):
    part, _ = trees.run_trees(out, FakeSegmenter, quiet=True)
    (picture,) = part.pictures
    drawn, plain = (
        np.asarray(Image.open(out / name)).astype(int) for name in (picture.file, picture.plain)
    )
    assert drawn.shape == plain.shape == (960, 1200, 3) == (picture.height, picture.width, 3)
    changed = (np.abs(drawn - plain) > 60).any(axis=2)
    # pixels 50 to 90 and 20 to 60, twelve times as large; the fake finds the box itself
    around = changed[200:760, 560:1120]
    rows, cols = np.nonzero(around)
    assert (rows.min() + 200, rows.max() + 200) == pytest.approx((240, 720), abs=4)
    assert (cols.min() + 560, cols.max() + 560) == pytest.approx((600, 1080), abs=4)
    assert not changed[300:660, 660:1020].any()


def test_a_demo_that_was_interrupted_begins_anew(prepared, out):
    (out / "trees.gpkg.parts").mkdir()
    (out / "trees.gpkg.parts" / PLAN).write_text("{}")
    _, figures = trees.run_trees(out, FakeSegmenter, quiet=True)
    assert figures["ok"] == 2
    assert not (out / "trees.gpkg.parts").exists()


def test_the_origins_of_image_boxes_and_network_are_told(prepared, out):
    part, _ = trees.run_trees(out, FakeSegmenter, quiet=True)
    assert [origin.name for origin in part.origins] == [
        "osbs_029.tif",
        "osbs_029.xml",
        "mobile_sam",
    ]
    assert part.origins[0].licence.startswith("CC0-1.0")


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
    assert trees.box_overlaps(found, frame_from_affine(NORTH_UP)) == pytest.approx([1.0, 0.5])
