from __future__ import annotations

import base64
import csv
import io
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image
from segment_phantoms import boxed

from sam_common.errors import InputError, OutputError
from sam_med.objects.segments import SliceConfidence
from sam_med.report.review import (
    COLUMNS,
    check_review,
    review_csv,
    review_html,
    review_rows,
    write_review,
)
from sam_med.slices.window_level import choose_stretch


def at(k, confidence, planes=None):
    return SliceConfidence(k, confidence, 0.9, 0.8, 0.7, planes)


@pytest.fixture
def found():
    return [
        boxed("liver", 1, [at(0, 0.2), at(1, 0.9, 0.95), at(2, 0.5), at(3, 0.5)]),
        boxed("a <b> & c", 7, [at(1, 0.5), at(2, 1.0)]),
    ]


class Page(HTMLParser):
    """Pictures, text and everything that would be fetched from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "src":
                self.pictures.append(value)
            assert name != "href"

    def handle_data(self, data):
        self.words.append(data)


def test_the_worst_come_first(found):
    rows = review_rows(found)
    assert [(row.segment.name, row.at.k, row.voxels) for row in rows] == [
        ("liver", 0, 0),
        ("liver", 2, 3500),
        ("liver", 3, 3500),
        ("a <b> & c", 1, 3500),
        ("liver", 1, 3500),
        ("a <b> & c", 2, 3500),
    ]


def test_the_table_has_all(phantom, found):
    table = list(csv.DictReader(io.StringIO(review_csv(review_rows(found), phantom))))
    assert tuple(table[0]) == COLUMNS
    assert len(table) == 6
    assert table[3] == {
        "rank": "4",
        "object": "a <b> & c",
        "value": "7",
        "k": "1",
        "z_mm": "32.00",
        "confidence": "0.5000",
        "at_least": "",
        "predicted_iou": "0.9000",
        "stability": "0.8000",
        "neighbours": "0.7000",
        "planes": "",
        "voxels": "3500",
    }
    assert table[4]["planes"] == "0.9500"


def test_the_page_stands_alone(phantom, found):
    text = review_html(review_rows(found), phantom, choose_stretch(phantom), limit=4)
    page = Page(text)
    assert len(page.pictures) == page.tags.count("li") == 4
    assert not {"script", "link", "iframe", "b"} & set(page.tags)
    assert "http" not in text.replace("http-equiv", "")
    words = " ".join(page.words)
    assert "4 of 6 slices" in words
    assert "For research, not a medical device." in words
    assert "a <b> & c" in words
    assert "nothing found" in words
    for uri in page.pictures:
        data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
        assert Image.open(io.BytesIO(data)).format == "JPEG"


def test_bounds_of_the_dice_are_told_where_they_are_known(phantom, found):
    before = review_html(review_rows(found), phantom, choose_stretch(phantom))
    assert "There is not enough evidence to say what Dice the objects have at least." in before
    bounds = (0.0, 0.88, 0.4, 0.41)
    rows = tuple(
        replace(one, at_least=bound) for one, bound in zip(found[0].slices, bounds, strict=True)
    )
    known = [replace(found[0], at_least=0.77, slices=rows), found[1]]
    text = review_html(review_rows(known), phantom, choose_stretch(phantom))
    assert "each other one has at least the Dice of the last column, with 90 %." in text
    # three of the four are below 0.7, and the fourth has 0.88
    assert "<td>0.77</td><td>0.88</td></tr>" in text
    table = list(csv.DictReader(io.StringIO(review_csv(review_rows(known), phantom))))
    assert [row["at_least"] for row in table if row["object"] == "liver"] == [
        "0.0000",
        "0.4000",
        "0.4100",
        "0.8800",
    ]


def test_a_page_of_a_big_result_is_small(phantom):
    many = [boxed(f"o{n}", n, [at(k % 5, 0.5) for k in range(200)]) for n in range(1, 6)]
    text = review_html(review_rows(many), phantom, choose_stretch(phantom))
    assert Page(text).tags.count("li") == 40
    assert len(text) < 4_000_000


def test_files(phantom, found, tmp_path):
    stretch = choose_stretch(phantom)
    for name in ("review.html", "review.csv", "R.HTML"):
        write_review(found, phantom, stretch, tmp_path / name)
    assert (tmp_path / "review.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "R.HTML").read_text() == (tmp_path / "review.html").read_text()
    assert (tmp_path / "review.csv").read_text().startswith("rank,object,")
    with pytest.raises(OutputError, match=r"^output exists: "):
        write_review(found, phantom, stretch, tmp_path / "review.csv")
    write_review(found, phantom, stretch, tmp_path / "review.csv", overwrite=True)


def test_wrong_reviews(phantom, found, tmp_path):
    stretch = choose_stretch(phantom)
    with pytest.raises(OutputError) as caught:
        check_review(tmp_path / "review.pdf", overwrite=False)
    assert str(caught.value) == "a review is written as .html or .csv, got review.pdf"
    for segments in ([], [boxed("a", 1, [])]):
        with pytest.raises(InputError) as nothing:
            write_review(segments, phantom, stretch, tmp_path / "r.html")
        assert str(nothing.value) == ("nothing to review: no slice of the result has a confidence")
    with pytest.raises(InputError) as limit:
        write_review(found, phantom, stretch, tmp_path / "r.html", limit=0)
    assert str(limit.value) == "a page shows at least 1 slice, got a limit of 0"
    assert list(tmp_path.iterdir()) == []
