"""The demo of the geospatial side: both parts and the page of all that is there."""

from __future__ import annotations

import json

import pytest
from pages import Page

from sam_common.demo.record import read_parts, write_part
from sam_common.errors import InputError, OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.tiled_job.plan_file import PLAN
from sam_geo.demo import run as demo


def test_two_parts_and_a_page(prepared, tmp_path):
    folder = tmp_path / "new" / "folder"
    figures = demo.run(folder, FakeSegmenter, quiet=True)
    assert list(figures) == ["trees", "landcover", "page"]
    assert [part.name for part in read_parts(folder)] == ["trees", "landcover"]
    page = Page((folder / "index.html").read_text())
    assert [one["id"] for one in page.find("section")] == ["trees", "landcover", "sources"]
    assert len(page.find("p", **{"class": "told"})) == 1
    assert json.dumps(figures)
    # again, after an interrupt, with what the other side has put there
    other = read_parts(folder)[0]
    write_part(
        type(other)(**{**{f: getattr(other, f) for f in other.__slots__}, "name": "kidney"}),
        folder,
    )
    (folder / "landcover.tif.parts").mkdir()
    (folder / "landcover.tif.parts" / PLAN).write_text("{}")
    demo.run(folder, FakeSegmenter, quiet=True)
    page = Page((folder / "index.html").read_text())
    assert [one["id"] for one in page.find("section")] == [
        "trees",
        "landcover",
        "kidney",
        "sources",
    ]
    assert page.find("p", **{"class": "told"}) == []


def test_a_folder_that_cannot_be_made(prepared, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"^cannot make folder .*file: File exists$"):
        demo.run(tmp_path / "file", FakeSegmenter, quiet=True)
    assert prepared == [], "nothing was fetched"


def test_a_damaged_record_of_the_other_side_is_named(prepared, tmp_path):
    (tmp_path / "demo_abdomen.json").write_text("{")
    with pytest.raises(InputError, match=r"demo_abdomen.json is no record of this demo"):
        demo.run(tmp_path, FakeSegmenter, quiet=True)
