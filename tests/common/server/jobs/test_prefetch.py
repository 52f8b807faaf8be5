"""Prefetch: steps between requests, their order, their pauses and their ends."""

from __future__ import annotations

import threading

import pytest
from live_server import WAIT

from sam_common.server.jobs.prefetch import Prefetch


@pytest.fixture
def prefetch():
    made = Prefetch()
    yield made
    made.close()


class Steps:
    """Steps that remember themselves; each waits until it may go on."""

    def __init__(self, name, seen, count):
        self.name, self.seen, self.left = name, seen, count
        self.begun, self.open = threading.Semaphore(0), threading.Semaphore(0)

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        self.left -= 1
        self.begun.release()
        assert self.open.acquire(timeout=WAIT)
        self.seen.append(self.name)


def test_steps_are_done_to_their_end(prefetch):
    seen = []
    prefetch.start("s1", (seen.append(n) for n in range(50)))
    assert prefetch.wait(WAIT)
    assert seen == list(range(50))


def test_nothing_to_do_is_done_at_once(prefetch):
    assert prefetch.wait(0)


class Told(threading.Condition):
    """A condition that tells when a thread begins to wait for it."""

    def __init__(self):
        super().__init__()
        self.waited_for = threading.Event()

    def wait(self, timeout=None):
        self.waited_for.set()
        return super().wait(timeout)


def test_no_step_begins_while_a_request_is_at_work(prefetch, monkeypatch):
    told, seen = Told(), []
    monkeypatch.setattr(prefetch, "_changed", told)
    begun, may_end = threading.Event(), threading.Event()

    def steps():
        begun.set()
        assert may_end.wait(WAIT)
        yield
        seen.append("second")
        told.waited_for.set()

    prefetch.start("s1", steps())
    assert begun.wait(WAIT)
    with prefetch.paused():
        with prefetch.paused():
            may_end.set()
        # the first step ends, and the thread waits, or it would do the second one
        assert told.waited_for.wait(WAIT)
        assert seen == []
    assert prefetch.wait(WAIT)
    assert seen == ["second"]


def test_a_request_does_not_wait_for_a_step(prefetch):
    steps = Steps("s1", [], 1)
    prefetch.start("s1", steps)
    assert steps.begun.acquire(timeout=WAIT)
    with prefetch.paused():
        assert steps.seen == []
    steps.open.release()


def test_the_newest_session_goes_first(prefetch):
    seen = []
    old, new = Steps("old", seen, 3), Steps("new", seen, 2)
    prefetch.start("old", old)
    assert old.begun.acquire(timeout=WAIT)
    prefetch.start("new", new)
    for steps in (old, new):
        for _ in range(3):
            steps.open.release()
    assert prefetch.wait(WAIT)
    assert seen == ["old", "new", "new", "old", "old"]


def test_later_steps_of_a_session_take_the_place_of_earlier_ones(prefetch):
    seen = []
    earlier = Steps("earlier", seen, 5)
    prefetch.start("s1", earlier)
    assert earlier.begun.acquire(timeout=WAIT)
    prefetch.start("s1", (seen.append(name) for name in ["later"]))
    for _ in range(5):
        earlier.open.release()
    assert prefetch.wait(WAIT)
    assert seen == ["earlier", "later"]
    assert earlier.left == 4


def test_a_session_that_is_closed_begins_no_step(prefetch):
    seen = []
    steps = Steps("s1", seen, 5)
    prefetch.start("s1", steps)
    assert steps.begun.acquire(timeout=WAIT)
    prefetch.cancel("s1")
    prefetch.cancel("never started")
    for _ in range(5):
        steps.open.release()
    assert prefetch.wait(WAIT)
    assert seen == ["s1"]
    assert steps.left == 4


def test_a_step_that_fails_is_logged_and_others_go_on(prefetch, capsys):
    def fails():
        yield
        raise OSError("/data/DOE^JANE.nii")

    seen = []
    with prefetch.paused():
        prefetch.start("s1", (seen.append(name) for name in ["other"]))
        prefetch.start("s2", fails())
    assert prefetch.wait(WAIT)
    assert seen == ["other"]
    said = capsys.readouterr().err
    assert said.startswith("work ahead of requests: unexpected OSError in\n")
    assert "DOE" not in said


def test_nothing_is_done_after_the_end():
    seen = []
    prefetch = Prefetch()
    steps = Steps("s1", seen, 5)
    prefetch.start("s1", steps)
    assert steps.begun.acquire(timeout=WAIT)
    for _ in range(5):
        steps.open.release()
    prefetch.close()
    done = list(seen)
    prefetch.start("s2", (seen.append(name) for name in ["s2"]))
    assert prefetch.wait(0)
    assert seen == done
    assert len(done) + steps.left == 5
