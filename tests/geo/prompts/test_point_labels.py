"""Labels of points: signs, classes, and what may be either."""

from __future__ import annotations

import geopandas
import pytest
from shapely.geometry import Point

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster


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


# other columns that tell object from background


@pytest.fixture
def load_columns(grey_raster):
    """Prompts of two points of one object with these columns."""

    def read(**columns):
        shapes = [Point(500_005 + n, 5_799_990) for n in range(2)]
        table = {"object_id": [1, 1], **columns}
        frame = geopandas.GeoDataFrame(table, geometry=shapes, crs="EPSG:32633")
        with open_raster(grey_raster) as source:
            return load_prompts(frame, source)

    return read


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("point_label", [1, 0]),
        ("pointLabel", ["1", "0"]),
        ("Point Labels", [1.0, 0.0]),
        ("positive", [True, False]),
        ("is_positive", ["true", "FALSE"]),
        ("foreground", [None, False]),
        ("isForeground", [1, 0]),
    ],
)
def test_columns_whose_names_say_it_are_signs(load_columns, name, values):
    (prompt,) = load_columns(**{name: values, "class": ["oak", "oak"]})
    assert (prompt.point_labels, prompt.class_name) == ((1, 0), "oak")


def test_signs_beside_words_in_label(load_columns):
    (prompt,) = load_columns(label=["oak", "oak"], point_label=[1, 0])
    assert (prompt.point_labels, prompt.class_name) == ((1, 0), "oak")
    (prompt,) = load_columns(label=[1, 0], positive=[True, False])
    assert (prompt.point_labels, prompt.class_name) == ((1, 0), None)
    (prompt,) = load_columns(label=[None, 0], positive=[True, None], type=["positive", "negative"])
    assert prompt.point_labels == (1, 0)
    with pytest.raises(PromptError, match=r"columns positive, label of .* differ in row 1, where"):
        load_columns(label=[1, 0], positive=[True, True])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("point_label", [1, -1], "row 1 of .* has -1 in the column point_label: points have 1 for"),
        ("point_label", [2, 3], "row 0 of .* has 2 in the column point_label"),
        ("positive", ["yes", "no"], "row 0 of .* has 'yes' in the column positive"),
        ("type", ["positive", "negative"], "column type of .* seems to tell object from backgr"),
        ("Type", [1, 0], "column Type of .* seems to tell object from background"),
        ("kind", ["fg", "bg"], "column kind of"),
        ("category", ["object", "background"], "column category of"),
        ("sign", [1, -1], "column sign of"),
        ("polarity", ["+", "-"], "column polarity of"),
        ("labels", [1.0, 0.0], "column labels of"),
        ("mode", ["include", "exclude"], "column mode of"),
        ("value", [True, False], "column value of"),
        ("negative", [False, True], "column negative of"),
        ("is_background", [0, 1], "column is_background of"),
        ("exclude", [None, "x"], "column exclude of .* \\('x' in row 1\\)"),
    ],
)
def test_columns_that_may_be_signs_are_refused(load_columns, name, values, message):
    with pytest.raises(PromptError, match=message):
        load_columns(**{name: values})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("type", ["tree", "tree"]),
        ("type", ["positive", "positive"]),
        ("kind", [1, 2]),
        ("sign", ["stop", None]),
        ("value", [0.5, float("nan")]),
        ("negative", [0, 0]),
        ("background", ["grass", "sand"]),
        ("type", [[1], [0]]),
    ],
)
def test_columns_of_something_else_are_left_alone(load_columns, name, values):
    assert load_columns(**{name: values})[0].point_labels == (1, 1)
