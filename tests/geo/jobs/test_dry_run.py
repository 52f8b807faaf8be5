"""Dry runs: what a job would cost."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from geo_jobs import request_of
from seeing_segmenters import seeing

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.tiled_job.parts import Part, pack
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.run import AHEAD
from sam_common.tiled_job.work import Work
from sam_geo.jobs.dry_run import (
    DECODER_BYTES,
    RESULT_SHARE,
    dry_run_auto,
    dry_run_prompts,
    estimate,
)
from sam_geo.jobs.request import PromptRequest
from sam_geo.raster.source import open_raster


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


def opened(source):
    return SimpleNamespace(source=source, segmenter=FakeSegmenter(model_size=64))


def test_an_estimate_is_one_window_times_all(make_raster):
    path = make_raster(np.ones((2, 100, 200), dtype=np.uint16))
    plan = Plan((100, 200), tuple(tile_grid((100, 200), side=64, overlap=16)), {})
    done = []

    def segment(n, _pixels):
        done.append(n)
        return Part(notes={"n": n})

    with open_raster(path, bands=[1]) as source:
        job = opened(source)
        read = source.read_data
        cost = estimate(Work(lambda n: read(plan.windows[n]), segment), plan, job, workers=3)
    assert len(plan) == 8
    assert done == [4]
    # only a first call, which warms an engine up
    assert [image.shape for image in job.segmenter.embedded] == [(64, 64, 3)]
    assert (cost.windows, cost.encoder_calls) == (8, 8)
    assert cost.seconds > 0
    # samples of 16 bits, a byte for the network and one for the mask, of windows at work and ahead
    assert cost.ram_bytes == DECODER_BYTES + (3 + AHEAD) * 64 * 64 * 4
    assert cost.disk_bytes == RESULT_SHARE * 8 * len(pack(Part(notes={"n": 4})))


def test_windows_without_data_are_passed_over(make_raster):
    values = np.zeros((1, 64, 192), dtype=np.uint8)
    values[0, :, :64] = 9
    path = make_raster(values, nodata=0)
    plan = Plan((64, 192), tuple(tile_grid((64, 192), side=64, overlap=0)), {})
    done = []

    def segment(n, _pixels):
        done.append(n)
        return Part()

    with open_raster(path) as source:
        work = Work(lambda n: source.read_data(plan.windows[n]), segment)
        assert estimate(work, plan, opened(source)).encoder_calls == 3
        # from the middle to the end, then from the beginning
        assert done == [0]
        nothing = Work(lambda _n: None, segment)
        cost = estimate(nothing, plan, opened(source))
    assert (cost.encoder_calls, cost.seconds, cost.disk_bytes) == (0, 0, 0)
    assert done == [0]
