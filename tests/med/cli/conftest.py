from __future__ import annotations

import sys

import pytest

from sam_common.segmenter.fake import FakeSegmenter
from sam_med.cli import main


class RememberingSegmenter(FakeSegmenter):
    def __init__(self):
        super().__init__()
        self.calls = []


@pytest.fixture
def segmenter(monkeypatch):
    """What `--model` gives in these tests; it remembers how it was asked for."""
    fake = RememberingSegmenter()

    def load(name, **settings):
        fake.calls.append((name, settings))
        return fake

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    return fake


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory):
    """Embeddings that one test keeps must not serve another."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(folder))
    return folder


@pytest.fixture
def brain(data):
    return data / "med/volumes/mr_brain1/brain1_image.nrrd"


@pytest.fixture
def error_of(capsys, monkeypatch):
    """The last line on stderr of a command that fails with exit code 2."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sam-med", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main.main()
        assert stop.value.code == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("error: ")
        return last.removeprefix("error: ")

    return run
