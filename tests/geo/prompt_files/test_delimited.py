"""Cells of delimited text, whatever separates them."""

from __future__ import annotations

import pytest

from sam_common.errors import PromptError
from sam_geo.prompt_files.delimited import integers, read_columns

KNOWN = frozenset(("x", "y"))


@pytest.fixture
def read(tmp_path):
    """The columns and the delimiter of a text."""

    def load(text, encoding="utf-8"):
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode(encoding))
        return read_columns(path, KNOWN)

    return load


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\n\n"])
def test_the_delimiter_is_the_one_that_gives_known_names(read, delimiter, ends):
    lines = [["x", "b, c; d", "y"], ["1", "p|q", "2"]]
    text = ends.join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    assert read(text) == ([("x", ["1"]), ("b, c; d", ["p|q"]), ("y", ["2"])], delimiter)


def test_the_most_names_decide_where_none_is_known(read):
    assert read("a,b;c;d\n1,2;3;4\n")[1] == ";"


@pytest.mark.parametrize("mark", [";", ":", "#"])
def test_a_line_for_excel_names_the_delimiter(read, mark):
    assert read(f"sep={mark}\nx{mark}y\n1{mark}2\n") == ([("x", ["1"]), ("y", ["2"])], mark)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_letters_beyond_ascii(read, encoding):
    assert read("x,ä\n1,ö€\n", encoding)[0] == [("x", ["1"]), ("ä", ["ö€"])]


def test_cells_are_stripped_and_empty_ones_are_none(read):
    columns, _ = read(" x , y ,z\n 1 ,, \n,,\n2,3\n")
    assert columns == [("x", ["1", "2"]), ("y", [None, "3"]), ("z", [None, None])]


def test_lines_in_quotes_belong_to_their_cell(read):
    assert read('x,y\n"a\nb","c ""d"""\n')[0] == [("x", ["a\nb"]), ("y", ['c "d"'])]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_nothing_has_no_columns(read, text):
    assert read(text)[0] == []


def test_more_cells_than_names_are_refused_unless_they_are_empty(read):
    assert read("x,y\n1,2,,\n")[0] == [("x", ["1"]), ("y", ["2"])]
    message = r"^row 1 of .*a\.csv has 3 cells, but there are 2 columns \(x, y\): put text and"
    with pytest.raises(PromptError, match=message):
        read("x,y\n1,2\n1,5,2\n")


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["0", "-12", None], [0, -12, None]),
        (["9" * 19], [int("9" * 19)]),
        (["9" * 20], ["9" * 20]),
        (["-0"], ["-0"]),
        (["+1"], ["+1"]),
        (["1.0", "2"], ["1.0", "2"]),
        (["01"], ["01"]),
        (["\u0661"], ["\u0661"]),  # a digit of another script
        ([], []),
    ],
)
def test_integers_are_written_as_such_in_every_cell(cells, read):
    assert integers(cells) == read


def test_a_quote_that_is_never_closed_does_not_take_the_rest(read):
    with pytest.raises(PromptError, match=r"^not a CSV file: .*a\.csv \(unexpected end of data\)$"):
        read('x,y\n1,"2\n3,4\n')
