"""Prompts of a job, and jobs that must not begin."""

from __future__ import annotations

import pytest

from sam_common.errors import InputError, OutputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto, run_request


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("xmin,ymin,xmax,ymax,label\n10,10,30,30,tree\n50,20,90,60,roof\n")
    return path


@pytest.fixture
def refused():
    """The message of a job that must not begin."""

    def run(request):
        segmenter = FakeSegmenter(model_size=64)
        job = run_auto if isinstance(request, AutoRequest) else run_request
        with pytest.raises((InputError, OutputError, PromptError)) as caught:
            job(request, lambda: segmenter)
        assert segmenter.embedded == []
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return run
