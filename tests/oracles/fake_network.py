"""A module that `dask worker --preload` runs: networks that a worker loads are fake ones."""

from __future__ import annotations

from sam_common.segmenter import predictor
from sam_common.segmenter.fake import FakeSegmenter


def load(_name, **_settings):
    return FakeSegmenter()


def dask_setup(_worker):
    """Called on a worker alone: who only imports this module keeps the real networks."""
    predictor.load_segmenter = load
