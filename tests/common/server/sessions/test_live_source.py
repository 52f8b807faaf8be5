"""How the server finds and opens sources that it knows nothing of."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.server.sessions import live_source
from sam_common.server.sessions.live_source import (
    RESULT_BYTES,
    PlacedMask,
    Result,
    StepReporter,
    domain,
    open_source,
)
from sam_common.window import Window


@pytest.fixture
def installed(monkeypatch):
    """Entry points of a test's own, by kind."""
    known = {}

    def entry_points(*, group, name):
        assert group == "sam_geomed.live"
        return [EntryPoint(name, known[name], group)] if name in known else []

    monkeypatch.setattr(live_source, "entry_points", entry_points)
    return known


def test_a_kind_is_opened_by_the_module_of_its_entry_point(installed):
    installed["picture"] = "json"
    assert domain("picture").__name__ == "json"


def test_a_kind_that_nothing_opens_says_what_to_install(installed):
    with pytest.raises(InputError, match=r"^nothing that is installed opens a raster: pip install"):
        domain("raster")
    installed["volume"] = "sam_med_that_is_not_there.live"
    with pytest.raises(InputError) as refused:
        domain("volume")
    assert str(refused.value) == (
        "a volume needs the package sam_med_that_is_not_there: "
        "pip install 'sam-geomed[med_that_is_not_there]'"
    )


def test_the_context_of_a_source_that_cannot_be_opened_is_closed(installed, monkeypatch):
    closed = []
    context = SimpleNamespace(close=lambda: closed.append(1))
    with pytest.raises(InputError, match="nothing that is installed"):
        open_source({"kind": "raster"}, None, context)
    assert closed == [1]
    made = object()
    module = SimpleNamespace(open_source=lambda *_: made)
    monkeypatch.setattr(live_source, "domain", lambda _kind: module)
    assert open_source({"kind": "raster"}, None, context) is made
    assert closed == [1]


def test_a_result_counts_for_its_masks():
    mask = PlacedMask(Window((0, 0), (10, 20)), np.ones((10, 20), dtype=bool))
    assert Result("ok", [mask, mask]).size_bytes == RESULT_BYTES + 400
    assert Result("no_prompt").size_bytes == RESULT_BYTES


class Told:
    def __init__(self):
        self.calls = []

    def begin(self, what, total):
        self.calls.append(("begin", what, total))

    def step(self, done):
        self.calls.append(("step", done))

    def note(self, message):
        self.calls.append(("note", message))


def work(reporter):
    reporter.begin("slices", 3)
    reporter.step(2)
    reporter.note("no edge")


def test_a_part_of_a_step_can_be_cancelled_and_counts_nothing():
    told = Told()
    work(StepReporter(told))
    assert told.calls == [("step", 0), ("step", 0), ("note", "no edge")]
    work(StepReporter())
