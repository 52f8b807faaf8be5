"""The real QGIS on a virtual screen."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr

HERE = Path(__file__).parent
SECONDS = 240


def test_the_desktop_loads_the_plugin_clicks_accepts_and_saves(plugins, suite, trees_tif, tmp_path):
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    shots = Path(os.environ.get("SAM_SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    out, told = tmp_path / "trees.gpkg", tmp_path / "report.json"
    environment = {
        **{name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"},
        "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path / "profile"),
        "QGIS_PLUGINPATH": str(plugins),
        "XDG_RUNTIME_DIR": str(runtime),
        "DRIVE_IMAGE": str(trees_tif),
        "DRIVE_OUT": str(out),
        "DRIVE_PROGRAM": str(suite.program),
        "DRIVE_SCREENSHOT": str(shots / "desktop.png"),
        "DRIVE_REPORT": str(told),
    }
    command = [
        "xvfb-run", "-a", "-s", "-screen 0 1280x800x24",
        "qgis", "--nologo", "--noversioncheck", "--code", str(HERE / "drive.py"),
    ]  # fmt: skip
    with subprocess.Popen(command, env=environment, start_new_session=True) as desktop:
        try:
            desktop.wait(SECONDS)
        finally:
            # a question that nobody answers would keep it for ever
            if desktop.poll() is None:
                os.killpg(desktop.pid, signal.SIGKILL)
    report = json.loads(told.read_text())
    assert report["problems"] == []
    assert Path(report["file"]).is_relative_to(plugins)
    assert report["is_saved"]
    # the server has ended with its window
    assert not Path(f"/proc/{report['pid']}").exists()
    with sqlite3.connect(out) as database:
        rows = database.execute("select class, model, score from objects").fetchall()
    assert [(name, model) for name, model, _ in rows] == [("tree", "mobile_sam")] * 2
    assert all(0.3 < score <= 1.01 for _, _, score in rows)
    dataset = ogr.Open(str(out))
    inverse = gdal.InvGeoTransform(gdal.Open(str(trees_tif)).GetGeoTransform())
    clicks = ((404233.4, 3285135.0), (404239.1, 3285131.0))
    for feature, (x, y) in zip(dataset.GetLayer(0), clicks, strict=True):
        shape = feature.GetGeometryRef()
        assert shape.IsValid()
        assert shape.Contains(ogr.CreateGeometryFromWkt(f"POINT({x} {y})").Buffer(0.05))
        x0, _, y0, _ = shape.GetEnvelope()
        corner = np.array(gdal.ApplyGeoTransform(inverse, x0, y0))
        assert np.abs(corner - np.round(corner)).max() < 0.01
