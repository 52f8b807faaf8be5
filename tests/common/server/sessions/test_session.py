from __future__ import annotations

import asyncio
import json
import zipfile

import numpy as np
import pytest
import rasterio
import shapely
import shapely.geometry

from sam_common.masks.rle import RLE, decode
from sam_common.server.client import ServerError, run_lengths
from sam_common.server.jobs.background import Job

AFFINE = (2.0, 0.0, 500000.0, 0.0, -2.0, 4600000.0)
IJK_TO_LPS = np.diag([1.0, 1.0, 2.0, 1.0])


def raster(client, size_hw=(300, 400), **options):
    pixels = np.full((*size_hw, 3), 100, dtype=np.uint8)
    return client.open_raster_array(pixels, affine=AFFINE, crs="EPSG:32633", **options)


def volume(client, **options):
    voxels = np.random.default_rng(0).integers(0, 200, (12, 40, 50)).astype(np.int16)
    return client.open_volume_array(voxels, ijk_to_lps=IJK_TO_LPS, modality="MR", **options)


def test_a_box_gives_its_pixels_and_where_to_draw(served):
    session = raster(served)
    tree = session.add_object("tree")
    change = session.set_box(tree, (10, 20, 30, 50))
    (changed,) = change.changed
    assert changed.masks[0].window == ((20, 10), (51, 31))
    assert changed.masks[0].array.all()
    assert (changed.area, changed.status) == (31 * 21, "ok")
    moved = session.set_box(tree, (40, 20, 60, 50)).changed[0]
    assert moved.window == ((20, 10), (51, 61))


def test_the_nodata_value_of_sent_pixels_hides_them(served):
    pixels = np.full((300, 400, 3), 100, dtype=np.uint8)
    pixels[:, :200] = 255
    session = served.open_raster_array(pixels, affine=AFFINE, crs="EPSG:32633", nodata=255)
    tree = session.add_object("tree")
    assert session.set_box(tree, (10, 20, 30, 50)).changed[0].status == "nodata"
    assert session.set_box(tree, (210, 20, 230, 50)).changed[0].status == "ok"
    with pytest.raises(ServerError, match="makes no raster"):
        served.open_raster_array(pixels, affine=AFFINE, nodata=300)


def test_a_volume_has_no_nodata_value(served):
    upload = served.upload(np.zeros((4, 5, 6), dtype=np.int16))
    frame = {"affine": IJK_TO_LPS.tolist(), "nodata": 0}
    asked = {"kind": "volume", "upload": upload, "modality": "MR", "frame": frame}
    with pytest.raises(ServerError, match="nodata is for rasters"):
        served.connection.json("POST", "/v1/sessions", asked)


def test_world_coordinates_are_those_of_the_raster(served):
    session = raster(served)
    tree = session.add_object("tree")
    # the outer corners of rows 20-29, columns 10-19
    world = (500020.0, 4600000.0 - 60, 500040.0, 4600000.0 - 40)
    changed = session.set_box(tree, world, space="world").changed[0]
    assert changed.window == ((20, 10), (30, 20))
    outline = shapely.geometry.shape(session.geometry(tree)["geometry"])
    assert outline.equals(shapely.box(*world))
    assert session.geometry(tree)["properties"]["area_m2"] == pytest.approx(400, rel=2e-3)


def test_undo_and_redo_go_all_the_way(served):
    session = raster(served)
    tree = session.add_object("tree")
    boxes = [(0, 0, side, side) for side in (5, 10, 15)]
    areas = [0, *(session.set_box(tree, box).changed[0].area for box in boxes)]
    session.remove_object(tree)
    assert session.objects() == []
    back = [session.undo().changed[0].area for _ in range(4)]
    assert back == [areas[3], areas[2], areas[1], areas[0]]
    session.undo()
    with pytest.raises(ServerError, match="nothing to undo") as refused:
        session.undo()
    assert refused.value.status == 409
    forth = [session.redo().changed[0].area for _ in range(4)]
    assert forth == areas
    assert session.can_redo
    session.add_object("other")
    assert not session.can_redo


def test_undo_runs_no_network_again(served):
    session = raster(served)
    tree = session.add_object("tree")
    session.set_box(tree, (0, 0, 5, 5))
    encoded = len(served.fake.embedded)
    for _ in range(3):
        session.undo()
        session.redo()
    assert len(served.fake.embedded) == encoded == 1


def test_two_sessions_on_the_same_pixels_share_their_embedding(served):
    for _ in range(2):
        session = raster(served)
        session.set_box(session.add_object("a"), (0, 0, 5, 5))
    assert len(served.fake.embedded) == 1
    assert served.service.pool.made == 1


def test_two_sessions_on_the_same_voxels_share_their_embedding(served):
    sessions = [volume(served) for _ in range(2)]
    for session in sessions:
        session.set_box(session.add_object("a"), (5, 5, 20, 20), axis=0, index=4)
    assert len(served.fake.embedded) == 1


def test_neighbouring_clicks_are_decoded_from_one_window(served):
    path = served.root / "large.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=2400, width=2400,
        crs="EPSG:32633", transform=rasterio.Affine(*AFFINE),
    ) as out:  # fmt: skip
        out.write(np.full((1, 2400, 2400), 100, dtype=np.uint8))
    session = served.open_raster(path)
    tree = session.add_object("tree")
    for x in (900, 910, 930, 960):
        session.add_point(tree, (x, 900))
    assert len(served.fake.embedded) == 1


def test_a_replayed_log_gives_the_same_masks(served):
    session = raster(served)
    for n in range(3):
        name = session.add_object(f"tree {n}")
        session.add_point(name, (50 + 60 * n, 80))
    session.add_point("o1", (70, 80), positive=False)
    session.undo()
    again = served.replay(session.log())
    assert again.log()["edits"] == session.log()["edits"]
    assert again.can_redo
    for one, other in zip(session.objects(), again.objects(), strict=True):
        assert one == other
        assert np.array_equal(session.mask(one["object"]).array, again.mask(one["object"]).array)


def test_a_log_of_another_source_is_refused(served):
    log = raster(served).log()
    other = raster(served, (200, 200)).log()["source"]["request"]
    with pytest.raises(ServerError, match="another source"):
        served.replay(log, source=other)


def test_a_refused_edit_changes_nothing(served):
    session = raster(served)
    tree = session.add_object("tree")
    before = session.log()
    for refused in (
        lambda: session.remove_point(tree, 0),
        lambda: session.set_box(tree, (0, 0, 0, 9, 9, 9)),
        lambda: session.add_point("nobody", (1, 1)),
        lambda: session.edit("propagated", objects=[tree], method="planes"),
    ):
        with pytest.raises(ServerError) as error:
            refused()
        assert error.value.status == 422
    assert session.log() == before


def test_prompts_outside_and_on_nodata_say_so(served):
    pixels = np.zeros((1, 60, 60), dtype=np.uint8)
    pixels[:, :, 30:] = 50
    path = served.root / "half.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=60, width=60, nodata=0,
        crs="EPSG:32633", transform=rasterio.Affine(*AFFINE),
    ) as out:  # fmt: skip
        out.write(pixels)
    session = served.open_raster(path)
    tree = session.add_object("tree")
    assert session.set_box(tree, (5, 5, 20, 20)).changed[0].status == "nodata"
    assert session.set_box(tree, (500, 500, 600, 600)).changed[0].status == "outside"
    assert session.set_box(tree, (35, 5, 50, 20)).changed[0].status == "ok"


def test_a_painted_mask_comes_back_on_a_volume(served):
    session = volume(served)
    organ = session.add_object("organ")
    drawn = np.random.default_rng(1).random((7, 9)) > 0.5
    changed = session.set_mask(organ, drawn, ((3, 4), (10, 13)), axis=1, index=20).changed[0]
    assert np.array_equal(changed.masks[0].array, drawn)
    assert (changed.masks[0].axis, changed.masks[0].index) == (1, 20)
    assert changed.window == ((3, 20, 4), (10, 21, 13))
    whole = session.mask(organ)
    assert np.array_equal(whole.array[:, 0, :], drawn)


def test_a_volume_is_propagated_corrected_and_exported(served, tmp_path):
    session = volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    state = session.propagate([organ]).wait()
    assert state["state"] == "done"
    (about,) = session.objects()
    assert about["propagated"] == "planes"
    before = session.mask(organ)
    assert before.window[0][0] >= 2
    assert len(before.window[0]) == 3
    drawn = np.ones((4, 4), dtype=bool)
    session.set_mask(organ, drawn, ((10, 12), (14, 16)), axis=0, index=5)
    after = session.mask(organ)
    k0, j0, i0 = after.window[0]
    slice_5 = after.array[5 - k0]
    assert slice_5.sum() == 16
    assert slice_5[10 - j0 : 14 - j0, 12 - i0 : 16 - i0].all()
    session.undo()
    assert np.array_equal(session.mask(organ).array, before.array)
    job = session.export(["seg.nrrd"])
    (result,) = job.wait()["results"]
    job.download(result["name"], tmp_path / "a.seg.nrrd")
    assert (tmp_path / "a.seg.nrrd").read_bytes().startswith(b"NRRD")


@pytest.mark.parametrize("method", ["planes", "litemedsam"])
def test_the_review_has_every_slice_worst_first_and_follows_corrections(served, method):
    session = volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    with pytest.raises(ServerError, match="propagate the object first") as refused:
        session.review(organ)
    assert refused.value.status == 422
    session.propagate([organ], method).wait()
    review = session.review(organ)
    assert {row["axis"] for row in review} == {0}
    assert set(range(2, 10)) <= {row["index"] for row in review}
    sure = [row["confidence"] for row in review]
    assert sure == sorted(sure)
    assert np.median(sure) == pytest.approx(session.objects()[0]["confidence"], abs=1e-3)
    assert all(bool(row["reasons"]) == (row["confidence"] < 0.7) for row in review)
    before = {row["index"]: row["confidence"] for row in review}
    # painted as it is: nothing follows from it, and the other slices keep what was known of them
    mask = session.mask(organ)
    (k0, *start), (_, *stop) = mask.window
    session.set_mask(organ, mask.array[5 - k0], (start, stop), axis=0, index=5)
    after = {row["index"]: row["confidence"] for row in session.review(organ)}
    assert after == {**before, 5: 1}


def test_a_raster_has_nothing_to_review(served):
    session = raster(served)
    tree = session.add_object("tree")
    with pytest.raises(ServerError, match="no slices to review") as refused:
        session.client.connection.json("GET", f"/v1/sessions/{session.id}/objects/{tree}/review")
    assert refused.value.status == 422


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


def test_events_end_with_the_last_state(served):
    session = raster(served)
    session.set_box(session.add_object("a"), (0, 0, 5, 5))
    events = list(session.export(["geojson"]).events())
    assert events[-1][0] == "state"
    assert events[-1][1]["state"] == "done"
    assert [each["name"] for each in events[-1][1]["results"]] == ["objects.geojson"]


def test_prompts_run_as_a_job_give_one_row_each(served):
    session = raster(served)
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": xy}}
        for xy in ([20, 30], [200, 100], [9000, 9000])
    ]
    state = session.prompts_job({"type": "FeatureCollection", "features": features}, "pixel").wait()
    assert state["summary"]["counts"] == {"ok": 2, "outside": 1}


def test_an_idle_session_expires(served):
    session = raster(served)
    served.service.sessions.idle_seconds = -1.0
    with pytest.raises(ServerError, match="expired") as refused:
        session.objects()
    assert refused.value.status == 404
    assert served.health()["sessions"] == 0


def test_run_lengths_of_the_client_are_those_of_the_suite():
    # whose own are compared with pycocotools in test_rle
    drawn = np.random.default_rng(2).random((17, 23)) > 0.4
    assert np.array_equal(decode(RLE((17, 23), np.array(run_lengths(drawn)))), drawn)


def test_what_a_zip_held_goes_with_its_session(served):
    """Session by session: nothing of a patient is kept until the server ends."""
    from pydicom.data import get_testdata_file

    from sam_med.series import zip_input

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
    assert sessions[1].export(["dicom_seg"]).wait()["state"] == "done"
    sessions[1].close()
    assert list(private.iterdir()) == []
    assert set(zip_input._program.unpacked) == before
