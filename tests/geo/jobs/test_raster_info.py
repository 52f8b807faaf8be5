"""Raster info: facts against the file that was written, and notes on what may surprise."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from geo_jobs import placed_by_points

from sam_common.errors import InputError
from sam_common.tiled_job.plan import tile_grid
from sam_geo.jobs import raster_info
from sam_geo.jobs.raster_info import count_valid, describe_raster, opening_notes
from sam_geo.raster.source import open_raster


def facts_of(path, **options):
    with open_raster(path) as source:
        return describe_raster(source, **options)


def test_facts_are_those_of_the_file(make_raster):
    values = np.random.default_rng(0).normal(size=(2, 30, 40)).astype(np.float32)
    values[:, :3, :5] = np.nan
    path = make_raster(values, nodata=float("nan"))
    facts = facts_of(path)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert (facts["driver"], facts["height"], facts["width"]) == ("GTiff", 30, 40)
    assert (facts["bands"], facts["dtypes"]) == (2, ["float32", "float32"])
    assert facts["crs"] == "EPSG:32633"
    assert facts["transform"] == [0.5, 0, 500_000, 0, -0.5, 5_800_000]
    assert facts["bounds"] == [500_000, 5_799_985, 500_020, 5_800_000]
    assert (facts["nodata"], facts["mask"]) == ("nan", "nodata")
    assert facts["valid_pixels"] == 30 * 40 - 15
    assert facts["chosen_bands"] == [1]
    ((low, high),) = facts["stretch"]
    assert (low, high) == pytest.approx(np.nanpercentile(values[0], [2, 98]), abs=0.1)
    assert "of 2 bands 1 would be used as grey; --bands is another" in facts["notes"]
    assert any(note.startswith("float32 values become bytes") for note in facts["notes"])


def test_windows_of_a_job_are_counted(make_raster):
    path = make_raster(np.ones((1, 1100, 2000), dtype=np.uint8))
    job = facts_of(path)["job"]
    assert job["windows"] == len(tile_grid((1100, 2000), side=1024, overlap=128)) == 6
    assert (job["window_px"], job["overlap_px"]) == (1024, 128)
    assert job["embeddings_bytes"] == job["encoded_windows"] * 4 * 2**20


def test_a_stretch_that_is_given_is_told(make_raster):
    path = make_raster(np.arange(1200, dtype=np.uint16).reshape(1, 30, 40))
    assert facts_of(path, stretch="100,900")["stretch"] == [[100.0, 900.0]]
    with pytest.raises(InputError, match="--stretch is min,max or none"):
        facts_of(path, stretch="a,b")


def test_what_a_job_would_refuse_is_a_note(tmp_path):
    facts = facts_of(placed_by_points(tmp_path))
    assert facts["gcps"] == 3
    (note,) = [note for note in facts["notes"] if note.startswith("refused: ")]
    assert "3 ground control points" in note


@pytest.mark.parametrize(
    ("transform", "place"),
    [(Affine.identity(), "pixels"), (Affine(2, 0, 7, 0, -2, 9), "its geotransform")],
)
def test_a_raster_without_a_system_says_where_results_lie(make_raster, transform, place):
    path = make_raster(np.ones((1, 10, 10), dtype=np.uint8), crs=None, transform=transform)
    notes = facts_of(path)["notes"]
    expected = f"no coordinate reference system: results are in the coordinates of {place}"
    assert expected in notes


def test_nothing_valid_is_a_note(make_raster):
    path = make_raster(np.zeros((1, 10, 10), dtype=np.uint8), nodata=0)
    facts = facts_of(path)
    assert facts["valid_pixels"] == 0
    assert facts["notes"][0] == "no valid pixel: nothing would be segmented"


def test_a_large_raster_wants_overviews_and_tiles(make_raster, monkeypatch):
    monkeypatch.setattr(raster_info, "LARGE_PX", 30)
    striped = make_raster(np.ones((1, 20, 48), dtype=np.uint8), name="striped.tif")
    notes = "\n".join(facts_of(striped)["notes"])
    assert "gdaladdo -r average" in notes
    assert "gdal_translate -of COG" in notes
    tiled = make_raster(
        np.ones((1, 64, 48), dtype=np.uint8), name="tiled.tif", tiled=True, blockxsize=16,
        blockysize=16,
    )  # fmt: skip
    with rasterio.open(tiled, "r+") as dataset:
        dataset.build_overviews([2])
    assert facts_of(tiled)["notes"] == []


def test_valid_pixels_are_counted_in_strips(make_raster, monkeypatch):
    monkeypatch.setattr(raster_info, "STRIP_PIXELS", 90)
    values = np.random.default_rng(1).integers(0, 3, (1, 31, 40)).astype(np.uint8)
    with open_raster(make_raster(values, nodata=0)) as source:
        assert count_valid(source) == (values > 0).sum()
        monkeypatch.setattr(raster_info, "MOST_COUNTED", 31 * 40 - 1)
        assert count_valid(source) is None
    with open_raster(make_raster(values, name="all.tif")) as source:
        assert count_valid(source) == 31 * 40  # without a read, whatever the size


def test_a_damaged_raster_is_described_without_a_count(make_raster):
    values = np.random.default_rng(1).integers(0, 255, (1, 300, 300)).astype(np.uint8)
    path = make_raster(values, nodata=0)
    path.write_bytes(path.read_bytes()[:50_000])
    with open_raster(path) as source:
        assert count_valid(source) is None


def test_who_gives_a_stretch_is_not_told_of_fill_values(make_raster):
    values = np.random.default_rng(0).integers(500, 900, (1, 80, 80)).astype(np.int16)
    values[0, :40] = -9999
    with open_raster(make_raster(values)) as source:
        (note,) = opening_notes(source)
        assert "-9999" in note
        assert list(opening_notes(source, is_given=True)) == []
