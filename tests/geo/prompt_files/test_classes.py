"""Classes of a table: one name for each, whatever type its column has."""

from __future__ import annotations

import pytest

from sam_common.errors import PromptError
from sam_geo.prompt_files.classes import class_column, class_name, class_order
from sam_geo.prompt_files.table import PromptTable, object_array


@pytest.mark.parametrize(
    ("value", "expected"), [(3, "3"), (3.0, "3"), (" a b ", "a b"), ("007", "007"), (True, "True")]
)
def test_one_class_has_one_name_in_any_type_of_column(value, expected):
    assert class_name(value) == expected


def test_fractions_are_no_classes():
    table = PromptTable("t.csv", object_array([None, None]), [("k", [1.0, 2.5])])
    with pytest.raises(PromptError) as caught:
        class_column(table, "k")
    assert str(caught.value) == (
        "column k of t.csv is no class in row 1: 2.5 is not a whole number (classes are names or "
        "whole numbers)"
    )


def test_a_missing_column_is_told_with_those_there_are():
    table = PromptTable("t.csv", object_array([None]), [("k", ["a"])], all_names=["k", "name", "z"])
    with pytest.raises(PromptError) as caught:
        class_column(table, "type")
    assert str(caught.value) == (
        "t.csv has no column 'type': choose the one that holds the class with --class-field; its "
        "columns are k, name, z"
    )
    assert class_column(table, " K ") == ["a"]


def test_numbers_come_in_their_order_and_before_words():
    names = ["town", "10", "-1", "9", "2nd", "forest"]
    assert sorted(names, key=class_order) == ["-1", "9", "10", "2nd", "forest", "town"]
