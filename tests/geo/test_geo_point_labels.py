"""Labels of points: signs, classes, and what may be either."""

from __future__ import annotations

import geopandas
import pytest
from shapely.geometry import Point

from sam_common.errors import PromptError
from sam_geo.prompts import load_prompts
from sam_geo.source import open_raster


@pytest.fixture
def load(grey_raster):
    """Prompts of two points of one object with these labels."""

    def read(labels, *, object_id=(1, 1)):
        shapes = [Point(500_005 + n, 5_799_990) for n in range(len(labels))]
        table = {"label": list(labels), "object_id": list(object_id)}
        frame = geopandas.GeoDataFrame(table, geometry=shapes, crs="EPSG:32633")
        with open_raster(grey_raster) as source:
            return load_prompts(frame, source)

    return read


@pytest.mark.parametrize(
    "labels",
    [("TRUE", "FALSE"), ("True", "false"), (True, False), ("1", "0"), (1.0, 0.0), ("1.00", " 0 ")],
)
def test_signs(load, labels):
    (prompt,) = load(labels)
    assert prompt.point_labels == (1, 0)
    assert prompt.class_name is None


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ((1, -1), "-1"),
        ((1, 2), "2"),
        ((2, 3), "2"),
        (("yes", "no"), "'no'"),
        (("y", "n"), "'y'"),
        (("T", "F"), "'T'"),
        (("+", "-"), "'\\+'"),
        (("WAHR", "FALSCH"), "'FALSCH'"),
        (("object", "background"), "'background'"),
        ((1, "tree"), "'tree'"),
    ],
)
def test_what_may_be_a_sign_is_refused(load, labels, named):
    message = f"^row . of the GeoDataFrame has the label {named}: points have 1 for object and 0"
    with pytest.raises(PromptError, match=message):
        load(labels)


def test_words_are_classes(load):
    prompts = load(("tree", "n"), object_id=(1, 2))
    assert [prompt.class_name for prompt in prompts] == ["tree", "n"]
    assert [prompt.point_labels for prompt in prompts] == [(1,), (1,)]


def test_one_object_has_one_class(load):
    message = "rows 0, 1 of .* the same object_id, but several classes: igen, tree"
    with pytest.raises(PromptError, match=message):
        load(("tree", "igen"))


def test_an_empty_label_is_on_the_object(load):
    assert load((None, 0))[0].point_labels == (1, 0)
    assert load((None, None))[0].point_labels == (1, 1)


def test_empty_cells_in_words_are_no_object(load):
    with pytest.raises(PromptError, match=r"rows 0, 1 of .* have the object_id 'NA'"):
        load((1, 1), object_id=("NA", "NA"))
    assert len(load((1, 1), object_id=(" ", " "))) == 2
