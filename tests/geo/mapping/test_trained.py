"""The model of a job: from a file, from samples, or from an interrupted run."""

from __future__ import annotations

import json

from sam_common.tiled_job.progress import silent
from sam_geo.learning.model import load_model
from sam_geo.mapping import trained
from sam_geo.mapping.network import opened_network
from sam_geo.mapping.opened import opened_map
from sam_geo.mapping.run import run_landcover
from sam_geo.mapping.trained import MODEL, NOTES, trained_model


def model_of(request):
    with opened_map(request) as opened, opened_network(request, None, silent) as network:
        return trained_model(request, opened, network, None, silent)


def test_what_was_learned_is_kept_among_the_parts(request_of, monkeypatch):
    request = request_of()
    with opened_map(request) as opened, opened_network(request, None, silent) as network:
        model, notes = trained_model(request, opened, network, None, silent)
        assert model.training["samples"]["features"]
        assert json.loads((request.parts / NOTES).read_text()) == notes == []
        assert load_model(request.parts / MODEL).classes == model.classes
        monkeypatch.setattr(trained, "learn", None)
        again, _ = trained_model(request, opened, network, None, silent)
    assert again.training == model.training


def test_a_model_from_a_file_is_used_as_it_is(request_of, tmp_path, monkeypatch):
    from dataclasses import replace

    first = request_of(save=tmp_path / "m.skops")
    run_landcover(first)
    monkeypatch.setattr(trained, "learn", None)
    applied = replace(
        first, learn=None, save=None, apply=tmp_path / "m.skops", output=tmp_path / "b.tif"
    )
    model, notes = model_of(applied)
    assert model.classes == load_model(tmp_path / "m.skops").classes
    assert notes == []
