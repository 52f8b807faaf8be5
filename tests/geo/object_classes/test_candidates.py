"""Candidates and the files that keep them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from colour_segmenter import ColourSegmenter

from sam_common.tiled_job.progress import silent
from sam_geo.bands.stack import open_stack
from sam_geo.mapping.network import opened_network
from sam_geo.object_classes.candidates import (
    find_candidates,
    measured_shapes,
    origin_of,
    windows_of,
    with_store,
)
from sam_geo.object_classes.request import candidate_options


def test_what_decides_them(similar, tmp_path):
    request = similar()
    with open_stack(request.rasters) as stack:
        one = origin_of(request, stack)
        assert one["network"] is None
        assert origin_of(replace(request, seed=4, least_probability=0.9), stack) == one
        by_network = replace(request, candidates=None)
        assert origin_of(by_network, stack)["network"] == "mobile_sam"
        other = replace(by_network, auto=candidate_options(128))
        assert origin_of(by_network, stack) != origin_of(other, stack)
        assert with_store(request, stack).embeddings.parent == request.parts
        kept = replace(request, embeddings=tmp_path)
        assert with_store(kept, stack) is kept


def test_windows_are_those_of_the_automatic_job(similar):
    request = similar(auto=candidate_options(128))
    with (
        open_stack(request.rasters) as stack,
        opened_network(
            request, lambda: ColourSegmenter(model_size=64), silent, grid=windows_of(request)
        ) as network,
    ):
        found = find_candidates(request, stack, None, silent)
        assert {w.shape for w in network.view.windows} == {(128, 128)}
        request.parts.mkdir()
        whole = measured_shapes(found.shapes, stack, network, silent, with_embedding=True)
        # on axes that are known, an object has the same features by itself
        one = measured_shapes(found.shapes[:1], stack, network, silent, axes=whole.axes)
    assert whole.axes.count == 6
    assert one.table == pytest.approx(whole.table[:1], rel=1e-4, abs=1e-3)
