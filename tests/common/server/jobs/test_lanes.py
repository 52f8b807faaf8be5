"""Lanes of jobs: order, bounds, and jobs that fail."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest
from live_server import WAIT, Gate, ended

from sam_common.errors import ConflictError
from sam_common.server.jobs.lanes import Jobs


@pytest.fixture
def jobs(tmp_path):
    made = Jobs(tmp_path / "jobs")
    yield made
    made.close()


def test_a_lane_does_not_wait_for_another(jobs):
    long, short = Gate(), Gate()
    first = jobs.start("batch", long, lane="batches")
    second = jobs.start("batch", Gate(), lane="batches")
    assert long.begun.wait(WAIT)
    other = jobs.start("propagate", short, lane="s1")
    assert short.begun.wait(WAIT)
    short.open.set()
    assert ended(other)[-1]["state"] == "done"
    assert (first.state, second.state) == ("running", "queued")
    jobs.cancel("batches")
    long.open.set()
    assert ended(first)[-1]["state"] == ended(second)[-1]["state"] == "cancelled"


def test_jobs_of_one_lane_run_in_order(jobs):
    seen = []
    made = [
        jobs.start("export", lambda _job, n=n: {"n": seen.append(n)}, lane="s1") for n in range(20)
    ]
    ended(made[-1])
    assert seen == list(range(20))


def test_an_ended_job_holds_on_to_nothing(jobs):
    """A closed session's pixels are not held for as long as its jobs are remembered."""

    class Pixels:
        def release(self):
            pass

    pixels = Pixels()
    gone = weakref.ref(pixels)
    job = jobs.start("export", lambda _job: {}, lane="s1", release=pixels.release)
    ended(job)
    # the lane lets go of the last job when it has told its end
    jobs.close()
    del pixels
    gc.collect()
    assert gone() is None
    assert jobs.get(job.id) is job


def test_what_cannot_be_let_go_of_does_not_hide_the_end_or_stop_the_lane(jobs, capsys):
    def fails():
        raise OSError("/data/DOE^JANE.nii")

    first = jobs.start("export", lambda _job: {}, lane="s1", release=fails)
    second = jobs.start("export", lambda _job: {}, lane="s1")
    assert ended(first)[-1]["state"] == ended(second)[-1]["state"] == "done"
    said = capsys.readouterr().err
    assert said.startswith("job j1 (export), at its end: unexpected OSError in\n")
    assert "DOE" not in said


def test_a_library_that_wants_to_end_the_program_ends_its_job_only(jobs, capsys):
    job = jobs.start("export", lambda _job: sys.exit("/data/DOE^JANE.nii"), lane="s1")
    assert ended(job)[-1]["message"] == "unexpected SystemExit"
    assert "DOE" not in capsys.readouterr().err
    assert ended(jobs.start("export", lambda _job: {}, lane="s1"))[-1]["state"] == "done"


def test_a_job_ends_though_nobody_reads_what_is_logged(jobs, monkeypatch):
    class Gone:
        def write(self, _text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    job = jobs.start("export", lambda _job: 1 / 0, lane="s1")
    assert ended(job)[-1]["message"] == "unexpected ZeroDivisionError"
    assert ended(jobs.start("export", lambda _job: {}, lane="s1"))[-1]["state"] == "done"


def test_requests_of_jobs_that_wait_are_bounded(tmp_path):
    jobs, gate = Jobs(tmp_path / "jobs", most_asked_bytes=100_000), Gate()
    first = jobs.start("export", gate, lane="s1", asked_bytes=50_000)
    assert gate.begun.wait(WAIT)
    waiting = [jobs.start("export", Gate(), lane="s1", asked_bytes=1_000) for _ in range(9)]
    with pytest.raises(ConflictError, match=r"^jobs that have not ended hold 99960 bytes of req"):
        jobs.start("export", Gate(), lane="s2", asked_bytes=1_000)
    # what is cancelled is let go of at once, not when its turn comes
    for job in waiting:
        jobs.remove(job.id)
    assert not jobs._lanes["s1"]
    other = jobs.start("export", lambda _job: {}, lane="s2", asked_bytes=40_000)
    assert ended(other)[-1]["state"] == "done"
    gate.open.set()
    assert ended(first)[-1]["state"] == "done"
    jobs.close()


def test_finished_jobs_go_by_their_bytes(tmp_path):
    jobs = Jobs(tmp_path / "jobs", most_ended_bytes=100_000)

    def work(job):
        (job.folder / "a.gpkg").write_bytes(bytes(40_000))
        return {}

    for _ in range(5):
        ended(jobs.start("export", work, lane="s1"))
    # the lane tidies up when it has told the end
    jobs.close()
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["j4", "j5"]
