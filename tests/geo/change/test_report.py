"""Report: a page that stands alone, with the numbers of the result."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from affine import Affine

from sam_common.errors import OutputError
from sam_geo.change.pictures import draw_pictures
from sam_geo.change.report import check_report_output, report_html
from sam_geo.comparison.from_to import count_changes
from sam_geo.comparison.polygons import PolygonCounts

GRID = Affine(10, 0, 465_000, 0, -10, 5_080_000)
EQUAL_AREA = "EPSG:6933"
"""There a pixel of 10 m has 100 m2."""
NONE_OUT = PolygonCounts(2, 0, 0.0)


class Page(HTMLParser):
    """Tables as lists of rows of cells, tags that are opened, and addresses of what is loaded."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.open, self.loaded, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)
        self.loaded += [value for name, value in attrs if name in {"src", "href"}]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += (" " if self.open[-1] == "small" else "") + data


@pytest.fixture
def page(make_map, open_pair):
    def made(one, two, *, polygons=NONE_OUT, px=0.5, moved=None, crs=EQUAL_AREA, **how):
        how["crs"] = crs
        before = make_map("one.tif", one, **how)
        after = make_map("two & more.tif", two, **({**how, "transform": moved} if moved else how))
        with open_pair(before, after) as grid:
            found, names = count_changes(grid, misregistration=px)
            pictures = draw_pictures(grid, names, max_side=20)
            return report_html(grid, found, pictures, misregistration=px, polygons=polygons)

    return made


@pytest.fixture
def scene():
    one, two = np.full((40, 50), 1), np.full((40, 50), 1)
    one[:, 25:] = two[:, 25:] = 3
    two[20:30, 5:20] = 2
    two[:, 24] = 3
    return one, two


def test_the_page_needs_nothing_else(page, scene):
    text = page(*scene, names={1: "<land>", 2: "wa&ter", 3: '"town"'})
    found = Page(text)
    assert found.open == []
    assert len(found.loaded) == 3
    assert all(address.startswith("data:image/png;base64,") for address in found.loaded)
    assert not re.search(r"https?:|//|<script|@import|url\(", text.replace("</", ""))
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert "@media (prefers-color-scheme: dark)" in text
    for escaped in ("&lt;land&gt;", "wa&amp;ter", "&quot;town&quot;", "two &amp; more.tif"):
        assert escaped in text
    assert "<land>" not in text


def test_the_numbers_of_the_tables(page, scene):
    changes, matrix = Page(page(*scene)).tables
    assert changes == [
        ["from", "to", "ha", "pixels", "could be misregistration, ha", "share of it"],
        ["land", "water", "1.500", "150", "0", "0.0 %"],
        ["land", "town", "0.4000", "40", "0.2000", "50.0 %"],
    ]
    assert matrix == [
        ["", "land", "town", "water", "before"],
        ["land", "8.100", "0.4000 50.0 %", "1.500 0.0 %", "10.00"],
        ["town", "", "10.00", "", "10.00"],
        ["water", "", "", "0", "0"],
        ["after", "8.100", "10.40", "1.500", "20.00"],
        ["net", "-1.900", "+0.4000", "+1.500", ""],
    ]


def test_words_of_the_page(page, scene, tmp_path):
    text = " ".join(Page(page(*scene, polygons=PolygonCounts(2, 3, 450.0))).text.split())
    assert "Where both maps have a class, 20.00 ha, 1.900 ha changed (9.5 %)." in text
    assert (
        "Of this, up to 0.2000 ha (10.5 %) is what misregistration of up to 0.5 pixels would show "
        "where nothing changed." in text
    )
    assert (
        "The result has 2 polygons of change. 3 smaller ones, 0.04500 ha, are left out of it; the "
        "tables have them." in text
    )
    assert "Both maps have the same grid." in text
    assert "Notes only two & more.tif has water where both have pixels" in text.replace(
        f"{tmp_path}/", ""
    )
    assert "40 rows and 50 columns in common, WGS 84 / NSIDC EASE-Grid 2.0 Global." in text
    assert "Each pixel of the pictures stands for 3 x 3 of the grid" in text


def test_the_offset_of_the_grids_is_told(page, scene):
    moved = GRID @ Affine.translation(0.3, -0.2)
    assert "lie -0.20 rows and +0.30 columns apart in the mean, which" in page(*scene, moved=moved)
    coarse = GRID @ Affine.scale(3)
    assert "(mean deviation 0.6" in page(scene[0], scene[1][::3, ::3], moved=coarse)


def test_a_page_of_no_change_and_of_no_reference_system(page, scene):
    text = page(scene[0], scene[0])
    assert "0 ha changed" in text
    assert "Nothing changed." in text
    assert "Of this" not in text
    changes, matrix = Page(page(*scene, crs=None)).tables
    assert changes[1] == ["land", "water", "150", "150", "0", "0.0 %"]
    assert matrix[-2] == ["after", "810", "1,040", "150", "2,000"]
    assert "no reference system" in page(*scene, crs=None)


def test_where_a_report_can_be_written(tmp_path):
    check_report_output(tmp_path / "r.html", overwrite=False)
    with pytest.raises(OutputError) as caught:
        check_report_output(tmp_path / "r.pdf", overwrite=False)
    assert str(caught.value) == "a report is written as .html, got r.pdf"
    (tmp_path / "r.html").write_text("x")
    with pytest.raises(OutputError, match="--overwrite"):
        check_report_output(tmp_path / "r.html", overwrite=False)
