"""Records of jobs: every entry against what the job did."""

from __future__ import annotations

import json

import geopandas
from geo_jobs import OPTIONS, ask, auto

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto
from sam_geo.raster.source import open_raster

COMMON = ["inputs", "parameters", "model", "stretch"]
LAST = ["failures", "notes", "seconds", "versions"]


def test_a_record_of_prompts(grey_raster, boxes, tmp_path):
    found, record = ask(grey_raster, boxes, tmp_path / "o.gpkg", bands=(1,), prompts_crs="pixel")
    assert list(record) == [
        *COMMON, "prompts", "counts", "windows", "embeddings", "prompts_per_embedding", *LAST,
    ]  # fmt: skip
    with open_raster(grey_raster) as source:
        assert record["inputs"]["image"] == source.identity
    assert record["inputs"]["prompts"]["path"] == str(boxes)
    assert record["parameters"] == {
        "table": "o.gpkg", "layer": None, "bands": [1], "page": None, "image_crs": None,
        "finish": {"min_area_m2": 0.0, "simplify": None, "regularize": None, "dst_crs": None},
        "prompts_crs": "pixel", "polygon_masks": False,
    }  # fmt: skip
    assert (record["prompts"], record["counts"]) == (3, {"ok": 2, "outside": 1})
    assert (record["windows"], record["embeddings"]) == (len(found.windows), found.embeddings)
    assert record["prompts_per_embedding"] == round(2 / found.embeddings, 2)
    assert list(record["seconds"]) == [
        "read", "embed", "decode", "polygonize", "load", "write", "total",
    ]  # fmt: skip
    assert record == json.loads((tmp_path / "o.job.json").read_text())


def test_prompts_that_need_no_network_share_no_embedding(grey_raster, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("xmin,ymin,xmax,ymax\n200,200,220,220\n")
    _, record = ask(grey_raster, outside, tmp_path / "o.gpkg")
    assert (record["windows"], record["embeddings"]) == (0, 0)
    assert record["prompts_per_embedding"] is None


def test_a_record_of_everything(grey_raster, tmp_path):
    record = auto(grey_raster, tmp_path / "o.gpkg")
    assert list(record) == [
        *COMMON, "counts", "objects", "windows", "windows_reused", "windows_nodata",
        "windows_joined", "seams", "embeddings", *LAST,
    ]  # fmt: skip
    table = geopandas.read_file(tmp_path / "o.gpkg")
    assert record["objects"] == sum(record["counts"].values()) == len(table)
    assert record["windows"] == record["embeddings"] == 4
    assert (record["windows_reused"], record["windows_nodata"]) == (0, 0)
    assert record["parameters"]["auto"]["tile_size"] == OPTIONS.tile_size
    assert list(record["inputs"]) == ["image"]
    assert list(record["seconds"]) == ["load", "windows", "seams", "link_and_write", "total"]
    assert record == json.loads((tmp_path / "o.job.json").read_text())


def test_labels_and_proposals_have_entries_where_they_are_asked_for(grey_raster, boxes, tmp_path):
    inside = tmp_path / "inside.csv"
    inside.write_text("xmin,ymin,xmax,ymax\n10,10,30,30\n50,20,90,60\n0,0,100,70\n")
    request = AutoRequest(
        image=str(grey_raster),
        output=tmp_path / "o.gpkg",
        options=OPTIONS,
        proposals=inside,
        labels=tmp_path / "labels.tif",
    )
    record = run_auto(request, lambda: FakeSegmenter(model_size=64))
    # windows of 64 pixels hold boxes of up to twice their side
    assert record["proposals"] == {"given": 3, "too_large": 0}
    assert record["hidden_in_labels"] >= 0
    assert record["inputs"]["proposals"]["path"] == str(inside)
