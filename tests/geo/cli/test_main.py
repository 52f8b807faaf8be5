"""The program `sam-geo`: its version, and the commands info, encode and demo."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import geopandas
import numpy as np
import shapely
from affine import Affine
from cover_scenes import NAMES, cover_scene
from geo_program import invoke

from sam_geo.mapping.request import SampleChoice


def test_info_as_json(data):
    result = invoke("info", data / "geo/naip_wetlands/naip_2010.tif", "--json", "--bands", "4,1,2")
    facts = json.loads(result.stdout)
    assert facts["driver"] == "GTiff"
    assert (facts["width"], facts["height"], facts["bands"]) == (934, 723, 4)
    assert facts["crs"] == "EPSG:26914"
    assert facts["chosen_bands"] == [4, 1, 2]
    assert facts["stretch"] is None


def test_info_as_a_table(data):
    result = invoke("info", data / "geo/spacenet_atlanta_buildings/atlanta_pan.tif")
    assert "EPSG:32616" in result.stdout
    assert "0.5, 0, 733601, 0, -0.5, 3725139" in result.stdout


def test_version():
    assert invoke("--version").stdout == "sam-geomed 0.1.0\n"


def test_a_reference_system_in_kilometres_is_nothing_to_write_of(make_raster, tmp_path):
    values = np.arange(8000, dtype=np.uint8).reshape(1, 80, 100)
    crs = "+proj=utm +zone=33 +datum=WGS84 +units=km"
    raster = make_raster(values, crs=crs, transform=Affine(0.01, 0, 500, 0, -0.01, 5000))
    script = (
        "import sys; from sam_geo.cli import main; main._show_proj_its_database()\n"
        "import rasterio\n"
        "with rasterio.open(sys.argv[1]): pass\n"
        "from sam_geo.raster.source import open_raster\n"
        "with open_raster(sys.argv[1]): pass"
    )
    command = [sys.executable, "-c", script, str(raster)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_the_demo_writes_its_files(data, segmenter, tmp_path, monkeypatch):
    folder, sheet = data / "geo/neon_osbs_trees", cover_scene(tmp_path)
    files = {
        "osbs_029.tif": folder / "OSBS_029.tif",
        "osbs_029.xml": folder / "OSBS_029.csv",
        "historical_map.tif": sheet.raster,
    }
    monkeypatch.setattr("sam_common.published.samples.fetch", lambda name, progress: files[name])  # noqa: ARG005
    # boxes and points on the scene in place of those on the real sheet
    places = {name: np.argwhere(sheet.truth == n) for n, name in enumerate(NAMES)}
    boxes = [
        f"{name},{col},{row},{col + 1},{row + 1}"
        for name, found in places.items()
        for row, col in found[:: len(found) // 5][:5].tolist()
    ]
    points = [
        f"{col + 0.5},{row + 0.5},{name}"
        for name, found in places.items()
        for row, col in found[7 :: len(found) // 9][:9].tolist()
    ]
    (tmp_path / "samples.csv").write_text("\n".join(["class,xmin,ymin,xmax,ymax", *boxes, ""]))
    (tmp_path / "points.csv").write_text("\n".join(["x,y,reference", *points, ""]))
    monkeypatch.setattr("sam_geo.demo.landcover.HERE", tmp_path)
    quick = partial(SampleChoice, classifier="discriminant")
    monkeypatch.setattr("sam_geo.demo.landcover.SampleChoice", quick)
    out = tmp_path / "new" / "folder"
    result = invoke("demo", "-o", out, "--json", "--quiet")
    figures = json.loads(result.stdout)
    assert figures["page"] == str(out / "index.html")
    assert figures["landcover"]["samples"] == 15
    trees = figures["trees"]
    assert trees.pop("seconds") > 0
    assert trees == {
        "objects": 61,
        "ok": 61,
        "clipped": 0,
        "mean_score": 0.9,
        "mean_box_iou": 1.0,
    }
    written = {path.name for path in out.iterdir()}
    assert written >= {"index.html", "trees.gpkg", "trees.jpg", "landcover.tif", "landcover.html"}
    table = geopandas.read_file(out / "trees.gpkg")
    assert table.crs == "EPSG:32617"
    assert shapely.is_valid(table.geometry.values).all()


def test_the_demo_needs_a_folder(segmenter, tmp_path, error_of):
    (tmp_path / "file").write_text("")
    code, message = error_of("demo", "-o", tmp_path / "file" / "out")
    assert (code, message) == (
        2,
        f"error: cannot make folder {tmp_path / 'file' / 'out'}: Not a directory\n",
    )
