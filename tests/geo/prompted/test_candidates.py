"""The candidates of points, from the network to the rows of a table."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import shapely
from three_masks import RADII, ThreeMaskSegmenter

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.window import Window
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.prompted.candidates import held_points, looks_of, points_of
from sam_geo.prompted.segment import RunOptions, run_prompts
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.source import open_raster

PLACES = [(20 + 37 * n % 260, 20 + 30 * (n // 7)) for n in range(28)]
"""Pixels (x, y) of the objects."""
OBJECT = 113
"""Pixels of a disc of radius 6."""


def asked(extra=()):
    return [
        GeoPrompt(n, points_xy=((float(x), float(y)),), point_labels=(1,))
        for n, (x, y) in enumerate(PLACES)
    ] + list(extra)


@pytest.fixture
def image(make_raster):
    """Bright discs on dark ground."""
    pixels = np.full((200, 300), 40, dtype=np.uint8)
    rows, cols = np.ogrid[:200, :300]
    for x, y in PLACES:
        pixels[(rows - y) ** 2 + (cols - x) ** 2 <= RADII[1] ** 2] = 200
    return make_raster(pixels[None])


def job(path, prompts, **options):
    with open_raster(path) as source:
        segmenter = ThreeMaskSegmenter(model_size=256)
        return run_prompts(source, prompts, segmenter, options=RunOptions(**options))


def test_the_candidates_that_agree_are_taken(image):
    usual = job(image, asked())
    assert len(set(usual.table["area_px"])) == 3
    assert usual.choice is None
    chosen = job(image, asked(), one_class=True)
    assert set(chosen.table["area_px"]) == {OBJECT}
    assert (chosen.table["status"] == "ok").all()
    changed = (usual.table["area_px"] != chosen.table["area_px"]).sum()
    assert chosen.choice.classes[""].changed == changed > 0


def test_boxes_in_the_layer_keep_their_masks(image):
    box = GeoPrompt("box", box_xyxy=(99.5, 99.5, 149.5, 129.5))
    table = job(image, asked([box]), one_class=True).table
    assert table["area_px"].tolist() == [OBJECT] * len(PLACES) + [50 * 30]


def test_without_agreement_the_table_is_the_usual_one(image):
    few = asked()[:4]
    usual, chosen = job(image, few), job(image, few, one_class=True)
    assert chosen.table.equals(usual.table)
    assert "needs 5 points" in chosen.choice.notes[0]


def test_workers_and_parts_change_nothing(image, tmp_path):
    one = job(image, asked(), one_class=True).table
    parts = tmp_path / "parts"
    assert job(image, asked(), one_class=True, workers=3, parts=parts).table.equals(one)
    again = job(image, asked(), one_class=True, parts=parts, resume=True)
    assert again.table.equals(one)
    assert again.embeddings == 0
    with pytest.raises(InputError, match="one_class"):
        job(image, asked(), parts=parts, resume=True)


def test_points_of_others_in_a_mask_are_counted():
    piece = MaskRegion(Window((10, 20), (13, 24)), np.eye(3, 4, dtype=bool))
    xy = np.array([[20, 10], [21.4, 11.4], [21, 10], [24, 12], [0, 0]])
    assert held_points([piece], xy) == 2
    assert held_points([piece, piece.shift((0, 1))], xy) == 3
    assert held_points([piece], np.zeros((0, 2))) == 0


def test_points_are_those_of_objects():
    both = GeoPrompt(1, points_xy=((1, 2), (3, 4)), point_labels=(1, 0))
    found = points_of([GeoPrompt(0, box_xyxy=(0, 0, 1, 1)), both])
    assert found.tolist() == [[1, 1, 2]]


def test_looks_are_the_mean_and_its_difference_from_the_rim():
    image = np.full((20, 20, 3), 40, dtype=np.uint8)
    image[5:10, 5:10] = (200, 100, 60)
    region = MaskRegion(Window((5, 5), (10, 10)), np.ones((5, 5), dtype=bool))
    assert looks_of(region, image) == [200, 100, 60, 160, 60, 20]
    whole = MaskRegion(Window((0, 0), (20, 20)), np.ones((20, 20), dtype=bool))
    assert looks_of(whole, image[..., 0])[1] == 0


def test_a_job_tells_what_was_chosen(image, tmp_path):
    points = tmp_path / "points.csv"
    # corners of pixels: a pixel's centre is at .5
    lines = ["x,y", *(f"{x + 0.5},{y + 0.5}" for x, y in PLACES)]
    points.write_text("\n".join([*lines, ""]))
    out = tmp_path / "o.gpkg"
    request = PromptRequest(image=str(image), prompts=points, output=out, one_class=True)
    _, record = run_request(request, lambda: ThreeMaskSegmenter(model_size=256))
    assert set(geopandas.read_file(out)["area_px"]) == {OBJECT}
    assert record["one_class"][""]["points"] == len(PLACES)
    assert record["parameters"]["one_class"]
    assert json.loads((tmp_path / "o.job.json").read_text())["one_class"] == record["one_class"]


def test_boxes_alone_have_no_candidates(image, tmp_path):
    boxes = tmp_path / "boxes.gpkg"
    shape = shapely.box(500_010, 5_799_950, 500_020, 5_799_960)
    geopandas.GeoDataFrame(geometry=[shape], crs=32633).to_file(boxes)
    request = PromptRequest(
        image=str(image), prompts=boxes, output=tmp_path / "o.gpkg", one_class=True
    )
    with pytest.raises(InputError, match="--one-class chooses among the masks of points"):
        run_request(request, lambda: ThreeMaskSegmenter(model_size=256))
