"""The rooms of the packages, and the page that draws them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_FILES = 12
"""Files of a room, apart from what says what lives there."""


@pytest.fixture(scope="module")
def rooms():
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs/rooms.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["rooms"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def house(rooms):
    return rooms.build()


def test_the_page_draws_the_code_as_it_is(rooms, house):
    stale = [
        path.name
        for path, content in rooms.written(house).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != content
    ]
    assert stale == [], "run: python docs/rooms.py"


def test_no_room_is_reached_from_itself(rooms, house):
    assert rooms.cycles(house) == []


def test_a_cycle_is_found(rooms):
    there_and_back = rooms.House({"p.a": ["x"], "p.b": ["y"]}, {"p.a": {"p.b"}, "p.b": {"p.a"}})
    assert rooms.cycles(there_and_back) == ["p.a -> p.b -> p.a"]


def test_rooms_are_small(house):
    assert {
        room: len(names) for room, names in house.files.items() if len(names) > MOST_FILES
    } == {}


def test_tests_lie_in_the_rooms_of_what_they_test(house):
    """A folder of tests without a room of its name would be found by nobody."""
    known = {room.removeprefix("sam_").replace(".", "/") for room in house.files}
    folders = {
        path.parent.relative_to(ROOT / "tests").as_posix()
        for side in ("common", "geo", "med")
        for path in (ROOT / "tests" / side).rglob("test_*.py")
    }
    assert folders - {"common", "geo", "med"} <= known


def test_every_module_has_a_test_file_of_its_name(house):
    """Whoever changes a module finds what holds it; plugins of hosts are tested in the hosts."""
    missing = [
        str(path.relative_to(ROOT))
        for package, side in (("sam_common", "common"), ("sam_geo", "geo"), ("sam_med", "med"))
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.name.startswith("_")
        and {"qgis_plugin", "slicer_module"}.isdisjoint(path.parts)
        and not (
            ROOT / "tests" / side / path.parent.relative_to(ROOT / package) / f"test_{path.name}"
        ).is_file()
    ]
    assert missing == []
