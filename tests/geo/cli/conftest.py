"""The program `sam-geo` with a segmenter that needs no network."""

from __future__ import annotations

import sys

import pytest

from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.cli import main


@pytest.fixture
def segmenter(monkeypatch):
    """What `--model` gives in these tests; it remembers how it was asked for."""
    fake = RememberingSegmenter()

    def load(name, **settings):
        fake.calls.append((name, settings))
        return fake

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    return fake


class RememberingSegmenter(FakeSegmenter):
    def __init__(self):
        super().__init__()
        self.calls = []


@pytest.fixture
def error_of(capsys, monkeypatch):
    """Exit code and stderr of the whole command, as `error_of(*arguments)`."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sam-geo", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main.main()
        return stop.value.code, capsys.readouterr().err

    return run
