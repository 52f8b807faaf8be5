"""Jobs of the server: lanes, progress, cancelling, and what is kept of them."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import json
import socket
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from sam_common.errors import ConflictError, DiskError, InputError
from sam_common.server.client import Client, ServerError
from sam_common.server.files import uploads as uploading
from sam_common.server.files.uploads import Uploads
from sam_common.server.jobs import background
from sam_common.server.jobs.background import Job
from sam_common.server.jobs.lanes import Jobs
from sam_common.server.sessions.registry import Sessions
from sam_common.server.sessions.session import HISTORY_BYTES
from sam_common.support.traces import trace_of
from tests.common.server.sessions.test_session import raster, volume

WAIT = 300
"""Seconds until a test says that what it waits for does not come."""


class Gate:
    """Work that tells when it begins, and goes on when it may."""

    def __init__(self):
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, job):
        self.begun.set()
        assert self.open.wait(WAIT)
        job.step(1)
        return {}


@pytest.fixture
def jobs(tmp_path):
    made = Jobs(tmp_path / "jobs")
    yield made
    made.close()


def ended(job):
    """Wait for a job to end; what a listener would hear."""

    async def listen():
        return [json.loads(event.partition("data: ")[2]) async for event in job.follow()]

    return asyncio.run(asyncio.wait_for(listen(), WAIT))


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


def test_what_is_remembered_of_a_job_counts_its_news(tmp_path):
    job = Job("j1", "export", tmp_path / "j1")

    def work(_job):
        for n in range(500):
            job.note("x" * 1000)
            job.begin(f"part {n}", 1)
        return {}

    job.run(work)
    assert job.size_bytes > 1000 * (1000 / 2 + background.EVENT_BYTES)


def test_requests_are_counted_where_they_come_in(served):
    served.service.jobs.most_asked_bytes = 10_000
    gate = Gate()
    served.service.jobs.start("export", gate, lane="batches")
    row = {"input": "/a", "prompts": "/p" * 3000}
    with pytest.raises(ServerError, match="bytes of requests") as refused:
        served.batch([row])
    assert refused.value.status == 409
    gate.open.set()


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
    assert "test_lanes.py, line " in said
    assert "in work" in said
    assert "DOE" not in said + str(job.describe())
    assert job.message == "unexpected KeyError"


def test_a_trace_ends_where_causes_go_round():
    one, two = ValueError("a"), ValueError("b")
    one.__cause__, two.__cause__ = two, one
    assert trace_of(one).count("ValueError") == 2


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


def test_many_listeners_take_no_thread(served):
    gate = Gate()
    job = served.service.jobs.start("export", gate, lane="s1")
    assert gate.begun.wait(WAIT)
    request = (
        f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {served.connection.token}\r\n\r\n"
    ).encode()
    listening = []
    for _ in range(60):
        raw = socket.create_connection(("127.0.0.1", served.connection.port), timeout=WAIT)
        raw.sendall(request)
        assert raw.recv(1000)
        listening.append(raw)
    other = Client(served.connection.port, served.connection.token, timeout=60)
    assert other.health()["status"] == "ok"
    # whatever needs a thread has one, too
    assert other.sessions() == []
    other.close()
    gate.open.set()
    for raw in listening:
        heard = b""
        while b'"state": "done"' not in heard:
            heard += raw.recv(10_000)
        raw.close()


def test_the_connection_of_a_thread_goes_with_it(served):
    """A host that asks from a new thread each time does not run out of descriptors."""
    known = []

    def ask():
        served.health()
        known.append(served.connection._connection())

    for _ in range(5):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    gc.collect()
    assert len(set(map(id, known))) == 5
    assert all(connection.sock is None for connection in known)
    assert not served.connection._all
    served.health()
    assert len(served.connection._all) == 1


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


def test_the_session_of_a_job_that_waits_is_kept(served):
    gate, session = Gate(), raster(served)
    session.add_object("tree")
    served.service.jobs.start("export", gate, lane=session.id)
    assert gate.begun.wait(WAIT)
    job = session.export(["geojson"])
    served.service.sessions.idle_seconds = -1.0
    assert [each["session"] for each in served.sessions()] == [session.id]
    gate.open.set()
    state = job.wait()
    assert state["state"] == "done"
    assert [each["name"] for each in state["results"]] == ["objects.geojson"]
    assert served.sessions() == []


def test_a_session_that_is_closed_takes_its_jobs_with_it(served):
    gate, session = Gate(), raster(served)
    running = served.service.jobs.start("export", gate, lane=session.id)
    assert gate.begun.wait(WAIT)
    waiting = session.export(["geojson"])
    source = served.service.sessions.get(session.id).source
    session.close()
    assert waiting.state()["state"] == "cancelled"
    assert not source.context.folder.exists()
    gate.open.set()
    assert ended(running)[-1]["state"] == "cancelled"


def test_what_a_running_job_reads_outlives_its_session(served):
    session = volume(served)
    known = served.service.sessions.get(session.id)
    known.hold()
    session.close()
    assert known.source.context.folder.exists()
    known.release()
    assert not known.source.context.folder.exists()


def test_a_replay_is_a_job_that_can_be_cancelled(served):
    session = raster(served)
    for n in range(3):
        session.add_point(session.add_object(f"tree {n}"), (50 + 60 * n, 80))
    again = served.replay(session.log(), progress=lambda *_steps: None)
    assert again.objects() == session.objects()
    before = len(served.sessions())
    log = session.log()
    served.service.jobs.start = _cancelled(served.service.jobs.start)
    with pytest.raises(ServerError, match="cancelled"):
        served.replay(log)
    assert len(served.sessions()) == before
    assert len(list((served.service.folder / "sources").iterdir())) == before


def _cancelled(start):
    """Jobs that are cancelled when they begin to work."""

    def started(kind, work, **options):
        def cancelled(job):
            job._cancelled.set()
            return work(job)

        return start(kind, cancelled, **options)

    return started


def test_a_session_can_be_opened_by_a_job(served):
    asked = raster(served).log()["source"]["request"]
    session = served.open_in_background(asked)
    assert session.size == (300, 400)
    with pytest.raises(ServerError, match="no upload u99"):
        served.open_in_background({**asked, "upload": "u99"})


def test_opening_a_series_tells_of_its_files_and_can_be_cancelled(served):
    from pydicom import examples

    folder = served.root / "series"
    folder.mkdir()
    slice_ = examples.ct
    for k in range(5):
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k + 1}"
        slice_.ImagePositionPatient = [0, 0, 2 * k]
        slice_.save_as(folder / f"{k}.dcm", enforce_file_format=True)
    session = served.open_volume(folder, progress=lambda *_steps: None)
    assert session.size[0] == 5
    told = served.service.jobs.get("j1")
    assert (told.what, told.done, told.total) == ("files", 10, 12)
    before = len(served.sessions())
    served.service.jobs.start = _cancelled(served.service.jobs.start)
    with pytest.raises(ServerError, match="cancelled"):
        served.open_volume(folder, progress=lambda *_steps: None)
    assert len(served.sessions()) == before


def test_a_log_is_no_request_for_a_session(served):
    with pytest.raises(ServerError) as refused:
        served.connection.json("POST", "/v1/sessions", {"log": raster(served).log()})
    assert refused.value.status == 422


def test_propagation_tells_of_every_slice(served, monkeypatch):
    heard, names = {"": []}, [""]
    begin, step = Job.begin, Job.step

    def heard_begin(job, what, total):
        names.append(what)
        heard[what] = []
        begin(job, what, total)

    monkeypatch.setattr(Job, "begin", heard_begin)
    monkeypatch.setattr(
        Job, "step", lambda job, done: (heard[names[-1]].append(done), step(job, done))
    )
    state = raster(served).automatic(points_per_side=4).wait()
    assert state["state"] == "done"
    parts = np.cumsum([done for done in heard["windows, in hundredths"] if done])
    assert len(parts[parts < 100]) >= 3
    assert parts[-1] % 100 == 0


def test_small_uploads_are_bounded_too(tmp_path, monkeypatch):
    monkeypatch.setattr(uploading, "ENTRY_BYTES", 1000)
    uploads = Uploads(tmp_path, most_bytes=10_000)
    np.save(tmp_path / "a", np.zeros(1))
    content = (tmp_path / "a.npy").read_bytes()

    async def chunks():
        yield content

    for _ in range(50):
        name = asyncio.run(uploads.receive(chunks())).id
        with uploads.borrowed(name):
            pass
    assert len(list(tmp_path.glob("u*.npy"))) == 10_000 // (1000 + len(content))
    assert uploads.size_bytes <= 10_000
    assert not uploads._borrowed


def test_an_upload_that_the_disk_does_not_take_says_so(tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _chunk):
            raise OSError(errno.ENOSPC, "No space left on device")

    async def chunks():
        yield b"x"

    monkeypatch.setattr(Path, "open", lambda *_: Full())
    uploads = Uploads(tmp_path)
    with pytest.raises(DiskError, match="No space left on device"):
        asyncio.run(uploads.receive(chunks()))
    assert uploads.size_bytes == 0
    assert not list(tmp_path.iterdir())


def test_uploads_go_by_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(uploading, "ENTRY_BYTES", 0)
    uploads = Uploads(tmp_path, most_bytes=3_000)

    async def chunks(size):
        np.save(tmp_path / "a", np.zeros(size - 128, dtype=np.uint8))
        content = (tmp_path / "a.npy").read_bytes()
        for at in range(0, len(content), 100):
            yield content[at : at + 100]

    def receive(size):
        return asyncio.run(uploads.receive(chunks(size))).id

    first, second = receive(1_000), receive(1_000)
    with uploads.borrowed(first):
        third = receive(1_500)
        # the first is being read
        with pytest.raises(Exception, match="no upload"), uploads.borrowed(second):
            pass
        with pytest.raises(Exception, match="uploads take at most 3000 bytes"):
            receive(2_500)
    assert uploads.size_bytes == 1_000
    with pytest.raises(Exception, match="no upload"), uploads.borrowed(third):
        pass
    with uploads.borrowed(first) as upload:
        assert upload.path.exists()


def test_masks_go_by_their_bytes_and_are_made_again(served):
    session = raster(served)
    tree = session.add_object("tree")
    areas = [session.set_box(tree, (0, 0, 9 + n, 9)).changed[0].area for n in range(4)]
    served.service.results.limit_bytes = 1
    session.set_box(tree, (0, 0, 5, 5))
    assert served.service.results.size_bytes < 2_000
    assert [session.undo().changed[0].area for _ in range(4)] == areas[::-1]
    session.close()
    assert served.service.results.size_bytes == 0


def test_the_edits_of_a_session_have_an_end(served):
    session = raster(served)
    tree = session.add_object("tree")
    known = served.service.sessions.get(session.id)
    assert known.most_history_bytes == HISTORY_BYTES
    known.most_history_bytes = 16_000
    drawn = np.eye(30, dtype=bool)
    for n in range(5):
        session.set_mask(tree, drawn, ((n, 0), (n + 30, 30)))
    with pytest.raises(ServerError, match="the edits of this session take") as refused:
        session.set_mask(tree, drawn, ((5, 0), (35, 30)))
    assert refused.value.status == 409
    assert len(session.log()["edits"]) == 6
    session.undo()
    # a new edit cuts off what lay beyond, and there is room again
    session.add_point(tree, (5, 5))


def test_sessions_hold_so_many_bytes_of_pixels_and_no_more(served):
    first = volume(served)
    sessions: Sessions = served.service.sessions
    sessions.most_bytes = 12 * 40 * 50 * 2
    # on the same voxels, which are held once
    volume(served).close()
    with pytest.raises(ServerError, match="bytes of pixels") as refused:
        raster(served)
    assert refused.value.status == 409
    first.close()
    raster(served)


def test_a_batch_tells_of_its_cases_and_of_what_failed(served):
    import SimpleITK as sitk  # noqa: N813

    scan = served.root / "DOE^JANE.nrrd"
    voxels = np.random.default_rng(0).integers(0, 99, (4, 20, 20)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(scan))
    box = {"label": "x", "value": 1, "box": [3, 3, 1, 12, 12, 3]}
    prompts = served.root / "p.json"
    record = {"format": "sam-med-prompts", "version": 1, "space": "ijk", "objects": [box]}
    prompts.write_text(json.dumps(record))
    rows = [
        {"input": str(scan), "prompts": str(prompts), "modality": "MR", "output": "a.nrrd"},
        {"input": str(served.root / "gone.nrrd"), "prompts": str(prompts)},
        {"input": str(scan), "prompts": str(scan), "name": "labels", "labels_as": "what"},
    ]
    state = served.batch(rows).wait()
    cases = state["summary"]["cases"]
    assert [(each["case"], each["status"]) for each in cases] == [
        ("case 1", "done"),
        ("case 2", "failed"),
        ("labels", "failed"),
    ]
    assert "message" not in cases[0]
    assert "cannot be opened" in cases[1]["message"]
    assert "DOE" not in json.dumps(state)
    assert "a.nrrd" in {each["name"] for each in state["results"]}
    assert (state["done"], state["total"]) == (300, 300)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lable": "1"}, r"case 2 of the list has an unknown column 'lable' \(known: name, input"),
        ({"prompts": ""}, "case 2 of the list has no prompts"),
        ({"input": ""}, "case 2 of the list has no input"),
        ({"name": "case 1"}, "cases 1 and 2 of the list have the same name"),
        ({"output": "elsewhere/case-1.seg.nrrd"}, "cases 1 and 2 of the list have the same output"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_at_once(served, change, expected):
    """By the parser of the command line, before the first case is segmented."""
    row = {"input": "a.nrrd", "prompts": "p.json", "modality": "MR"}
    with pytest.raises(ServerError, match=expected) as refused:
        served.batch([row, row | change])
    assert refused.value.status == 422


def test_volumes_of_an_export_are_those_of_stats(served):
    from sam_med.objects.labels import LabelMap  # noqa: F401
    from sam_med.objects.segments import Segment
    from sam_med.report.measure import measure

    session = volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    session.propagate().wait()
    mask = session.mask(organ)
    known = served.service.sessions.get(session.id).source.volume
    from sam_common.window import Window

    segment = Segment("liver", 1, Window(*mask.window), mask.array)
    (measured,) = measure(known, [segment])
    state = session.export(["seg.nrrd"]).wait()
    assert state["summary"]["objects"][0]["volume_ml"] == measured.volume_ml > 0


@pytest.mark.parametrize("kept", [False, True])
def test_embeddings_stay_on_disk_only_where_that_is_asked_for(served, tmp_path, monkeypatch, kept):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    served.service.keep_embeddings = kept
    session = volume(served)
    session.set_box(session.add_object("a"), (5, 5, 20, 20), axis=0, index=4)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert bool(files) == kept
