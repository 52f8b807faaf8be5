"""Outputs of an automatic job: table, label raster and picture are one result."""

from __future__ import annotations

import dataclasses

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from geo_jobs import TRANSFORM, request_of
from PIL import Image
from rasterio import features
from seeing_segmenters import seeing

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import OutputError
from sam_common.stitching.link import ignored
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.scene import Scene
from sam_geo.jobs.run import run_auto
from sam_geo.results.finish import Finish

SMALL = AutoOptions(96, 32, EverythingOptions(points_per_side=8))
"""Windows so small that there are several rows of them."""


def test_labels_have_the_sources_grid(fields, labels, tmp_path):
    out, drawn = tmp_path / "out.gpkg", tmp_path / "labels.tif"
    run_auto(request_of(fields, out, labels=drawn), seeing)
    with rasterio.open(drawn) as dataset:
        found = dataset.read(1)
        assert dataset.transform == TRANSFORM
        assert dataset.crs == "EPSG:32633"
        assert dataset.nodata == 0
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    pairs = set(zip(found.ravel().tolist(), labels.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(found))


def test_shared_edges_stay_shared_when_simplified(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    request = request_of(fields, out, finish=Finish(simplify=3.0))
    run_auto(request, seeing)
    shapes = geopandas.read_file(out).geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    overlap = sum(
        shapely.area(shapely.intersection(a, b))
        for n, a in enumerate(shapes)
        for b in shapes[n + 1 :]
    )
    assert overlap == 0
    assert shapely.area(shapely.union_all(shapes)) == pytest.approx(200 * 200)


def test_small_objects_are_left_out_and_others_numbered_through(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    run_auto(request_of(fields, out), seeing)
    areas = geopandas.read_file(out)["area_m2"]
    least = float(areas.median())
    request = request_of(fields, out, finish=Finish(least, dst_crs="EPSG:4326"), overwrite=True)
    run_auto(request, seeing)
    table = geopandas.read_file(out)
    assert len(table) == (areas >= least).sum() < len(areas)
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert table.crs == "EPSG:4326"


def outlines_and_numbers(table, labels_path):
    """For each row, the numbers of the label raster under its outline, most frequent first."""
    with rasterio.open(labels_path) as file:
        labels, transform = file.read(1), file.transform
    under = []
    for shape in table.geometry.to_crs(32633):
        inside = features.geometry_mask([shape], labels.shape, transform, invert=True)
        values, counts = np.unique(labels[inside], return_counts=True)
        under.append(int(values[counts.argmax()]))
    return under, {int(n) for n in np.unique(labels)} - {0}


@pytest.mark.parametrize(
    "finish",
    [
        {"min_area_m2": 800.0},
        {"min_area_m2": 800.0, "simplify": 1.0},
        {"min_area_m2": 800.0, "regularize": 1.0},
        {"min_area_m2": 800.0, "dst_crs": "EPSG:4326"},
        {"min_area_m2": 1e9},
    ],
    ids=lambda finish: "-".join(finish) + str(finish["min_area_m2"]),
)
def test_numbers_of_the_label_raster_are_ids_of_the_table(fields, tmp_path, monkeypatch, finish):
    monkeypatch.setattr("sam_geo.results.object_rows.BATCH", 3)
    monkeypatch.setattr("sam_geo.results.object_rows.batches.__defaults__", (3,))
    out, labels = tmp_path / "out.gpkg", tmp_path / "labels.tif"
    request = request_of(fields, out, labels=labels, finish=Finish(**finish))
    record = run_auto(request, seeing)
    table = geopandas.read_file(out)
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    under, numbers = outlines_and_numbers(table, labels)
    assert under == table["id"].tolist()
    assert numbers == set(table["id"])
    assert record["objects"] == len(table) < len(truth_of_file(fields))
    assert record["hidden_in_labels"] == 0


def truth_of_file(path):
    with rasterio.open(path) as file:
        return set(np.unique(file.read(1)).tolist())


def test_the_picture_shows_what_the_table_holds(fields, tmp_path):
    pictures = {}
    for name, least in (("all", 0.0), ("none", 1e9)):
        pictures[name] = tmp_path / f"{name}.png"
        run_auto(
            request_of(
                fields,
                tmp_path / f"{name}.gpkg",
                overlay=pictures[name],
                finish=Finish(min_area_m2=least),
            ),
            seeing,
        )
    with rasterio.open(fields) as file:
        image = np.moveaxis(file.read(), 0, -1)
    drawn = {name: np.asarray(Image.open(path)) for name, path in pictures.items()}
    assert (drawn["none"] == image).all()
    assert (drawn["all"] != image).any()


def test_objects_are_gone_through_once(fields, tmp_path, monkeypatch):
    passes = []
    objects = Scene.objects

    def counted(self, advance=ignored):
        # passes of the job itself, not those that look for twins before
        passes.append(advance)
        return objects(self, advance)

    monkeypatch.setattr(Scene, "objects", counted)
    options = AutoOptions(None, 32, EverythingOptions(points_per_side=12), join=False)
    request = request_of(
        fields,
        tmp_path / "out.gpkg",
        options=options,
        labels=tmp_path / "labels.tif",
        overlay=tmp_path / "out.png",
    )
    run_auto(request, seeing)
    assert len(passes) == 1


@pytest.mark.parametrize(
    "finish", [{}, {"min_area_m2": 300.0, "dst_crs": "EPSG:4326"}, {"simplify": 1.0}], ids=str
)
@pytest.mark.parametrize("partition", [1, 2, 1000])
def test_partitions_have_the_rows_of_one_file(fields, tmp_path, finish, partition):
    """Each object is in one partition; read one after the other they are the one table."""
    one, some = tmp_path / "one.gpkg", tmp_path / "some.parquet"
    shared = {"finish": Finish(**finish), "options": SMALL}
    run_auto(request_of(fields, one, **shared), seeing)
    record = run_auto(request_of(fields, some, partition=partition, **shared), seeing)
    assert record["parameters"]["partition"] == partition
    table, parts = geopandas.read_file(one), geopandas.read_parquet(some)
    assert len(table) == record["objects"] > 10
    assert parts["id"].tolist() == table["id"].tolist() == list(range(1, len(table) + 1))
    for name in ("status", "score", "stability", "area_m2", "area_px", "seam_merged"):
        assert parts[name].tolist() == table[name].tolist()
    assert shapely.equals(parts.geometry.to_numpy(), table.geometry.to_numpy()).all()
    assert parts.crs == table.crs
    files = sorted(some.glob("*.parquet"))
    assert (len(files) == 1) == (partition == 1000)
    assert sum(len(geopandas.read_parquet(path)) for path in files) == len(table)


def test_a_partitioned_job_is_resumed_and_replaces_its_own_table(fields, tmp_path):
    out = tmp_path / "some.parquet"
    request = request_of(fields, out, partition=4, options=SMALL)
    run_auto(request, seeing)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OutputError, match="output exists"):
        run_auto(request, seeing)
    run_auto(dataclasses.replace(request, overwrite=True), seeing)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"some.parquet", "some.job.json", "some.qml", *names & {"fields.tif"}}
