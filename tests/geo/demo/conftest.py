"""Samples of the demo, prepared: a small raster with boxes, and a scene with known classes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from cover_scenes import NAMES, cover_scene

from sam_common.published import samples
from sam_geo.demo import landcover, trees
from sam_geo.mapping.request import SampleChoice

QUICK = partial(SampleChoice, classifier="discriminant")
"""The quickest classifier."""


@pytest.fixture(scope="package")
def scene(tmp_path_factory):
    """A scene in metres whose classes are known, with boxes as samples and points that check it."""
    folder = tmp_path_factory.mktemp("scene")
    made = cover_scene(folder, noise=30)
    rng = np.random.default_rng(3)
    rows = []
    for number, name in enumerate(NAMES):
        inside = np.argwhere(made.truth == number)
        for row, col in inside[rng.choice(len(inside), 4, replace=False)].tolist():
            rows.append(f"{name},{col},{row},{col + 2},{row + 2}")
    (folder / "samples.csv").write_text("\n".join(["class,xmin,ymin,xmax,ymax", *rows, ""]))
    cells = rng.integers(0, made.truth.shape, (60, 2)).tolist()
    points = [f"{col + 0.5},{row + 0.5},{NAMES[made.truth[row, col]]}" for row, col in cells]
    (folder / "points.csv").write_text("\n".join(["x,y,reference", *points, ""]))
    return folder, made


@pytest.fixture
def prepared(scene, grey_raster, boxes, monkeypatch):
    """Samples that need no network; what was said of progress is told."""
    folder, made = scene
    told = []
    files = {trees.IMAGE: grey_raster, trees.BOXES: boxes, landcover.SHEET: made.raster}

    def fetch(name, *, progress):
        told.append(progress)
        return files[name]

    monkeypatch.setattr(samples, "fetch", fetch)
    monkeypatch.setattr(landcover, "HERE", folder)
    monkeypatch.setattr(landcover, "SampleChoice", QUICK)
    return told


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder
