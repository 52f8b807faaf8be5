"""The page of a demo: built from records alone, and every link leads to a file beside it."""

from __future__ import annotations

import re

import pytest
from pages import FETCHED, Page

from sam_common.demo.page import page_html, seconds_text, write_page
from sam_common.demo.record import PARTS, Figure, Origin, write_part
from sam_common.errors import InputError


def test_all_parts_in_their_order(make_part, tmp_path):
    for name in reversed(PARTS):
        write_part(make_part(name), tmp_path)
    path = write_page(tmp_path)
    page = Page(path.read_text())
    assert path == tmp_path / "index.html"
    sections = [section["id"] for section in page.find("section")]
    assert sections == [*PARTS, "sources"]
    assert [one["href"] for one in page.find("a")][:4] == [f"#{name}" for name in PARTS]


def test_every_link_leads_to_a_file_beside_the_page(make_part, tmp_path):
    for name in PARTS:
        write_part(make_part(name), tmp_path)
    page = Page(write_page(tmp_path).read_text())
    named = [each[key] for each in page.elements for key in FETCHED if each.get(key)]
    ids = {each["id"] for each in page.elements if "id" in each}
    files = {name for name in named if not name.startswith("#")}
    assert {name[1:] for name in named if name.startswith("#")} <= ids
    assert all((tmp_path / name).is_file() for name in files)
    written = {path.name for path in tmp_path.iterdir()}
    assert written - files == {"index.html", *(f"demo_{name}.json" for name in PARTS)}


def test_what_a_part_says_stands_on_the_page(make_part):
    page = Page(page_html([make_part("abdomen")]))
    text = " ".join(page.find("section", id="abdomen")[0]["text"].split())
    for said in (
        "Part abdomen", "One paragraph.", "Another one.", "mean Dice", "0.950", "with the truth",
        "liver", "0.97", "as shipped", "Slices to look at", "look here", "the map",
        "sam-geo prompt a b", "12 s", "0.0 s",
    ):  # fmt: skip
        assert said in text, said
    sources = " ".join(page.find("section", id="sources")[0]["text"].split())
    assert sources.endswith("scan: Apache-2.0. Author, 2023. Member x of y.")


def test_pictures_say_what_is_on_them_and_can_be_seen_without_lines(make_part):
    page = Page(page_html([make_part("trees")]))
    pictures = page.find("img")
    assert [(one["src"], one["alt"]) for one in pictures] == [
        ("trees_plain.jpg", ""), ("trees.jpg", "a picture"), ("trees_doubt.jpg", "a slice"),
    ]  # fmt: skip
    assert len(page.find("input")) == 1
    assert all(one["width"] and one["height"] for one in pictures)


def test_a_side_that_has_not_run_is_told(make_part):
    geo = Page(page_html([make_part("trees")]))
    both = Page(page_html([make_part("trees"), make_part("kidney")]))
    (told,) = [one["text"] for one in geo.find("p", **{"class": "told"})]
    assert "sam-med demo --output" in told
    assert both.find("p", **{"class": "told"}) == []


def test_a_source_of_two_parts_stands_once(make_part):
    same = Origin("boxes", "Apache-2.0", "Author, 2023", "Member z of y")
    other = Origin("sheet", "GPL-3.0", "Another, 2020", "Member w")
    parts = [make_part("trees"), make_part("kidney", origins=(same, other))]
    rows = [one["text"] for one in Page(page_html(parts)).find("li") if "ul" in one["within"]]
    found = [" ".join(row.split()) for row in rows if "20" in row]
    assert [row.partition(":")[0] for row in found] == ["scan, boxes", "sheet"]


def test_words_are_text_whatever_they_hold(make_part):
    bad = '<script>alert(1)</script> & "'
    page = Page(page_html([make_part("trees", title=bad, figures=(Figure(bad, bad),))]))
    assert page.find("script") == []
    assert page.find("h2")[0]["text"] == bad


def test_the_page_has_no_script_and_loads_nothing_from_elsewhere(make_part):
    text = page_html([make_part(name) for name in PARTS])
    assert "<script" not in text
    assert not re.search(r'(src|href)="(https?:)?//', text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_a_folder_without_a_part(tmp_path):
    with pytest.raises(InputError) as caught:
        write_page(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no part of the demo (trees, landcover, abdomen, kidney): run one first"
    )


def test_seconds():
    assert [seconds_text(value) for value in (0.04, 9.94, 10, 61.6)] == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "62 s",
    ]
