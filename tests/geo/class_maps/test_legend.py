"""Legends: values, names and colours of classes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.errors import InputError
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.legend import legend_of, legend_of_map, legend_of_names


def test_names_are_numbered_in_their_order():
    legend = legend_of(["town", "Water", "forest"])
    assert legend.names == {1: "town", 2: "Water", 3: "forest"}
    assert legend.colours == {1: (235, 0, 0), 2: (70, 107, 159), 3: (0, 100, 0)}
    assert legend.record == {"1": "town", "2": "Water", "3": "forest"}


def test_numbers_stay_numbers():
    legend = legend_of(["30", "4", "111"])
    assert legend.names == {4: "4", 30: "30", 111: "111"}
    assert list(legend.names) == list(legend.colours) == [4, 30, 111]


@pytest.mark.parametrize(
    "classes", [["0", "1"], ["1", "256"], ["1", "2.0"], ["1", "-2"], ["1", "a"], ["1", "01"], ["²"]]
)
def test_what_is_no_number_of_a_byte_is_numbered(classes):
    assert list(legend_of(classes).names.items()) == list(enumerate(classes, start=1))


@settings(max_examples=30)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=255, unique=True))
def test_values_fit_a_byte_and_are_all_different(classes):
    legend = legend_of(classes)
    assert sorted(legend.names.values()) == sorted(classes)
    assert all(1 <= value <= 255 for value in legend.names)
    assert len(set(legend.colours.values())) == len(classes)


def test_no_class_and_too_many_are_refused():
    with pytest.raises(InputError, match="a map needs a class, and there is none"):
        legend_of([])
    with pytest.raises(InputError, match=r"^256 classes are more than the 255 that a map can hold"):
        legend_of([f"c{n}" for n in range(256)])


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(InputError, match="two classes are called 'oak'"):
        legend_of(["oak", "ash", "oak"])


def test_values_of_other_maps_may_be_any_numbers():
    legend = legend_of_names({523: "sea", -1: "x"})
    assert legend.names == {-1: "x", 523: "sea"}
    assert legend.colours[523] == (70, 107, 159)


def test_the_legend_of_a_map_is_that_of_its_record(write_map, thirds):
    names = {"1": "a", "2": "b", "7": "c"}
    whole = legend_of(["a", "b", "c"])
    with open_class_map(write_map(thirds, names=names)) as classes:
        legend = legend_of_map(classes, [7, 1])
        with pytest.raises(InputError, match="pixels of value 3, which is no class"):
            legend_of_map(classes, [3])
    assert legend.names == {1: "a", 7: "c"}
    # a class that no pixel has changes no colour
    assert legend.colours == {1: whole.colours[1], 7: whole.colours[3]}


def test_without_a_record_values_are_names(write_map, thirds):
    with open_class_map(write_map(thirds)) as classes:
        legend = legend_of_map(classes, {2, 7})
    assert legend.names == {2: "2", 7: "7"}
    assert len(set(legend.colours.values())) == 2
