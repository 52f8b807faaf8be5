"""Embeddings of a whole raster."""

from __future__ import annotations

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.encode import encode_raster
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch


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
