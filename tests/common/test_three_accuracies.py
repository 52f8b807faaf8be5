"""The drawing of the three accuracies, and what it says of its ground."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
from defusedxml import ElementTree

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page():
    path = ROOT / "docs/three_accuracies.py"
    spec = importlib.util.spec_from_file_location("three_accuracies", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_is_what_its_script_draws(page):
    text = page.DRAWING.read_text(encoding="utf-8")
    assert text == page.drawing(), "run: python docs/three_accuracies.py"
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"


def test_no_sample_lies_on_the_slope(page):
    x, y, radius = page.SLOPE
    assert x + radius <= page.WIDE
    pixels = [place for sample in page.SAMPLES for place in sample.pixels()]
    assert all(math.hypot(px - x, py - y) > radius for px, py in pixels)
    assert all(0 < px < page.WIDE and 0 < py < page.HIGH for px, py in pixels)


def test_each_square_is_learned_or_tested_as_a_whole(page):
    squares = {sample.block for sample in page.SAMPLES}
    assert squares > page.HELD_BACK
    for sample in page.SAMPLES:
        places = {(x // page.BLOCK, y // page.BLOCK) for x, y in sample.pixels()}
        assert places == {sample.block}
