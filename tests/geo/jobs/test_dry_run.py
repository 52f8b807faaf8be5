"""Dry runs: what a job would cost."""

from __future__ import annotations

from geo_jobs import request_of
from seeing_segmenters import seeing

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.dry_run import dry_run_auto, dry_run_prompts
from sam_geo.jobs.request import PromptRequest


def test_a_dry_run_writes_nothing(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    figures = dry_run_auto(request_of(fields, out), seeing)
    assert figures["windows"] == figures["encoder_calls"] == 16
    assert figures["seconds"] > 0
    assert figures["disk_bytes"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fields.tif"]


def test_a_dry_run_of_prompts_says_how_they_share_embeddings(fields, tmp_path):
    prompts = tmp_path / "boxes.csv"
    prompts.write_text("xmin,ymin,xmax,ymax\n10,10,30,30\n12,12,40,40\n350,350,380,380\n")
    out, store = tmp_path / "out.gpkg", tmp_path / "store"
    request = PromptRequest(image=str(fields), prompts=prompts, output=out, embeddings=store)
    figures = dry_run_prompts(request, lambda: FakeSegmenter(model_size=128))
    assert (figures["prompts"], figures["windows"], figures["encoder_calls"]) == (3, 2, 2)
    assert figures["prompts_per_embedding"] == 1.5
    assert figures["seconds"] > 0
    assert {path.name for path in tmp_path.iterdir()} == {"boxes.csv", "fields.tif"}
