"""Boxes of words over a raster: whatever the windows, they are those of the painted patches."""

from __future__ import annotations

import numpy as np
import pytest
from colour_detector import PATCHES, ColourDetector, boxes_of_patches, painted

from sam_common.errors import InputError
from sam_geo.prompted.segment import RunOptions
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch
from sam_geo.words.options import WordOptions
from sam_geo.words.windows_to_boxes import WordWork, find_words

ALL = ("red", "green", "blue", "yellow")


def looked(path, detector=None, how=None, **options):
    """{(x0, y0, x1, y1) corners in pixels: (phrase, score)}, and all that was found."""
    wanted = WordOptions(**{"phrases": ALL, **options})
    with open_raster(path) as source:
        work = WordWork(source, detector or ColourDetector(), Stretch(None), wanted)
        found = find_words(work, how or RunOptions())
    return {
        tuple(int(edge + 0.5) for edge in prompt.box_xyxy): (prompt.class_name, score)
        for prompt, score in zip(found.prompts, found.scores, strict=True)
    }, found


@pytest.mark.parametrize("window", [32, 50, 64, 100, 199, 400])
def test_the_size_of_windows_changes_nothing(make_raster, window):
    boxes, found = looked(make_raster(painted(PATCHES)), window=window)
    assert {box: phrase for box, (phrase, _) in boxes.items()} == boxes_of_patches()
    assert all(score == pytest.approx(0.9) for _, score in boxes.values())
    assert len(found.plan) == found.report.windows
    assert found.counts(ALL) == {"red": 3, "green": 2, "blue": 1, "yellow": 1}


@pytest.mark.parametrize("turned", ["left to right", "upside down", "transposed"])
def test_a_flipped_raster_has_flipped_boxes(make_raster, turned):
    pixels = painted(PATCHES)
    width, height = 300, 200
    flipped, back = {
        "left to right": (
            pixels[:, :, ::-1],
            lambda x0, y0, x1, y1: (width - x1, y0, width - x0, y1),
        ),
        "upside down": (
            pixels[:, ::-1],
            lambda x0, y0, x1, y1: (x0, height - y1, x1, height - y0),
        ),
        "transposed": (pixels.transpose(0, 2, 1), lambda x0, y0, x1, y1: (y0, x0, y1, x1)),
    }[turned]
    boxes, _ = looked(make_raster(np.ascontiguousarray(flipped)))
    assert {back(*box): phrase for box, (phrase, _) in boxes.items()} == boxes_of_patches()


def test_prompts_are_numbered_from_top_to_bottom(make_raster):
    _, found = looked(make_raster(painted(PATCHES)))
    tops = [prompt.box_xyxy[1] for prompt in found.prompts]
    assert tops == sorted(tops)
    assert [prompt.prompt_id for prompt in found.prompts] == list(range(len(PATCHES)))


def test_an_object_that_two_phrases_describe_is_that_of_the_higher_score(make_raster):
    boxes, found = looked(make_raster(painted(PATCHES)), phrases=("roof", "red"))
    assert len(found.prompts) == len(boxes)
    named = {box: phrase for box, (phrase, _) in boxes.items()}
    expected = {b: "red" if c == "red" else "roof" for b, c in boxes_of_patches().items()}
    assert named == expected
    assert {round(score, 6) for _, score in boxes.values()} == {0.9, 0.5}


def test_the_threshold_leaves_boxes_out(make_raster):
    path = make_raster(painted(PATCHES))
    assert not looked(path, phrases=("roof",), threshold=0.6)[0]
    assert len(looked(path, phrases=("roof",), threshold=0.4)[0]) == len(PATCHES)


def test_nothing_found_is_no_error(make_raster):
    boxes, found = looked(make_raster(painted(())))
    assert not boxes
    assert found.counts(("red",)) == {"red": 0}


def test_windows_without_valid_pixels_are_not_looked_at(make_raster):
    pixels = painted((("red", 10, 10, 30, 40),))
    mask = np.zeros(pixels.shape[1:], dtype=np.uint8)
    mask[:60, :60] = 255
    detector = ColourDetector()
    boxes, found = looked(make_raster(pixels, mask=mask), detector, window=64)
    assert list(boxes) == [(10, 10, 40, 30)]
    assert len(detector.seen) < len(found.plan)


def test_an_interrupted_job_goes_on_where_it_was(make_raster, tmp_path):
    path = make_raster(painted(PATCHES))
    parts = tmp_path / "parts"
    broken = ColourDetector(fail_at=5)
    with pytest.raises(KeyboardInterrupt):
        looked(path, broken, RunOptions(parts=parts))
    again = ColourDetector()
    boxes, found = looked(path, again, RunOptions(parts=parts, resume=True))
    assert found.report.reused > 0
    assert len(again.seen) == len(found.plan) - found.report.reused
    assert boxes == looked(path)[0]


@pytest.mark.parametrize(
    "other",
    [{"phrases": ("red",)}, {"threshold": 0.2}, {"window": 50}, {"detector": "d" * 64}],
)
def test_parts_of_other_words_or_detectors_are_refused(make_raster, tmp_path, other):
    path = make_raster(painted(PATCHES))
    how = RunOptions(parts=tmp_path / "parts")
    looked(path, how=how)
    detector = ColourDetector(sha256=other.pop("detector", "c" * 64))
    with pytest.raises(InputError, match="belongs to another job"):
        looked(path, detector, RunOptions(parts=how.parts, resume=True), **other)


def test_a_window_that_fails_is_reported(make_raster):
    detector = ColourDetector(fail_at=1, error=RuntimeError)
    boxes, found = looked(make_raster(painted(PATCHES)), detector)
    # a window is tried a second time
    assert not found.report.failures
    assert len(boxes) == len(PATCHES)


def test_workers_change_nothing(make_raster):
    path = make_raster(painted(PATCHES))
    assert looked(path, how=RunOptions(workers=3))[0] == looked(path)[0]
