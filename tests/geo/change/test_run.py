"""Comparisons from files to files, and as one function."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from filelock import FileLock

from sam_common.errors import InputError, OutputError
from sam_common.support.held_outputs import lock_path
from sam_geo.change.request import ChangeRequest
from sam_geo.change.run import detect_change, run_change
from sam_geo.comparison.polygons import COLUMNS

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
SUFFIXES = [".gpkg", ".fgb", ".geojson", ".parquet", ".shp"]


@pytest.fixture
def pair(make_map):
    """Two maps whose second lies a part of a pixel beside, with other numbers of its classes."""
    one, two = np.full((40, 50), 1), np.full((40, 50), 7)
    one[:, 25:], two[:, 25:] = 3, 1
    two[20:30, 5:20] = 9
    two[:, 24] = 1
    moved = GRID @ Affine.translation(0.2, -0.1)
    shares = np.full((40, 50), 80)
    return (
        make_map("one.tif", one, probability=shares),
        make_map("two.tif", two, names={7: "land", 9: "water", 1: "town"}, transform=moved),
    )


def request_of(pair, output, **more):
    return ChangeRequest(before=str(pair[0]), after=str(pair[1]), output=output, **more)


def test_a_comparison_as_one_function(pair):
    found = detect_change(*pair)
    assert found.changes[["from", "to", "pixels"]].to_numpy().tolist() == [
        ["land", "water", 150],
        ["land", "town", 40],
    ]
    # half a pixel, and the part of one that lies between the grids
    assert found.changes["misreg_share"].tolist() == pytest.approx([0, 0.7], abs=1e-6)
    assert found.areas_m2.loc["land", "water"] == pytest.approx(15_000, rel=1e-3)
    assert found.misreg_share == pytest.approx(28 / 190, abs=1e-3)
    assert found.polygons[["from", "to", "pixels"]].to_numpy().tolist() == [
        ["land", "town", 40],
        ["land", "water", 150],
    ]
    assert tuple(found.polygons.columns) == COLUMNS
    assert found.polygons["p_from"].tolist() == pytest.approx([0.8, 0.8])
    assert any("number their classes differently" in note for note in found.notes)
    assert len(detect_change(*pair, min_pixels=100).polygons) == 1
    assert len(detect_change(*pair, min_area_m2=5_000).polygons) == 1
    assert detect_change(*pair, misregistration=0.1).misreg_share == pytest.approx(
        12 / 190, abs=1e-3
    )
    with pytest.raises(InputError, match="--misregistration"):
        detect_change(*pair, misregistration=-1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_of_a_comparison(pair, tmp_path, suffix):
    output = tmp_path / f"c{suffix}"
    record = run_change(request_of(pair, output, report=tmp_path / "r.html"))
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    table = read(output)
    expected = detect_change(*pair).polygons
    assert table["from"].tolist() == expected["from"].tolist()
    assert table["to"].tolist() == expected["to"].tolist()
    assert table["area_m2"].to_numpy() == pytest.approx(expected["area_m2"].to_numpy())
    there = table.to_crs(expected.crs).geometry.area
    assert there.to_numpy() == pytest.approx(expected.geometry.area.to_numpy(), rel=1e-3)
    assert table["p_to"].isna().all()
    assert json.loads((tmp_path / "c.job.json").read_text(encoding="utf-8")) == record
    assert (tmp_path / "c.qml").is_file()
    assert "land" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert list(record["seconds"]) == ["compare", "polygons", "report", "total"]


def test_a_layer_beside_others(pair, tmp_path):
    output = tmp_path / "c.gpkg"
    run_change(request_of(pair, output, layer="first"))
    run_change(request_of(pair, output, layer="second", min_pixels=100, overwrite=True))
    assert len(geopandas.read_file(output, layer="first")) == 2
    assert len(geopandas.read_file(output, layer="second")) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_change_is_an_empty_table(pair, tmp_path, suffix):
    output = tmp_path / f"c{suffix}"
    record = run_change(request_of((pair[0], pair[0]), output, report=tmp_path / "r.html"))
    assert (record["changed_m2"], record["changes"]) == (0, [])
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    assert len(read(output)) == 0
    assert "Nothing changed" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_same_maps_give_the_same_bytes(pair, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        request = request_of(pair, tmp_path / name / "c.gpkg", report=tmp_path / name / "r.html")
        run_change(request)
    for name in ("c.gpkg", "c.qml", "r.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failed_comparison_leaves_nothing(pair, make_map, tmp_path):
    other = make_map("snow.tif", np.full((40, 50), 1), names={1: "snow"})
    output = tmp_path / "c.gpkg"
    with pytest.raises(InputError, match="no class in common"):
        run_change(request_of((pair[0], other), output, report=tmp_path / "r.html"))
    with pytest.raises(OutputError, match="output is an input of the job"):
        run_change(request_of(pair, tmp_path / "one.gpkg", overwrite=True))
    assert (
        not list(tmp_path.glob("c.*")) + list(tmp_path.glob("r.*")) + list(tmp_path.glob("*.lock"))
    )
    assert json.loads((tmp_path / "one.job.json").read_text())["classes"]


def test_two_jobs_do_not_write_one_file(pair, tmp_path):
    request = request_of(pair, tmp_path / "c.gpkg", report=tmp_path / "r.html")
    for path in request.named_outputs:
        lock = FileLock(lock_path(path))
        with lock, pytest.raises(OutputError) as caught:
            run_change(request)
        assert str(caught.value) == f"another job writes {path}: wait until it has ended"


def test_progress_is_told(pair, tmp_path):
    told = []

    def progress(what, total):
        from contextlib import contextmanager

        @contextmanager
        def bar():
            done = []
            yield done.append
            told.append((what, total, sum(done)))

        return bar()

    run_change(request_of(pair, tmp_path / "c.gpkg", report=tmp_path / "r.html"), progress=progress)
    assert [what for what, _, _ in told] == ["comparing the maps", "outlines", "drawing the maps"]
    assert all(total == done > 0 for _, total, done in told)


def water(path, source):
    """A map of water (2) and land (1) by NDWI > 0 of a NAIP image: green and near infrared."""
    with rasterio.open(source) as dataset:
        green, infrared = dataset.read([2, 4]).astype(float)
        values = np.where(dataset.dataset_mask() > 0, 1 + (green > infrared), 0)
        profile = {"crs": dataset.crs, "transform": dataset.transform, "dtype": "uint8"}
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=height, width=width, nodata=0, **profile
    ) as dataset:
        dataset.write(values.astype(np.uint8), 1)
    path.with_suffix(".job.json").write_text('{"classes": {"1": "land", "2": "water"}}')
    return values


def test_water_of_two_years_whose_grids_differ(data, tmp_path):
    """The first starts 2 m further north and has one row more; its pixels are compared."""
    paths = tmp_path / "2009.tif", tmp_path / "2010.tif"
    one = water(paths[0], data / "geo/naip_series/naip_2009.tif")
    two = water(paths[1], data / "geo/naip_wetlands/naip_2010.tif")
    assert (len(one), len(two)) == (724, 723)
    found = detect_change(*paths)
    one = one[:723]
    both = (one > 0) & (two > 0)
    pixels = [[(both & (one == i) & (two == j)).sum() for j in (1, 2)] for i in (1, 2)]
    geod = found.polygons.crs.get_geod()
    assert found.areas_m2.to_numpy() == pytest.approx(np.array(pixels) * 25, rel=2e-3)
    changed = found.polygons
    areas = [abs(geod.geometry_area_perimeter(s)[0]) for s in changed.to_crs(4269).geometry]
    assert sum(areas) == pytest.approx(found.changes["area_m2"].sum(), rel=1e-6)
    assert sum(changed["pixels"]) == pixels[0][1] + pixels[1][0]
    # a flood is no misregistration
    gained = found.changes[found.changes["to"] == "water"].iloc[0]
    assert gained["misreg_share"] < 0.02
