from __future__ import annotations

import pytest
from typer.testing import CliRunner

from sam_med.cli.main import app


@pytest.mark.parametrize(("typed", "series"), [("2", 2), ("1.2.3", "1.2.3")])
def test_options_become_the_request_of_a_session(monkeypatch, typed, series):
    asked = []
    monkeypatch.setattr(
        "sam_common.server.viewer.view", lambda request, **how: asked.append((request, how))
    )
    words = ["view", "scan", "--series", typed, "--window", "400", "--level", "40", "--time", "2"]
    assert CliRunner().invoke(app, words).exit_code == 0
    ((request, how),) = asked
    assert request == {
        "kind": "volume",
        "path": "scan",
        "model": "lite_medsam",
        "series": series,
        "time": 2,
        "modality": None,
        "preset": None,
        "width": 400.0,
        "level": 40.0,
    }
    assert how == {"port": 0, "is_opened": True}
