from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.training.answers import best_scored
from sam_common.training.judgement import Judge, Judgement, Overlaps, drawn_iou
from sam_common.training_data.examples import TrainingObject
from tests.oracles.lessons import disc, picture


def judgement(before, after, alone, kind="boxes"):
    names = [f"o{n}" for n in range(len(before))]
    return Judgement(
        names, names, {kind: Overlaps(list(before), list(after), {"box filled": list(alone)})}
    )


NOISE = np.random.default_rng(0).normal(0, 0.02, 12)
LOW, HIGH = 0.5 + NOISE, 0.8 + NOISE[::-1]


def test_a_gain_beyond_the_interval_is_taken():
    found = judgement(LOW, HIGH, LOW)
    assert found.faults == []
    verdict = found.verdict()
    assert verdict["is_better"]
    assert verdict["text"] == "Better on objects that it has not seen: +0.300 mean IoU."
    assert found.figures()["boxes"]["units"] == 12


def test_what_may_be_chance_is_refused():
    found = judgement(LOW, LOW + np.random.default_rng(1).normal(0, 0.2, 12), LOW - 0.3)
    assert len(found.faults) == 1
    assert found.faults[0].startswith("it is not better than before beyond chance: ")
    assert not found.verdict()["is_better"]
    assert found.verdict()["text"].startswith("Not to be taken: it is not better")


def test_what_the_prompt_gives_away_is_no_gain():
    found = judgement(LOW, HIGH, HIGH)
    assert found.faults == [
        (
            "it is not better than what can be drawn from the prompts without looking at the "
            "image, which hints at outlines that do not fit the image"
        )
    ]


def test_one_kind_that_is_worse_is_refused():
    found = judgement(LOW, HIGH + 0.1, LOW)
    found.by_kind["points"] = Overlaps(list(HIGH), list(HIGH - 0.1 + NOISE), {"d": list(LOW)})
    assert found.gain.is_sure
    assert found.faults == [f"by points it is worse: {found.gain_by('points').mean:+.3f} mean IoU"]


def test_slices_of_one_organ_are_one_observation():
    found = judgement(LOW, HIGH, LOW)
    organ = dataclasses.replace(found, units=["liver"] * 12)
    assert organ.faults[0].startswith("it is not better than before beyond chance: +0.300")
    assert organ.verdict()["high"] == 1  # JSON has no infinity


def test_what_is_drawn_from_a_prompt():
    """Against a drawing of the whole picture."""
    size, centre = (60, 70), (30, 32)
    mask = disc(size, centre, 9) & ~disc(size, (30, 38), 3)
    region = MaskRegion.tight((0, 0), mask)
    top, left = region.window.start
    bottom, right = region.window.stop
    filled = np.zeros(size, dtype=bool)
    filled[top:bottom, left:right] = True
    rows, cols = np.ogrid[: size[0], : size[1]]
    cy, cx, ry, rx = (
        (top + bottom - 1) / 2,
        (left + right - 1) / 2,
        (bottom - top) / 2,
        (right - left) / 2,
    )
    ellipse = ((rows - cy) / ry) ** 2 + ((cols - cx) / rx) ** 2 <= 1
    for name, drawn in (("box filled", filled), ("ellipse in the box", ellipse)):
        expected = (mask & drawn).sum() / (mask | drawn).sum()
        assert drawn_iou(region, name, 0) == pytest.approx(expected)
    whole = MaskRegion.tight((0, 0), disc(size, centre, 9))
    assert drawn_iou(whole, "disc of the usual size", whole.area_px) > 0.95
    assert drawn_iou(whole, "disc of the usual size", 4 * whole.area_px) == pytest.approx(
        0.25, 0.05
    )


def test_objects_are_asked_before_and_after():
    image, masks = picture()
    objects = [
        TrainingObject(MaskRegion.tight((0, 0), mask), "judge", f"d{n}")
        for n, mask in enumerate(masks)
    ]
    before, after = FakeSegmenter(radius_px=3), FakeSegmenter(radius_px=9)
    judge = Judge(before, after, ("boxes", "points"), best_scored, 250.0)
    judge.add(objects[:5], before.embed(image), after.embed(image))
    judge.add(objects[5:], before.embed(image), after.embed(image))
    result = judge.result
    assert result.names == [f"d{n}" for n in range(12)]
    assert len(set(result.units)) == 12
    assert result.by_kind["boxes"].before == result.by_kind["boxes"].alone["box filled"]
    assert result.gain_by("points").is_sure
    row = result.objects()[0]
    assert row["name"] == "d0"
    assert row["points after"] > row["points before"]
