"""Jobs of the server on an open raster: the same as jobs on its file, without its name."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
from colour_detector import PATCHES, ColourDetector, painted
from seeing_segmenters import SeesValues
from three_masks import ThreeMaskSegmenter

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import GeometryError, InputError, UnknownModelError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.everything import segment_everything
from sam_geo.automatic.options import AutoOptions
from sam_geo.live import server_jobs
from sam_geo.live.server_jobs import SessionRaster, auto_options, run_server_job
from sam_geo.prompted.segment import segment_prompts
from sam_geo.raster.stretch import Stretch
from sam_geo.words.options import WordOptions
from sam_geo.words.segment import segment_words


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "results"
    path.mkdir()
    return path


def raster_of(path, segmenter):
    return SessionRaster(path, (1,), Stretch(None), segmenter)


def prompts_of(*boxes, **members):
    features = [
        {
            "type": "Feature",
            "properties": {"class": "tree"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]],
            },
        }
        for x0, y0, x1, y1 in boxes
    ]
    return {"type": "FeatureCollection", "features": features, **members}


WORLD = (500_005.0, 5_799_980.0, 500_015.0, 5_799_990.0)
"""Columns 10 to 29 and rows 20 to 39."""
OUTSIDE = (499_000.0, 5_799_980.0, 499_010.0, 5_799_990.0)


def test_prompts_are_those_of_a_job_on_the_file(image, folder, heard):
    request = {"prompts": prompts_of(WORLD, OUTSIDE), "prompts_crs": "EPSG:32633"}
    raster = raster_of(image, FakeSegmenter(model_size=64))
    told = run_server_job("prompts", request, folder, raster, heard)
    assert told == {"counts": {"ok": 1, "outside": 1}, "failures": [], "embeddings": 1}
    assert {path.name for path in folder.iterdir()} == {"objects.gpkg", "objects.geojson"}
    found = geopandas.read_file(folder / "objects.gpkg")
    expected = segment_prompts(
        image,
        request["prompts"],
        segmenter=FakeSegmenter(model_size=64),
        prompts_crs="EPSG:32633",
    )
    assert found["area_px"].tolist()[0] == expected["area_px"].tolist()[0] == 400
    assert found.geometry[0].equals(expected.geometry[0])
    assert heard.begun[0] == ("windows, in hundredths", 100)
    assert sum(heard.steps) == sum(total for _, total in heard.begun)


def test_words_are_those_of_a_job_on_the_file(make_raster, folder, heard, monkeypatch):
    asked = []

    def load(name, **_):
        asked.append(name)
        return ColourDetector()

    monkeypatch.setattr(server_jobs, "load_detector", load)
    server_jobs._detector.cache_clear()
    path = make_raster(painted(PATCHES))
    raster = SessionRaster(path, (1, 2, 3), Stretch(None), FakeSegmenter(model_size=256))
    request = {"text": ["red", "yellow"], "detector": "owlv2_base", "window": 64}
    told = run_server_job("words", request, folder, raster, heard)
    assert told["found"] == {"red": 3, "yellow": 1}
    assert told["counts"] == {"ok": 4}
    assert {path.name for path in folder.iterdir()} == {"objects.gpkg", "objects.geojson"}
    expected = segment_words(
        path,
        WordOptions(("red", "yellow"), window=64),
        segmenter=FakeSegmenter(model_size=256),
        detector=ColourDetector(),
    )
    found = geopandas.read_file(folder / "objects.gpkg")
    assert found["text_score"].tolist() == expected["text_score"].tolist()
    assert found.geometry.geom_equals(expected.geometry).all()
    # the detector stays for the next job
    for file in folder.iterdir():
        file.unlink()
    run_server_job("words", request, folder, raster, heard)
    assert asked == ["owlv2_base"]
    server_jobs._detector.cache_clear()
    assert sum(heard.steps) == sum(total for _, total in heard.begun)


def test_a_client_names_no_folder_of_the_server(image, folder, heard, tmp_path):
    raster = raster_of(image, FakeSegmenter(model_size=64))
    request = {"text": ["car"], "detector": str(tmp_path)}
    with pytest.raises(UnknownModelError, match="unknown detector"):
        run_server_job("words", request, folder, raster, heard)


def test_points_of_one_class_tell_what_was_doubtful(image, folder, heard):
    point = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Point", "coordinates": [30.5, 30.5]},
    }
    layer = {"type": "FeatureCollection", "features": [point]}
    request = {"prompts": layer, "prompts_crs": "pixel", "one_class": True}
    told = run_server_job(
        "prompts", request, folder, raster_of(image, ThreeMaskSegmenter(model_size=64)), heard
    )
    assert "needs 5 points" in told["notes"][0]


def test_everything_is_that_of_a_job_on_the_file(make_raster, folder, heard):
    values = np.zeros((3, 100, 120), dtype=np.uint8)
    values[:, 20:50, 30:70] = 40
    path = make_raster(values)
    raster = SessionRaster(path, (1, 2, 3), Stretch(None), SeesValues(model_size=64))
    options = {"tile_size": 64, "overlap": 16, "points_per_side": 8}
    told = run_server_job("automatic", {"options": options}, folder, raster, heard)
    assert [path.name for path in folder.iterdir()] == ["objects.gpkg"]
    table = segment_everything(
        path, segmenter=SeesValues(model_size=64), options=auto_options(options)
    )
    found = geopandas.read_file(folder / "objects.gpkg")
    assert found["area_px"].tolist() == table["area_px"].tolist() == [1200]
    assert (told["objects"], told["counts"], told["failures"]) == (1, {"ok": 1}, [])
    assert set(told) == {
        "counts", "objects", "windows", "windows_nodata", "failures", "embeddings",
    }  # fmt: skip


def test_failures_do_not_name_the_file(make_raster, folder, heard):
    path = make_raster(np.random.default_rng(0).integers(1, 255, (1, 300, 300)).astype(np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    raster = raster_of(path, FakeSegmenter(model_size=64))
    low = (500_010.0, 5_799_860.0, 500_020.0, 5_799_870.0)
    request = {"prompts": prompts_of(low), "prompts_crs": "EPSG:32633"}
    told = run_server_job("prompts", request, folder, raster, heard)
    (message,) = told["failures"]
    assert " of the raster: " in message
    assert str(path.parent) not in message
    (folder / "objects.gpkg").unlink()
    options = {"tile_size": 64, "overlap": 16, "points_per_side": 2}
    told = run_server_job("automatic", {"options": options}, folder, raster, heard)
    assert told["failures"]
    assert not any(str(path.parent) in message for message in told["failures"])


@pytest.mark.parametrize(
    "members",
    [{"prompts_crs": "/etc/passwd"}, {"crs": {"properties": {"name": "+nadgrids=/tmp/a.gsb"}}}],
)
def test_a_reference_system_that_names_a_file_is_refused(image, folder, heard, members):
    crs = {"crs": members.pop("crs")} if "crs" in members else {}
    request = {"prompts": prompts_of(WORLD, **crs), **members}
    with pytest.raises(InputError, match="may not name files"):
        run_server_job("prompts", request, folder, raster_of(image, FakeSegmenter()), heard)


def test_an_unknown_job_is_named(image, folder, heard):
    with pytest.raises(
        InputError, match=r"no job batch for a raster \(known: prompts, words, automatic"
    ):
        run_server_job("batch", {}, folder, raster_of(image, FakeSegmenter()), heard)


def test_options_go_where_they_belong():
    given = {"tile_size": 256, "join": False, "points_per_side": 9, "pred_iou_thresh": 0.5}
    expected = AutoOptions(
        256, None, EverythingOptions(points_per_side=9, pred_iou_thresh=0.5), join=False
    )
    assert auto_options(given) == expected
    assert auto_options({}) == AutoOptions()
    assert auto_options({"pred_iou_thresh": 1}).everything.pred_iou_thresh == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": 3}, r"unknown option 'points' \(known: tile_size, overlap, superpixels, join"),
        ({"everything": {}}, "unknown option 'everything'"),
        ({"join": 1}, "option join is a flag: 1"),
        ({"tile_size": True}, "option tile_size is a number: True"),
        ({"tile_size": "256"}, "option tile_size is a number: '256'"),
        ({"tile_size": 256.5}, r"option tile_size is a whole number, got 256\.5"),
        ({"points_per_side": 1.5}, "option points_per_side is a whole number"),
        ({"pred_iou_thresh": None}, "option pred_iou_thresh is a number: None"),
    ],
)
def test_a_wrong_option_is_named(given, message):
    with pytest.raises(InputError, match=message):
        auto_options(given)
    with pytest.raises(GeometryError, match="--tile-size must be at least 16"):
        auto_options({"tile_size": 8})
