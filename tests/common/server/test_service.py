"""The service: sessions opened by jobs, jobs of sessions, batches."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from live_server import WAIT, Gate, cancelled, ended, raster, volume, write_raster
from pydicom import examples
from pydicom.data import get_testdata_file

from sam_common.server.client import ServerError
from sam_common.server.jobs.background import Job
from sam_common.window import Window
from sam_med.measurements.measure import measure
from sam_med.objects.segments import Segment
from sam_med.series import zip_input


def test_requests_are_counted_where_they_come_in(served):
    served.service.jobs.most_asked_bytes = 10_000
    gate = Gate()
    served.service.jobs.start("export", gate, lane="batches")
    row = {"input": "/a", "prompts": "/p" * 3000}
    with pytest.raises(ServerError, match="bytes of requests") as refused:
        served.batch([row])
    assert refused.value.status == 409
    gate.open.set()


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
    served.service.jobs.start = cancelled(served.service.jobs.start)
    with pytest.raises(ServerError, match="cancelled"):
        served.replay(log)
    assert len(served.sessions()) == before
    assert len(list((served.service.folder / "sources").iterdir())) == before


def test_a_session_can_be_opened_by_a_job(served):
    asked = raster(served).log()["source"]["request"]
    session = served.open_in_background(asked)
    assert session.size == (300, 400)
    with pytest.raises(ServerError, match="no upload u99"):
        served.open_in_background({**asked, "upload": "u99"})


def test_opening_a_series_tells_of_its_files_and_can_be_cancelled(served):
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
    served.service.jobs.start = cancelled(served.service.jobs.start)
    with pytest.raises(ServerError, match="cancelled"):
        served.open_volume(folder, progress=lambda *_steps: None)
    assert len(served.sessions()) == before


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


def test_a_batch_tells_of_its_cases_and_of_what_failed(served):
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
        ({"name": "case 1"}, "cases 1 and 2 of the list have the same name 'case 1'"),
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
    session = volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    session.propagate().wait()
    mask = session.mask(organ)
    known = served.service.sessions.get(session.id).source.volume
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


def test_a_cancelled_job_leaves_no_file_and_no_edit(served, monkeypatch):
    step = Job.step

    def step_once_cancelled(job, done):
        # the volume is small: without this the job could be done before the client is heard
        assert job._cancelled.wait(300)
        step(job, done)

    monkeypatch.setattr(Job, "step", step_once_cancelled)
    session = volume(served)
    session.set_box(session.add_object("organ"), (10, 8, 2, 30, 28, 9))
    state = session.propagate().wait(lambda _done, _total, _what: False)
    assert state["state"] == "cancelled"
    assert session.objects()[0]["propagated"] is None
    assert not list((served.service.folder / "jobs").iterdir())


def test_prompts_run_as_a_job_give_one_row_each(served):
    session = raster(served)
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": xy}}
        for xy in ([20, 30], [200, 100], [9000, 9000])
    ]
    state = session.prompts_job({"type": "FeatureCollection", "features": features}, "pixel").wait()
    assert state["summary"]["counts"] == {"ok": 2, "outside": 1}


def test_a_log_of_another_source_is_refused(served):
    log = raster(served).log()
    other = raster(served, (200, 200)).log()["source"]["request"]
    with pytest.raises(ServerError, match="another source"):
        served.replay(log, source=other)


def test_what_a_zip_held_goes_with_its_session(served):
    """Session by session: nothing of a patient is kept until the server ends."""
    scan = served.root / "scan.zip"
    with zipfile.ZipFile(scan, "w") as out:
        out.write(get_testdata_file("CT_small.dcm"), "DOE^JANE.dcm")
    before = set(zip_input._program.unpacked)
    sessions = [served.open_volume(scan), served.open_volume(scan, progress=lambda *_: None)]
    told = served.service.jobs.get("j1")
    assert (told.what, told.done, told.total) == ("files", 2, 2)
    volumes = [served.service.sessions.get(session.id).source.volume for session in sessions]
    places = [path.parent for volume in volumes for path in volume.files]
    private = served.service.folder / "sources"
    assert len(set(places)) == 2
    assert all(path.is_relative_to(private) for path in places)
    sessions[0].close()
    assert [place.exists() for place in places] == [False, True]
    # the other one can still be written from its files
    organ = sessions[1].add_object("liver")
    sessions[1].set_box(organ, (10, 10, 60, 60), axis=0, index=0)
    job = sessions[1].export(["dicom_seg", "dicom_sr"], seg_type="labelmap")
    assert job.wait()["state"] == "done"
    sessions[1].close()
    assert list(private.iterdir()) == []
    assert set(zip_input._program.unpacked) == before


def test_a_model_is_a_name_and_never_a_file(served):
    path = write_raster(served.root / "a.tif")
    with pytest.raises(ServerError, match="unknown model") as refused:
        served.open_raster(path, model=str(path))
    assert refused.value.status == 422
