"""Sessions over the wire: edits, undo and redo, propagation, corrections, and their bounds."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import rasterio
import shapely
import shapely.geometry
from live_server import AFFINE, IJK_TO_LPS, WAIT, raster, volume

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.client import ServerError
from sam_common.server.sessions.session import HISTORY_BYTES


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


def test_the_answers_of_an_object_are_told_and_taken_over_the_wire(served):
    session = volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    with pytest.raises(ServerError, match="there are no answers to choose from yet"):
        session.candidates(organ)
    session.propagate([organ]).wait()
    answers = session.candidates(organ)
    assert [each["number"] for each in answers] == list(range(1, len(answers) + 1))
    assert answers[0]["voxels"] == session.objects()[0]["area"]
    before = session.mask(organ)
    session.choose_candidate(organ, 1)
    assert session.objects()[0]["candidate"] == 1
    assert np.array_equal(session.mask(organ).array, before.array)
    with pytest.raises(ServerError, match=f"{len(answers)} answers to choose from, got number 9"):
        session.choose_candidate(organ, 9)


def test_a_click_on_a_propagated_object_encodes_nothing_once_all_is_there(served):
    session = volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    session.propagate([organ]).wait()
    assert served.service.prefetch.wait(WAIT)
    encoded, before = len(served.fake.embedded), session.mask(organ).array.sum()
    # what is encoded ahead of the next click does not count
    with served.service.prefetch.paused():
        session.add_mark(organ, "click", [(30, 18, 5)], positive=False)
        assert len(served.fake.embedded) == encoded
    assert session.mask(organ).array.sum() < before


def test_others_are_served_while_a_slice_is_encoded_ahead(served, monkeypatch):
    """The first slice hangs; a session that is closed gives up the others."""
    begun, open_, ahead = threading.Event(), threading.Event(), []
    usual = FakeSegmenter.embed

    def embed(segmenter, image):
        if threading.current_thread().name == "prefetch":
            ahead.append(image)
            begun.set()
            assert open_.wait(WAIT)
        return usual(segmenter, image)

    monkeypatch.setattr(FakeSegmenter, "embed", embed)
    session, other = volume(served), volume(served)
    organ = session.add_object("liver")
    session.set_box(organ, (10, 8, 2, 30, 28, 9))
    session.propagate([organ]).wait()
    assert begun.wait(WAIT)
    # slice 5 was encoded by the propagation, and is there for all sessions on these voxels
    changed = other.set_box(other.add_object("spleen"), (5, 5, 20, 20), axis=0, index=5)
    assert changed.changed[0].area == 16 * 16
    session.close()
    open_.set()
    assert served.service.prefetch.wait(WAIT)
    assert len(ahead) == 1


def test_a_raster_has_nothing_to_review(served):
    session = raster(served)
    tree = session.add_object("tree")
    with pytest.raises(ServerError, match="no slices to review") as refused:
        session.client.connection.json("GET", f"/v1/sessions/{session.id}/objects/{tree}/review")
    assert refused.value.status == 422


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


def test_objects_with_their_masks_are_added_as_they_are_and_taken_back_at_once(served):
    session = raster(served)
    first = session.add_object("tree")
    part = {"window": [[10, 20], [12, 22]], "size": [2, 2]}
    objects = [
        {"name": "roof 1", "class": "roof", "mask": {**part, "counts": [0, 4]}},
        {"name": "roof 2", "mask": {**part, "counts": [1, 2, 1]}},
    ]
    changed = session.edit("add_objects", objects=objects).changed
    assert [each.area for each in changed] == [4, 2]
    names = [each["object"] for each in session.objects()]
    assert len(set(names)) == 3
    assert names[0] == first
    assert session.mask(names[2]).array.tolist() == [[False, True], [True, False]]
    outline = shapely.geometry.shape(session.geometry(names[1])["geometry"])
    assert session.geometry(names[1])["properties"]["area_px"] == 4
    assert outline.area == pytest.approx(4 * abs(AFFINE[0] * AFFINE[4]))
    # a point corrects it, as one does an object that was clicked
    corrected = session.add_point(names[1], (21, 11)).changed[0]
    assert corrected.status == "ok"
    session.undo()
    session.undo()
    assert [each["object"] for each in session.objects()] == [first]
    with pytest.raises(ServerError, match="the painted mask is empty"):
        session.edit("add_objects", objects=[{"name": "a", "mask": {**part, "counts": [4]}}])
    whole = volume(served)
    with pytest.raises(ServerError, match="objects with their masks are added to rasters"):
        whole.edit("add_objects", objects=objects)
