from __future__ import annotations

import base64
import csv
import io
import itertools
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from sam_common.errors import InputError, OutputError
from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment, SliceConfidence
from sam_med.report.review import (
    COLUMNS,
    check_review,
    review_csv,
    review_html,
    review_rows,
    write_review,
)
from sam_med.report.slice_picture import PANEL_PX, draw_slice, turn_of
from sam_med.slices.window_level import choose_stretch

PATIENT = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""World axis and sign of each side of the patient, in LPS."""


def at(k, confidence, planes=None):
    return SliceConfidence(k, confidence, 0.9, 0.8, 0.7, planes)


def segment(name, value, slices, window=None):
    window = window or Window((1, 100, 60), (4, 150, 130))
    return Segment(name, value, window, np.ones(window.shape, bool), slices=tuple(slices))


@pytest.fixture
def found():
    return [
        segment("liver", 1, [at(0, 0.2), at(1, 0.9, 0.95), at(2, 0.5), at(3, 0.5)]),
        segment("a <b> & c", 7, [at(1, 0.5), at(2, 1.0)]),
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


def test_a_page_of_a_big_result_is_small(phantom):
    many = [segment(f"o{n}", n, [at(k % 5, 0.5) for k in range(200)]) for n in range(1, 6)]
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
    for segments in ([], [segment("a", 1, [])]):
        with pytest.raises(InputError) as nothing:
            write_review(segments, phantom, stretch, tmp_path / "r.html")
        assert str(nothing.value) == ("nothing to review: no slice of the result has a confidence")
    with pytest.raises(InputError) as limit:
        write_review(found, phantom, stretch, tmp_path / "r.html", limit=0)
    assert str(limit.value) == "a page shows at least 1 slice, got a limit of 0"
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------ pictures

TURNS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize(("order", "signs"), TURNS)
@pytest.mark.parametrize("degrees", [0, 20])
def test_letters_tell_the_patient_s_sides(order, signs, degrees):
    """On all 48 grids, turned too: the patient lies where the letters say."""
    a = np.radians(degrees)
    oblique = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = oblique @ (np.eye(3)[:, list(order)] * signs) @ np.diag([3.0, 1.0, 2.0])
    frame = Frame.from_array(matrix)
    turn = turn_of(frame)
    rows, columns = np.meshgrid(np.arange(6), np.arange(9), indexing="ij")
    index = np.stack([np.zeros_like(rows), rows, columns], axis=-1)
    world = frame.to_world(index)
    shown = np.stack([turn.apply(world[..., axis]) for axis in range(3)], axis=-1)
    down = shown[-1, 0] - shown[0, 0]
    rightwards = shown[0, -1] - shown[0, 0]
    for low, high, step in ((turn.top, turn.bottom, down), (turn.left, turn.right, rightwards)):
        axis, sign = PATIENT[high]
        assert PATIENT[low] == (axis, -sign)
        assert step[axis] * sign > 0
        # the axis named is the one that the picture's edge runs along best
        assert abs(step[axis]) == np.abs(step).max()
    assert turn.top in "AS"
    assert turn.right in "LP"
    assert {turn.left, turn.top} in ({"R", "A"}, {"R", "S"}, {"A", "S"})


def test_a_real_sagittal_scan_has_the_head_on_top(data):
    volume = read_volume(data / "med/volumes/mr_spine_t2/t2.nii.gz")
    turn = turn_of(volume.frame)
    assert {turn.top, turn.bottom} in ({"S", "I"}, {"A", "P"})
    assert turn.right in "LP"


def test_the_outline_lies_on_the_object(phantom):
    """Only the second panel is coloured, and only around the object."""
    stretch = choose_stretch(phantom)
    spot = segment("a", 1, [], Window((2, 100, 60), (3, 140, 100)))
    picture = draw_slice(phantom, stretch, spot, 2).astype(int)
    coloured = np.ptp(picture, axis=2) > 0
    assert not coloured[:, : PANEL_PX + 2].any()
    rows, columns = np.nonzero(coloured[:, -PANEL_PX:])
    # margin of 15 mm is 30 voxels of 0.5 mm: 100 voxels across, the object from 30 to 70
    expected = np.array([0.3, 0.7]) * PANEL_PX
    assert np.abs([rows.min(), rows.max() + 1] - expected).max() <= 1.5
    assert np.abs([columns.min(), columns.max() + 1] - expected).max() <= 1.5


def test_a_slice_without_the_object(phantom):
    spot = segment("a", 1, [], Window((2, 100, 60), (3, 140, 100)))
    for k in (0, 1, 3, 4):
        picture = draw_slice(phantom, choose_stretch(phantom), spot, k).astype(int)
        assert (np.ptp(picture, axis=2) == 0).all()


def test_millimetres_are_the_same_in_both_directions():
    frame = Frame.from_array(np.array([[0, 0, 1, 0], [0, 4, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    volume = Volume(np.arange(2 * 30 * 120).reshape(2, 30, 120).astype(np.int32), frame)
    whole = segment("a", 1, [], Window((0, 0, 0), (2, 30, 120)))
    picture = draw_slice(volume, choose_stretch(volume, width=9000, level=4000), whole, 0)
    assert picture.shape == (PANEL_PX, 2 * PANEL_PX + 4, 3)


def test_an_object_at_the_border(phantom):
    corner = segment("a", 1, [], Window((0, 0, 250), (1, 3, 256)))
    picture = draw_slice(phantom, choose_stretch(phantom), corner, 0)
    assert picture.dtype == np.uint8
    assert max(picture.shape[0], (picture.shape[1] - 4) // 2) == PANEL_PX
