"""Bad input, told before any work."""

from __future__ import annotations

from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from cover_scenes import GRID

from sam_common.errors import InputError, OutputError, PromptError
from sam_geo.mapping.opened import opened_map
from sam_geo.mapping.run import run_landcover


def check(request):
    with opened_map(request):
        pass


def samples_with(scene, tmp_path, change):
    """The samples of a scene after a change, in a file of their own."""
    table = geopandas.read_file(scene.samples)
    path = tmp_path / "changed.gpkg"
    change(table)
    table.to_file(path)
    return path


def test_one_class_only(request_of, scene, tmp_path):
    def change(table):
        table["cover"] = "water"

    with pytest.raises(PromptError, match="of one class only, water: a map needs two or more"):
        check(request_of(samples=samples_with(scene, tmp_path, change)))


def test_classes_as_numbers_with_a_fraction(request_of, scene, tmp_path):
    def change(table):
        table["cover"] = np.linspace(0.5, 3, len(table))

    with pytest.raises(PromptError, match=r"cover of .*changed\.gpkg is no class in row 0: 0\.5"):
        check(request_of(samples=samples_with(scene, tmp_path, change)))


def test_no_such_column(request_of):
    with pytest.raises(PromptError, match=r"no column 'kind'.*its columns are cover"):
        check(request_of(learn={"class_field": "kind"}))


def test_points_outside(request_of, scene, tmp_path):
    def change(table):
        table["geometry"] = table.geometry.translate(1e6)

    with pytest.raises(PromptError, match=r"no class.*45 outside"):
        check(request_of(samples=samples_with(scene, tmp_path, change)))


def test_missing_classes_and_a_class_with_one_sample(request_of, scene, tmp_path):
    def change(table):
        table.loc[:2, "cover"] = None
        table.loc[3, "cover"] = "island"

    notes = run_landcover(request_of(samples=samples_with(scene, tmp_path, change)))["notes"]
    assert notes == [
        "samples that do not count: 3 without a class",
        "samples in one place only, so nothing says how right the map is there: island",
    ]


def test_classes_that_one_would_read_as_the_same(request_of, scene, tmp_path):
    def change(table):
        table.loc[table["cover"] == table["cover"].iloc[0], "cover"] = "Forest"
        table.loc[table.index[table["cover"] == "Forest"][::2], "cover"] = "forest"

    notes = run_landcover(request_of(samples=samples_with(scene, tmp_path, change)))["notes"]
    assert (
        "names that differ by letter case or blanks only are taken as classes of their own: "
        "Forest, forest"
    ) in notes


def test_two_samples_of_different_class_on_one_pixel(request_of, scene, tmp_path):
    def change(table):
        table.loc[1, "geometry"] = table.geometry[0]
        table.loc[1, "cover"] = "town"

    record = run_landcover(request_of(samples=samples_with(scene, tmp_path, change)))
    assert record["notes"] == [
        "samples that do not count: 2 contradicted by another class on all of their pixels",
        "1 pixels lie in samples of different classes and count for none",
    ]


def test_samples_all_on_one_object(request_of, scene, tmp_path):
    def change(table):
        table["geometry"] = [
            shapely.Point(GRID @ (95.5 + n % 4, 70.5 + n // 4)) for n in range(len(table))
        ]
        table["cover"] = np.where(np.arange(len(table)) < 20, "a", "b")

    record = run_landcover(request_of(samples=samples_with(scene, tmp_path, change)))
    assert set(record["classes"].values()) == {"a", "b"}
    assert record["training"]["blocks"]["groups"] > 1


def test_a_model_for_other_bands(request_of, scene, tmp_path):
    first = request_of(save=tmp_path / "m.skops")
    run_landcover(first)
    path = tmp_path / "one.tif"
    with rasterio.open(scene.raster) as dataset:
        profile = {**dataset.profile, "count": 1}
        with rasterio.open(path, "w", **profile) as other:
            other.write(dataset.read(1), 1)
    again = replace(
        first, learn=None, save=None, apply=tmp_path / "m.skops", rasters=(str(path),),
        output=tmp_path / "b.tif",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"trained on 3 bands \(red, green, nir\), and .*one\.tif"):
        check(again)


def test_an_index_without_its_bands(request_of):
    with pytest.raises(InputError, match=r"index EVI needs blue"):
        check(request_of(learn={"indices": ("evi",)}))


def test_an_unknown_classifier(request_of):
    with pytest.raises(InputError, match="no classifier 'forests'"):
        check(request_of(learn={"classifier": "forests"}))


def test_a_map_over_its_raster(request_of, scene):
    request = replace(request_of(), output=scene.raster, overwrite=True)
    with pytest.raises(OutputError, match=r"scene\.tif"):
        check(request)


def test_a_job_at_work_is_left_alone(request_of):
    request = request_of()
    with opened_map(request), pytest.raises(OutputError, match="another job works"):
        check(request)
