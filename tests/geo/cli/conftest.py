"""The program `sam-geo` with a segmenter that needs no network."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from affine import Affine
from colour_detector import COLOURS, PATCHES, ColourDetector

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


@pytest.fixture
def place(make_raster, tmp_path, monkeypatch):
    """A folder with a raster and prompts, in which a command runs with fake networks."""
    monkeypatch.setattr(
        "sam_common.segmenter.predictor.load_segmenter",
        lambda _name, **_settings: FakeSegmenter(model_size=64, radius_px=9.0),
    )
    monkeypatch.setattr(
        "sam_common.detectors.load.load_detector", lambda _name, **_settings: ColourDetector()
    )
    values = np.random.default_rng(5).integers(0, 250, (3, 160, 200)).astype(np.uint8)
    for colour, top, left, bottom, right in PATCHES:
        values[:, top:bottom, left:right] = np.reshape(COLOURS[colour], (3, 1, 1))
    transform = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        make_raster(values, name=f"{name}/image.tif", crs="EPSG:32633", transform=transform)
        boxes = [(x, y, x + 20, y + 15) for y in range(5, 140, 30) for x in range(5, 170, 40)]
        rows = [",".join(map(str, box)) for box in boxes]
        (folder / "boxes.csv").write_text("\n".join(["xmin,ymin,xmax,ymax", *rows, ""]))
        points = [(x + 0.5, y + 0.5) for y in range(9, 150, 20) for x in range(6, 190, 25)]
        rows = [f"{x},{y},{'ab'[n % 2]}" for n, (x, y) in enumerate(points)]
        (folder / "samples.csv").write_text("\n".join(["x,y,cover", *rows, ""]))
        rows = [f"{x},{y}" for x, y in points[::9]]
        (folder / "examples.csv").write_text("\n".join(["x,y", *rows, ""]))
        monkeypatch.chdir(folder)
        return folder

    return make
