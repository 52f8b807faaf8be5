"""Embeddings of a whole raster."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.encode import encode_raster
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.prompted.embedding import key_of
from sam_geo.prompted.windows import shared_windows
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch, choose_stretch


def test_prompts_on_an_encoded_raster_run_no_encoder(fields, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("xmin,ymin,xmax,ymax\n10,10,30,30\n300,200,340,230\n")
    store = tmp_path / "store"
    with open_raster(fields) as source:
        figures = encode_raster(
            source, FakeSegmenter(model_size=256), choose_stretch(source), store
        )
        again = encode_raster(source, FakeSegmenter(model_size=256), choose_stretch(source), store)
    assert (figures["encoded"], figures["stored"]) == (figures["windows"], 0)
    assert (again["encoded"], again["stored"]) == (0, figures["windows"])
    segmenter = FakeSegmenter(model_size=256)
    request = PromptRequest(
        image=str(fields), prompts=boxes, output=tmp_path / "out.gpkg", embeddings=store
    )
    job, record = run_request(request, lambda: segmenter)
    assert record["embeddings"] == 0
    assert not segmenter.embedded
    assert job.table["area_px"].tolist() == [400, 1200]


def test_windows_without_data_and_damaged_ones_are_counted(make_raster, tmp_path):
    values = np.random.default_rng(0).integers(1, 255, (1, 192, 64)).astype(np.uint8)
    values[0, :64] = 0
    path = make_raster(values, nodata=0)
    segmenter = FakeSegmenter(model_size=64)
    seen = []

    @contextmanager
    def progress(what, total):
        seen.append((what, total))
        yield seen.append

    with open_raster(path) as source:
        windows = shared_windows((192, 64), side=64)
        figures = encode_raster(source, segmenter, Stretch(None), tmp_path / "a", progress=progress)
    empty = sum(window.stop[0] <= 64 for window in windows)
    assert figures["windows"] == len(windows) > figures["nodata"] == empty > 0
    assert figures["encoded"] == len(segmenter.embedded) == len(windows) - empty
    assert (figures["stored"], figures["failed"]) == (0, [])
    assert seen == [("windows", len(windows)), *[1] * len(windows)]
    names = {path.stem for path in (tmp_path / "a").glob("*.safetensors")}
    assert names == {key_of(window, window.shape) for window in windows if window.stop[0] > 64}
    path.write_bytes(path.read_bytes()[:-30])
    with open_raster(path) as source:
        figures = encode_raster(source, segmenter, Stretch(None), tmp_path / "b")
    failed = len(figures["failed"])
    assert 0 < failed < len(windows)
    assert figures["encoded"] + figures["nodata"] + failed == len(windows)
    assert "cannot read rows" in figures["failed"][0]


def test_the_oldest_embeddings_go_where_a_store_grows_too_large(make_raster, tmp_path):
    path = make_raster(np.ones((1, 64, 400), dtype=np.uint8))
    with open_raster(path) as source:
        figures = encode_raster(
            source, FakeSegmenter(model_size=64), Stretch(None), tmp_path / "a", max_bytes=1
        )
    assert figures["encoded"] == figures["windows"] > 1
    assert len(list((tmp_path / "a").glob("*.safetensors"))) == 1
