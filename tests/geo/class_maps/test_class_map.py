"""Class maps: which rasters are some, and what their values are called."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from class_maps import NAMES, TRANSFORM

from sam_common.errors import InputError
from sam_geo.class_maps import class_map
from sam_geo.class_maps.class_map import open_class_map


def test_names_are_those_of_the_record(write_map, thirds):
    with open_class_map(write_map(thirds, names=NAMES)) as classes:
        assert [classes.name_of(value) for value in (1, 2, 7)] == ["water", "forest", "town"]
        assert not classes.has_probability
        with pytest.raises(InputError) as caught:
            classes.name_of(3)
    assert str(caught.value).endswith(
        "has pixels of value 3, which is no class of its record: 1 water, 2 forest, 7 town"
    )


def test_given_names_count_more_than_the_record(write_map, thirds):
    with open_class_map(write_map(thirds, names=NAMES), names={1: "sea"}) as classes:
        assert classes.name_of(1) == "sea"


def test_values_are_names_without_a_record(write_map, thirds):
    with open_class_map(write_map(thirds)) as classes:
        assert classes.name_of(7) == "7"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"classes": {"a": "water"}}', "\xff"])
def test_other_files_of_that_name_are_no_records(write_map, thirds, text):
    path = write_map(thirds)
    path.with_suffix(".job.json").write_text(text, encoding="latin-1")
    with open_class_map(path) as classes:
        assert classes.names is None


def test_values_count_where_the_raster_has_colours(write_map, thirds):
    path = write_map(thirds)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {1: (0, 0, 255, 255), 2: (0, 99, 0, 255), 7: (255, 0, 0, 255)})
    with open_class_map(path) as classes:
        parts = [classes.read(window) for window in classes.windows()]
    assert np.array_equal(parts[0][0], thirds)
    assert np.array_equal(parts[0][1], thirds > 0)


def test_probabilities_are_shares(write_map, thirds):
    with open_class_map(write_map(thirds, probability=np.full(thirds.shape, 85))) as classes:
        (window,) = classes.windows()
        assert classes.probability(window) == pytest.approx(np.full(thirds.shape, 0.85))


def test_windows_cover_the_map_once(write_map, thirds, monkeypatch):
    monkeypatch.setattr(class_map, "SIDE", 50)
    seen = np.zeros(thirds.shape, dtype=int)
    with open_class_map(write_map(thirds)) as classes:
        for window in classes.windows():
            seen[window.slices] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_that_are_whole_numbers_are_classes(write_map, thirds, dtype):
    """As raster calculators write them; what has no class may be a number or none."""
    path = write_map(thirds)
    with rasterio.open(path) as dataset:
        profile = dataset.profile | {"dtype": dtype, "nodata": float("nan")}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(np.where(thirds > 0, thirds, np.nan).astype(dtype), 1)
    with open_class_map(path) as classes:
        ((values, valid),) = [classes.read(window) for window in classes.windows()]
    assert np.array_equal(valid, thirds > 0)
    assert np.array_equal(values, thirds)


@pytest.mark.parametrize("value", [0.5, -3.25, 1e300])
def test_other_floats_are_measurements(write_map, thirds, value):
    path = write_map(thirds)
    with rasterio.open(path) as dataset:
        profile = dataset.profile | {"dtype": "float64"}
    measured = thirds.astype(np.float64)
    measured[-1, -1] = value
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(measured, 1)
    with open_class_map(path) as classes, pytest.raises(InputError) as caught:
        classes.read(next(classes.windows()))
    assert str(caught.value) == (
        f"{path} is no class map: it has the value {value:g}, where whole numbers are expected"
    )


def test_images_are_no_class_maps(tmp_path):
    path = tmp_path / "image.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, dtype="uint8", height=4, width=4, transform=TRANSFORM
    ) as dataset:
        dataset.write(np.ones((3, 4, 4), dtype=np.uint8))
    with pytest.raises(InputError) as caught, open_class_map(path):
        pass
    assert str(caught.value) == (
        f"{path} is no class map: it has 3 bands of uint8, where one band of whole numbers (and "
        f"one of per cent) is expected"
    )
