"""ClassNames: classes of two maps by their names, and what is told of them."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.comparison.class_names import ClassNames

ONE = np.array([[1, 1, 2], [3, 1, 0]])
TWO = np.array([[9, 2, 2], [1, 9, 0]])


@pytest.fixture
def names_of(make_map):
    """The classes of two maps with the values of `ONE` and `TWO`, both of them met."""

    @contextmanager
    def opened(first, second, one=ONE, two=TWO):
        before = make_map("before.tif", one, names=first)
        after = make_map("after.tif", two, names=second)
        with open_class_map(before) as a, open_class_map(after) as b:
            yield ClassNames(a, b)

    return opened


def met(names, one=ONE, two=TWO):
    return names.codes(0, one, one > 0), names.codes(1, two, two > 0)


def test_classes_are_the_same_where_their_names_are(names_of):
    with names_of({1: "land", 2: "water", 3: "town"}, {1: "water", 2: "town", 9: "land"}) as names:
        before, after = met(names)
        assert [[names.names[n] for n in row] for row in before[:, :2]] == [
            ["land", "land"],
            ["town", "land"],
        ]
        assert [[names.names[n] for n in row] for row in after[:, :2]] == [
            ["land", "town"],
            ["water", "land"],
        ]
        assert before[1, 2] == after[1, 2] == -1
        names.check()
        (told,) = names.notes()
        assert told == (
            "the maps number their classes differently, and are compared by name: land is 1 and 9, "
            "water is 2 and 1, town is 3 and 2"
        )
        assert [names.names[n] for n in names.order()] == ["land", "water", "town"]


def test_the_order_does_not_depend_on_what_was_met_first(names_of):
    with names_of({1: "land", 2: "water", 3: "town"}, {1: "sea", 2: "town", 9: "ice"}) as names:
        names.codes(1, TWO[::-1], TWO[::-1] > 0)
        names.codes(0, ONE[:, ::-1], ONE[:, ::-1] > 0)
        assert [names.names[n] for n in names.order()] == ["land", "water", "town", "sea", "ice"]
        assert names.notes()[1:] == [
            f"only {names.before.source.path} has land, water where both have pixels",
            f"only {names.after.source.path} has sea, ice where both have pixels",
        ]


def test_values_are_classes_where_nothing_names_them(names_of):
    with names_of(None, None, two=ONE) as names:
        before, after = met(names, two=ONE)
        assert (before == after).all()
        assert names.names == ["1", "2", "3"]
        assert names.notes() == []


def test_names_of_one_map_are_those_of_the_other_too(names_of):
    with names_of({1: "land", 2: "water", 3: "town"}, None, two=ONE + (ONE == 3) * 4) as names:
        met(names, two=ONE + (ONE == 3) * 4)
        assert names.names == ["land", "water", "town", "7"]
        assert names.notes()[0] == (
            f"nothing names the classes of {names.after.source.path}: its values are taken to be "
            f"those of {names.before.source.path}"
        )
    with names_of(None, {1: "land", 2: "water", 3: "town"}, two=ONE) as names:
        met(names, two=ONE)
        assert names.names == ["land", "water", "town"]


def test_refusals(names_of):
    with names_of({1: "land", 2: "water", 3: "town"}, {1: "sea", 2: "ice", 9: "snow"}) as names:
        met(names)
        with pytest.raises(InputError) as caught:
            names.check()
        assert str(caught.value) == (
            f"the maps have no class in common where they overlap: {names.before.source.path} has "
            f"land, town, water, and {names.after.source.path} has ice, sea, snow (classes are "
            f"compared by their names, which the record beside a map gives)"
        )
    # a record that names more than there is says that both speak of the same
    with names_of({1: "land", 2: "a", 3: "b"}, {1: "sea", 2: "ice", 9: "c", 5: "land"}) as names:
        met(names)
        names.check()
    with names_of({1: "land", 2: "land", 3: "town"}, None) as names:
        with pytest.raises(InputError) as caught:
            met(names)
        assert str(caught.value) == (
            f"{names.before.source.path} calls two values land: 1 and 2 (one class has one value)"
        )
    many = np.arange(1, 258).reshape(1, -1)
    with names_of(None, None) as names:
        names.codes(1, many[:, :-1], many[:, :-1] > 0)
        with pytest.raises(InputError) as caught:
            names.codes(0, many, many > 0)
        assert str(caught.value) == (
            f"{names.before.source.path} has more than 256 different values: it is no class map"
        )


def test_an_empty_window_has_no_class(names_of):
    with names_of(None, None) as names:
        nothing = names.codes(0, ONE, np.zeros(ONE.shape, dtype=bool))
        assert (nothing == -1).all()
        assert names.names == []
