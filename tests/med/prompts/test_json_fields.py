"""Fields of JSON and cells of tables: what is taken, and what messages call what is not."""

from __future__ import annotations

import pytest
from prompt_phantoms import message_of

from sam_common.errors import PromptError
from sam_med.prompts.json_fields import Fields, parse_json, read_table, read_text

RECORD = {
    "text": "a",
    "texts": ["b", "c"],
    "flag": False,
    "number": 1.5,
    "whole": 3.0,
    "numbers": [1, 2.5],
    "rows": [[1, 2], [3, 4]],
    "inner": {"x": 1},
    "list": [{"x": 1}, {"x": 2}],
    "nothing": None,
}


@pytest.fixture
def fields():
    return Fields(RECORD, "object 2")


def test_each_kind_of_field(fields):
    assert fields.text("text") == fields.first_text("text") == "a"
    assert fields.first_text("texts") == "b"
    assert fields.flag("flag") is False
    assert fields.number("number") == 1.5
    assert fields.whole("whole") == 3
    assert isinstance(fields.whole("whole"), int)
    assert fields.numbers("numbers") == fields.numbers("numbers", 2) == [1, 2.5]
    assert fields.rows("rows", 2, 2) == [[1, 2], [3, 4]]
    assert fields.inner("inner").number("x") == 1
    assert [one.number("x") for one in fields.each("list")] == [1, 2]
    assert fields.each("absent") == fields.each("nothing") == []
    assert (fields.has("flag"), fields.has("nothing"), fields.has("absent")) == (True, False, False)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda f: f.text("flag"), "flag of object 2 must be a string, got true or false"),
        (lambda f: f.first_text("numbers"), "numbers of object 2 must be a string, got a list"),
        (lambda f: f.flag("number"), "number of object 2 must be true or false, got a number"),
        (lambda f: f.number("flag"), "flag of object 2 must be a number, got true or false"),
        (lambda f: f.number("text"), "text of object 2 must be a number, got a string"),
        (lambda f: f.whole("number"), "number of object 2 must be a whole number, got 1.5"),
        (lambda f: f.numbers("numbers", 3), "numbers of object 2 must be 3 numbers, got 2"),
        (lambda f: f.numbers("inner"), "inner of object 2 must be numbers, got an object"),
        (lambda f: f.rows("rows", 8, 3), "rows of object 2 must be 8 points, got 2 items"),
        (lambda f: f.rows("text", 8, 3), "text of object 2 must be 8 points, got a string"),
        (lambda f: f.rows("rows", 2, 3), "rows of object 2 must be 3 numbers, got 2"),
        (
            lambda f: f.inner("list"),
            "list of object 2 must be a JSON object, got a l",
        ),
        (lambda f: f.objects("inner"), "inner of object 2 must be a list, got an object"),
        (lambda f: f.each("numbers"), "numbers 1 of object 2 must be a JSON object, got a number"),
        (lambda f: f.text("nothing"), "object 2 has no 'nothing'"),
        (lambda f: f.inner("inner").text("y"), "inner of object 2 has no 'y'"),
        (lambda f: f.named("liver").text("y"), "object 2 (liver) has no 'y'"),
        (lambda f: f.inner("inner").only("y", "z"), "inner of object 2 has an unknown field 'x' "),
    ],
)
def test_messages_say_where(ask, expected, fields):
    assert message_of(ask, fields).startswith(expected)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400])
def test_numbers_are_finite(number):
    expected = f"a of object 1 must be finite, got {number}"
    assert message_of(Fields({"a": number}, "object 1").number, "a") == expected


def test_only_known_fields():
    Fields({"a": 1}, "it").only("a", "b")
    expected = "it has an unknown field 'c' (known: a, b)"
    assert message_of(Fields({"a": 1, "c": 2}, "it").only, "a", "b") == expected


def test_a_field_twice_is_refused_wherever_it_is():
    assert parse_json('{"a": [{"b": 1}, {"b": 2}]}', "it") == {"a": [{"b": 1}, {"b": 2}]}
    expected = "it: the field 'b' is there twice in one object"
    assert message_of(parse_json, '{"a": [{"b": 1, "b": 1}]}', "it") == expected


def test_the_header_says_how_cells_are_separated():
    for mark in (",", ";", "\t"):
        columns, rows = read_table(f"Value{mark}Name\n 1 {mark}a b\n{mark}\n", "the table")
        assert (columns, rows) == (["value", "name"], [{"value": "1", "name": "a b"}])
    assert read_table('value;name\n1;"a,b;c"\n', "it")[1] == [{"value": "1", "name": "a,b;c"}]
    assert read_table("", "the table") == ([], [])


def test_text_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "CANARY.txt"
    path.write_bytes(b"\xef\xbb\xbfa\xc3\xa4")
    assert read_text(path, "the table") == "aä"
    with pytest.raises(PromptError, match=r"^no such file: the table$"):
        read_text(tmp_path / "absent", "the table")
