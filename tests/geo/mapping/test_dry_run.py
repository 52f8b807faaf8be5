"""What a job would cost, before it is done."""

from __future__ import annotations

from dataclasses import replace

from sam_geo.mapping.dry_run import dry_run_landcover
from sam_geo.mapping.run import run_landcover


def test_figures_and_nothing_written(request_of, small_blocks, tmp_path):
    request = request_of()
    found = dry_run_landcover(request)
    assert found["windows"] == 12
    assert found["seconds"] > 0
    assert found["samples"]["features"] == {"field": 15, "town": 15, "water": 15}
    assert found["accuracies"]["blocked"]["overall"] > 0.8
    assert list(tmp_path.iterdir()) == []
    more = dry_run_landcover(replace(request, workers=4))
    assert more["ram_bytes"] == 2 * found["ram_bytes"]


def test_disk_is_enough(request_of, small_blocks, monkeypatch):
    request = request_of()
    found = dry_run_landcover(request)
    seen = []

    def keep(folder, storage):
        assert storage is None
        seen.append(sum(path.stat().st_size for path in folder.glob("*.part")))

    monkeypatch.setattr("sam_geo.mapping.run.remove_parts", keep)
    run_landcover(request)
    assert seen[0] + request.output.stat().st_size < found["disk_bytes"] < 100 * seen[0]


def test_a_model(request_of, tmp_path):
    request = request_of(save=tmp_path / "m.skops")
    run_landcover(request)
    again = replace(
        request, learn=None, save=None, apply=tmp_path / "m.skops", output=tmp_path / "b.tif"
    )
    found = dry_run_landcover(again)
    assert found["windows"] == 1
    assert "samples" not in found
    assert not again.parts.exists()
