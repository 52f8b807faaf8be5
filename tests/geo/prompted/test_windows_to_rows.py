"""From the windows of prompts to rows."""

from __future__ import annotations

from dataclasses import replace

import geopandas
import numpy as np
import pytest
import shapely
from world_prompts import NORTH_UP, pixel_polygon, run, world_boxes

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.tiled_job.parts import Part
from sam_common.window import Window
from sam_geo.prompted.windows import plan_windows
from sam_geo.prompted.windows_to_rows import PromptWork, row_of, rows_of_window
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.frame import frame_from_affine
from sam_geo.raster.read_window import ReadWindow
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch
from sam_geo.results.rows import COLUMNS


def test_one_row_per_prompt_with_its_status(make_raster):
    values = np.full((1, 200, 300), 100, dtype=np.uint8)
    values[0, 100:, :] = 0
    path = make_raster(values, nodata=0)
    shapes = world_boxes(
        [(10, 10, 30, 30), (-10, 10, 30, 30), (400, 10, 430, 30), (10, 110, 30, 130)]
    )
    prompts = geopandas.GeoDataFrame(
        {"class": ["tree", "roof", "pond", None, "field"]},
        geometry=[*shapes.geometry, None],
        crs="EPSG:32633",
    )
    job = run(path, prompts)
    table = job.table
    assert tuple(table.columns) == COLUMNS
    assert table["prompt_id"].tolist() == [0, 1, 2, 3, 4]
    assert table["status"].tolist() == ["ok", "clipped", "outside", "nodata", "invalid"]
    assert table["class"].fillna("none").tolist() == ["tree", "roof", "pond", "none", "field"]
    assert table["area_px"].tolist()[:2] == [400, 600]
    assert table["area_m2"].tolist()[:2] == pytest.approx([100, 150], rel=1e-3)
    assert table["score"].tolist()[:2] == pytest.approx([0.9, 0.9])
    assert table.iloc[2:][["score", "area_m2", "area_px"]].isna().all(axis=None)
    assert table.geometry.isna().tolist() == [False, False, True, True, True]
    assert job.counts == {"ok": 1, "clipped": 1, "outside": 1, "nodata": 1, "invalid": 1}
    assert not job.failures


def test_an_empty_mask_keeps_its_row(make_raster):
    path = make_raster(np.zeros((1, 50, 60), dtype=np.uint8))
    job = run(path, world_boxes([(10, 10, 30, 30)]), FakeSegmenter(empty_below=0))
    assert job.table["status"].tolist() == ["empty"]
    assert job.table.geometry.isna().all()


def test_no_prompt_in_the_raster_runs_no_network(make_raster):
    segmenter = FakeSegmenter()
    path = make_raster(np.ones((1, 50, 60), dtype=np.uint8))
    job = run(path, world_boxes([(100, 100, 130, 130)]), segmenter)
    assert job.table["status"].tolist() == ["outside"]
    assert not segmenter.embedded
    assert job.table.crs == "EPSG:32633"


def test_windows_without_valid_pixels_never_reach_the_network(make_raster):
    segmenter = FakeSegmenter()
    path = make_raster(np.zeros((3, 50, 60), dtype=np.uint8), nodata=0)
    job = run(path, world_boxes([(10, 10, 30, 30), (1, 1, 5, 5)]), segmenter)
    assert job.table["status"].tolist() == ["nodata", "nodata"]
    assert not segmenter.embedded
    assert job.embeddings == 0


def test_a_damaged_block_fails_its_own_prompts_only(data):
    path = data / "geo/awkward/corrupt.tif"
    with open_raster(path) as source:
        frame = source.frame
    shapes = [pixel_polygon(frame, *c) for c in ((10, 10, 60, 60), (800, 800, 900, 900))]
    prompts = geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:3857")
    job = run(path, prompts, FakeSegmenter(model_size=256))
    assert job.table["status"].tolist() == ["ok", "failed"]
    assert len(job.failures) == 1
    assert job.failures[0].startswith("cannot read rows 768-1023, columns 768-1023 of ")


def test_a_network_that_gives_up_is_reported(make_raster):
    class Broken(FakeSegmenter):
        def embed(self, image):
            if len(self.embedded) < 2:  # the first window is tried twice
                self.embedded.append(image)
                raise RuntimeError("out of memory")
            return super().embed(image)

    path = make_raster(np.ones((1, 100, 2000), dtype=np.uint8))
    boxes = [(10, 10, 30, 30), (1900, 10, 1930, 30)]
    job = run(path, world_boxes(boxes), Broken(model_size=256))
    assert job.table["status"].tolist() == ["failed", "ok"]
    assert job.failures == ["out of memory"]


def test_objects_in_a_lost_source_fail_and_others_do_not(make_raster, tmp_path):
    values = np.zeros((1, 64, 64), np.uint8)
    values[0, 10:30, 10:30] = 200
    make_raster(values, name="left.tif")
    sources = "".join(
        f'<SimpleSource><SourceFilename relativeToVRT="1">{name}.tif</SourceFilename>'
        f'<SrcRect xOff="0" yOff="0" xSize="64" ySize="64"/>'
        f'<DstRect xOff="{x}" yOff="0" xSize="64" ySize="64"/></SimpleSource>'
        for name, x in (("left", 0), ("gone", 640))
    )
    path = tmp_path / "m.vrt"
    path.write_text(
        '<VRTDataset rasterXSize="704" rasterYSize="64"><SRS>EPSG:32633</SRS>'
        "<GeoTransform>500000,0.5,0,5800000,0,-0.5</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1">{sources}</VRTRasterBand></VRTDataset>'
    )
    boxes = world_boxes([(10, 10, 30, 30), (650, 10, 670, 30)])
    job = run(path, boxes, FakeSegmenter(model_size=128))
    assert job.table["status"].tolist() == ["ok", "failed"]
    (message,) = job.failures
    assert "gone.tif" in message


def square(top, left, side=4, score=0.5):
    window = Window((top, left), (top + side, left + side))
    return Instance(MaskRegion(window, np.ones((side, side), np.bool_)), score, 0.25)


READ = ReadWindow(Window((0, 0), (64, 64)), (64, 64), (0, 2, 3, 5))
PROMPTS = [GeoPrompt(f"p{n}", f"class {n}", status="clipped" if n == 2 else "ok") for n in range(6)]
FRAME = frame_from_affine(NORTH_UP)


def test_a_part_becomes_a_row_for_each_of_its_prompts():
    notes = {
        "rows": [
            [0, "ok", 0, 1], [2, "ok", 1, 3], [3, "empty", None, None], [5, "nodata", None, None],
        ]
    }  # fmt: skip
    part = Part([square(10, 20), square(0, 40, score=0.75), square(4, 40)], notes)
    rows = rows_of_window(READ, part, PROMPTS, (64, 64), FRAME)
    assert {n: row.status for n, row in rows.items()} == {
        0: "ok", 2: "clipped", 3: "empty", 5: "nodata",
    }  # fmt: skip
    assert [rows[n].prompt_id for n in rows] == ["p0", "p2", "p3", "p5"]
    assert rows[3].class_name == "class 3"
    assert (rows[0].area_px, rows[0].touches_edge, rows[0].seam_merged) == (16, False, False)
    assert (rows[2].area_px, rows[2].touches_edge, rows[2].seam_merged) == (32, True, True)
    assert (rows[0].score, rows[2].score, rows[3].score) == (0.5, 0.75, None)
    assert rows[0].geometry.equals(pixel_polygon(FRAME, 20, 10, 24, 14))
    assert rows[2].geometry.equals(pixel_polygon(FRAME, 40, 0, 44, 8))


def test_a_window_without_a_part_has_failed_for_all_its_prompts():
    rows = rows_of_window(READ, None, PROMPTS, (64, 64), FRAME)
    assert {(n, row.status) for n, row in rows.items()} == {(n, "failed") for n in READ.prompts}
    assert all(row.geometry is None for row in rows.values())
    assert rows[2].prompt_id == "p2"


def test_a_prompt_that_no_window_answers_keeps_its_name_and_status():
    row = row_of(GeoPrompt("a", "tree", status="outside"), "outside")
    assert (row.status, row.prompt_id, row.class_name) == ("outside", "a", "tree")
    assert row.area_px is None


def test_all_that_decides_a_window_is_in_its_plan(grey_raster):
    boxes = [GeoPrompt(0, box_xyxy=(10.0, 10.0, 20.0, 20.0))]
    with open_raster(grey_raster) as source:

        def digest(prompts, stretch=Stretch(None), **changes):  # noqa: B008 - frozen
            segmenter = FakeSegmenter(**{"model_size": 64, **changes})
            windows = plan_windows(prompts, source.size_hw, side=64)
            return PromptWork(source, segmenter, stretch, prompts, windows).plan().digest

        first = digest(boxes)
        assert digest(list(boxes)) == first
        others = [
            digest([replace(boxes[0], box_xyxy=(10.0, 10.0, 20.0, 21.0))]),
            digest([replace(boxes[0], outline=shapely.box(10, 10, 20, 20))]),
            digest(boxes, Stretch(((0.0, 9.0),))),
            digest(boxes, sha256="1" * 64),
            digest(boxes, precision="bf16"),
        ]
    assert first not in others
    assert len(set(others)) == len(others)
