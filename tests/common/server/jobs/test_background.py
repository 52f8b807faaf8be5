"""One job: its states, progress, listeners, and what it lets go of."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from live_server import WAIT

from sam_common.errors import InputError
from sam_common.server.jobs import background
from sam_common.server.jobs.background import Job
from sam_common.support.traces import trace_of


@pytest.mark.parametrize("kind", ["done", "failed", "cancelled", "never begun"])
def test_a_job_lets_go_once_and_before_its_end_is_told(tmp_path, kind):
    released = []
    job = Job("j1", "export", tmp_path / "j1", release=lambda: released.append(job.state))

    def work(_job):
        (job.folder / "half.gpkg").write_bytes(b"half")
        if kind == "failed":
            raise InputError("no")
        if kind == "cancelled":
            job.cancel()
        return {}

    told = []
    job._listeners.add(lambda: told.append((job.state, list(released), job.folder.exists())))
    if kind == "never begun":
        job.cancel()
    job.run(work)
    job.cancel()
    assert len(released) == 1
    assert released[0] not in background.ENDED
    state, before, is_there = told[-1]
    assert state == ("cancelled" if kind == "never begun" else kind)
    assert (len(before), is_there) == (1, kind == "done")


def test_what_is_remembered_of_a_job_counts_its_news(tmp_path):
    job = Job("j1", "export", tmp_path / "j1")

    def work(_job):
        for n in range(500):
            job.note("x" * 1000)
            job.begin(f"part {n}", 1)
        return {}

    job.run(work)
    assert job.size_bytes > 1000 * (1000 / 2 + background.EVENT_BYTES)


def test_an_unexpected_error_is_logged_with_its_place_and_without_its_words(tmp_path, capsys):
    def work(_job):
        try:
            int("DOE^JANE")
        except ValueError as error:
            raise KeyError("/data/DOE^JANE.nii") from error

    job = Job("j1", "propagate", tmp_path / "j1")
    job.run(work)
    said = capsys.readouterr().err
    assert said.startswith("job j1 (propagate): unexpected KeyError in\n")
    assert "because of ValueError in\n" in said
    assert "test_background.py, line " in said
    assert "in work" in said
    assert "DOE" not in said + str(job.describe())
    assert job.message == "unexpected KeyError"


def test_progress_in_a_row_is_kept_once(tmp_path):
    job = Job("j1", "automatic", tmp_path)
    job.begin("windows", 10_000)
    for _ in range(10_000):
        job.step(1)
    job.note("x" * 10_000)
    assert len(job.events) == 2
    assert len(job.message) == background.MOST_NOTE


def test_steps_of_several_threads_add_up(tmp_path):
    job, together = Job("j1", "automatic", tmp_path), threading.Barrier(8)
    job.begin("windows", 8000)

    def work():
        together.wait(WAIT)
        for _ in range(1000):
            job.step(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert job.done == 8000


def test_a_listener_that_went_is_forgotten(tmp_path):
    job = Job("j1", "export", tmp_path)

    async def listen():
        events = job.follow()
        await anext(events)
        assert len(job._listeners) == 1
        await events.aclose()

    asyncio.run(listen())
    assert not job._listeners
    job.begin("objects", 1)


def test_a_silent_job_sends_a_line_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(background, "HEARTBEAT_SECONDS", 0.01)
    job = Job("j1", "export", tmp_path)

    async def listen():
        events = job.follow()
        await anext(events)
        beat = await anext(events)
        job.end("done")
        return beat, [event async for event in events]

    beat, rest = asyncio.run(listen())
    assert beat.startswith(":")
    assert '"state": "done"' in rest[-1]


def test_a_slow_listener_hears_the_last_step_before_the_end(tmp_path):
    job = Job("j1", "propagate", tmp_path)

    async def listen():
        events = job.follow()
        await anext(events)
        job.begin("slices", 3)
        job.note("the second has no edge")
        for _ in range(3):
            job.step(1)
        job.end("done")
        return [json.loads(event.partition("data: ")[2]) async for event in events]

    heard = asyncio.run(listen())
    told = [(each["state"], each["done"], each["message"]) for each in heard]
    note = "the second has no edge"
    assert told == [("queued", 0, note), ("queued", 3, note), ("done", 3, None)]


def test_a_trace_ends_where_causes_go_round():
    one, two = ValueError("a"), ValueError("b")
    one.__cause__, two.__cause__ = two, one
    assert trace_of(one).count("ValueError") == 2
