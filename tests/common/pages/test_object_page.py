"""Object pages: everything that was said stands on them, as text, and nothing is loaded."""

from __future__ import annotations

import numpy as np
import pytest
from pages import Page, picture, style, words

from sam_common.errors import OutputError
from sam_common.pages.object_page import (
    BINS,
    ObjectLine,
    ObjectPage,
    Shot,
    check_page_output,
    object_html,
    score_text,
    write_object_page,
)
from sam_common.pages.template import TOLD

NASTY = "<b onclick=x>&\"'\u202e.tif"


def made(**changes):
    options = {"kicker": "Objects", "title": NASTY, "facts": [("Raster", NASTY)], **changes}
    return ObjectPage(**options)


def shot(rgb=(200, 30, 30)):
    return Shot.of(np.full((8, 12, 3), rgb, dtype=np.uint8), "a red one", "so red")


def test_a_picture_of_noise_is_a_picture():
    noise = np.random.default_rng(0).integers(0, 255, (330, 330, 3)).astype(np.uint8)
    assert picture(Shot.of(noise, "noise").uri).shape == (330, 330, 4)


def test_a_page_of_everything_stands_alone_and_escapes():
    lines = [ObjectLine((NASTY, "ok"), (shot(), shot())), ObjectLine(("2", "empty"))]
    page = Page(
        object_html(
            made(
                failures=[NASTY],
                notes=["one", NASTY],
                pictures=[shot()],
                scores=np.array([0.2, 0.9]),
                columns=("name", "status"),
                lines=lines,
                lines_note=NASTY,
                record={NASTY: {"deep": [1, NASTY]}},
                notice=NASTY,
            )
        )
    )
    assert page.fetched == []
    assert page.find("script") == []
    assert [each.get("onclick") for each in page.find("b")] == []
    assert page.text.count(NASTY) == 9
    assert len(page.find("img")) == 3
    assert page.find("img")[0]["alt"] == "a red one"
    red, green, blue, opaque = picture(page.find("img")[0]["src"])[4, 6].tolist()
    assert (red > 180, green < 60, blue < 60, opaque) == (True, True, True, 255)
    rows = [words(row) for row in page.find("tr")]
    assert rows == ["name status", f"{NASTY} ok", "so red so red", "2 empty"]


def test_one_picture_stands_beside_its_row():
    lines = [ObjectLine(("1", "ok"), (shot(),)), ObjectLine(("2", "empty"))]
    page = Page(object_html(made(columns=("name", "status"), lines=lines)))
    rows = [words(row) for row in page.find("tr")]
    assert rows == ["picture name status", "so red 1 ok", "2 empty"]
    assert len(page.find("img")) == 1


def test_without_pictures_there_is_no_column_for_them():
    lines = [ObjectLine(("1", "ok"))]
    page = Page(object_html(made(columns=("name", "status"), lines=lines)))
    assert [words(row) for row in page.find("tr")] == ["name status", "1 ok"]


def test_a_page_of_nothing_says_so_by_silence():
    page = Page(object_html(made()))
    for name in ("pictures", "scores", "look"):
        assert page.find("section", id=name) == []
    assert "This did not work" not in page.text


def test_the_histogram_counts_every_score_once():
    scores = np.array([0.0, 0.04, 0.5, 0.5, 0.99, 1.0, 1.03, np.nan])
    page = Page(object_html(made(scores=scores)))
    bars = page.find("i")
    assert len(bars) == BINS
    counts = [int(bar["title"].rpartition(" ")[2]) for bar in bars]
    assert sum(counts) == 7
    # a network may predict a little over 1
    assert (counts[0], counts[10], counts[-1]) == (2, 2, 3)
    heights = [float(style(bar)["height"].rstrip("%")) for bar in bars]
    assert heights == pytest.approx([100 * n / 3 for n in counts], abs=0.01)
    assert "Of 7 objects" in page.section("scores")
    assert page.section("scores").count("1 have none") == 1


def test_no_score_is_no_histogram():
    page = Page(object_html(made(scores=np.array([np.nan, np.nan]))))
    assert page.find("section", id="scores") == []


def test_many_failures_wait_for_a_click():
    page = Page(object_html(made(failures=[f"window {n}" for n in range(TOLD + 3)])))
    waiting = [each for each in page.find("li") if "details" in each["within"]]
    assert [each["text"] for each in waiting] == ["window 5", "window 6", "window 7"]
    assert "3 more" in page.text


def test_a_page_is_written_whole_whatever_its_names_are(tmp_path):
    path = tmp_path / "page.html"
    write_object_page(made(title="\udcff.tif"), path)
    assert "&#56575;.tif" in path.read_text(encoding="utf-8")


def test_outputs_that_cannot_be_a_page_are_refused(tmp_path):
    with pytest.raises(OutputError, match=r"give an \.html, got .*page.pdf"):
        check_page_output(tmp_path / "page.pdf", overwrite=True)
    there = tmp_path / "there.html"
    there.write_text("mine")
    with pytest.raises(OutputError, match=r"there\.html"):
        check_page_output(there, overwrite=False)
    check_page_output(there, overwrite=True)


@pytest.mark.parametrize(("score", "text"), [(0.5, "0.500"), (None, "\N{EN DASH}")])
def test_scores_have_three_decimals(score, text):
    assert score_text(score) == text
