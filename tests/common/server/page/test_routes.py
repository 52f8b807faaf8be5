"""Routes of the page: tiles, previews that encode nothing, outlines and voxels."""

from __future__ import annotations

import io
import json

import nibabel
import numpy as np
import pytest
from cover_scenes import cover_scene
from live_server import ask, raster, volume, write_raster
from PIL import Image


def get(client, path):
    status, content, _ = ask(client, path=path)
    return status, content


def post(client, path, **body):
    status, content, _ = ask(
        client, "POST", path, json.dumps(body).encode(), Content_Type="application/json"
    )
    return status, json.loads(content)


def test_a_tile_is_the_raster(paged):
    session = raster(paged)
    status, content = get(paged, f"/v1/sessions/{session.id}/pyramid")
    assert status == 200
    assert json.loads(content) == {
        "tile_px": 256, "levels": 2, "served": 2, "has_overviews": False
    }  # fmt: skip
    status, content, headers = ask(paged, path=f"/v1/sessions/{session.id}/tiles/0/0/1")
    assert (status, headers["content-type"]) == (200, "image/png")
    tile = np.asarray(Image.open(io.BytesIO(content)))
    assert tile.shape == (256, 256, 4)
    assert (tile[:, :144] == (100, 100, 100, 255)).all()
    assert (tile[:, 144:, 3] == 0).all()


def test_a_tile_is_read_once(paged, monkeypatch):
    session = raster(paged)
    path = f"/v1/sessions/{session.id}/tiles/0/0/0"
    first = get(paged, path)
    source = paged.service.sessions.get(session.id).source
    monkeypatch.setattr(type(source), "tile", None)
    assert get(paged, path) == first


@pytest.mark.parametrize("place", ["0/9/0", "0/0/2", "2/0/0", "99/0/0", "0/-1/0", "x/0/0"])
def test_a_tile_that_is_not_there_is_told(paged, place):
    session = raster(paged)
    status, content = get(paged, f"/v1/sessions/{session.id}/tiles/{place}")
    assert status in {404, 422}
    assert json.loads(content)["error"]["message"]


def test_a_preview_never_encodes_and_never_edits(paged):
    session = raster(paged)
    path = f"/v1/sessions/{session.id}/preview"
    assert post(paged, path, point=[50, 60]) == (200, {"status": "not_encoded"})
    assert paged.fake.embedded == []
    tree = session.add_object("tree")
    mask = session.add_point(tree, (50, 60)).changed[0].masks[0]
    before = len(paged.fake.embedded), session.log()
    status, found = post(paged, path, point=[50, 60])
    assert (status, found["status"]) == (200, "ok")
    assert (len(paged.fake.embedded), session.log()) == before
    # the outline of the disc, from corner to corner of its pixels
    xs, ys = np.array(found["outline"]["coordinates"][0]).T
    (top, left), (bottom, right) = mask.window
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (left, top, right, bottom)


def test_a_preview_of_an_object_goes_on_from_its_prompts(paged):
    session = raster(paged)
    tree = session.add_object("tree")
    session.set_box(tree, (40, 40, 90, 90))
    path = f"/v1/sessions/{session.id}/preview"
    alone = post(paged, path, point=[50, 60])[1]
    with_box = post(paged, path, point=[50, 60], object=tree)[1]
    assert with_box["status"] == "ok"
    assert with_box["outline"] != alone["outline"]


def test_previews_say_what_is_wrong(paged):
    session = raster(paged)
    path = f"/v1/sessions/{session.id}/preview"
    assert post(paged, path, point=[5000, 60])[1]["status"] == "outside"
    assert post(paged, path, point=[1, 2, 3])[0] == 422
    assert post(paged, path, point=[1, 2], object="o9")[0] == 404
    assert post(paged, path, point=[1, 2], label=7)[0] == 422
    assert post(paged, "/v1/sessions/s99/preview", point=[1, 2])[0] == 404


def test_a_preview_does_not_wait_for_a_click(paged):
    session = raster(paged)
    with paged.service.sessions.get(session.id).lock:
        found = post(paged, f"/v1/sessions/{session.id}/preview", point=[50, 60])
    assert found == (200, {"status": "busy"})


def test_outlines_of_everything_lie_in_pixels(paged):
    write_raster(paged.root / "small.tif", size_hw=(64, 64))
    session = paged.open_raster(paged.root / "small.tif")
    options = {"points_per_side": 2, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    job = paged.job("automatic", session=session.id, options=options)
    assert job.wait()["state"] == "done"
    status, content = get(paged, f"/v1/sessions/{session.id}/outlines/{job.id}")
    found = json.loads(content)
    assert status == 200
    assert found["total"] == len(found["features"]) > 0
    for feature in found["features"]:
        corners = np.array(feature["geometry"]["coordinates"][0])
        assert np.abs(corners - np.round(corners)).max() < 1e-6
        assert corners.min() >= -1e-6
        assert corners.max() <= 64 + 1e-6
    assert get(paged, f"/v1/sessions/{session.id}/outlines/j99")[0] == 404


def test_a_class_map_of_painted_samples_is_drawn(paged):
    scene = cover_scene(paged.root)
    session = paged.open_raster(scene.raster)
    features = []
    for number, name in enumerate(("water", "field", "town")):
        for row, column in np.argwhere(scene.truth == number)[::120].tolist():
            point = {"type": "Point", "coordinates": [column + 0.5, row + 0.5]}
            kind = {"type": "Feature", "properties": {"class": name}, "geometry": point}
            features.append(kind)
    samples = {"type": "FeatureCollection", "features": features}
    job = paged.job("landcover", session=session.id, samples=samples, crs="pixel")
    told = job.wait()
    path = f"/v1/sessions/{session.id}/classes/{job.id}/0/0/0"
    status, content = get(paged, path)
    assert status == 200
    tile = np.asarray(Image.open(io.BytesIO(content)))
    colours = {each["class"]: each["colour"] for each in told["summary"]["classes"]}
    drawn = np.array([["#" + bytes(pixel[:3]).hex() for pixel in row] for row in tile[:120, :150]])
    expected = np.array([colours[name] for name in ("water", "field", "town")])[scene.truth]
    assert (drawn == expected).mean() > 0.8
    assert get(paged, path.replace(f"{job.id}/0", f"{job.id}/30"))[0] == 404


def test_voxels_and_facts_of_a_volume(paged):
    session = volume(paged)
    status, content = get(paged, f"/v1/sessions/{session.id}/voxels")
    assert status == 200
    assert nibabel.Nifti1Image.from_bytes(content).shape == (50, 40, 12)
    status, content = get(paged, f"/v1/sessions/{session.id}/facts")
    assert (status, len(json.loads(content)["window"])) == (200, 2)


def test_each_kind_has_its_own(paged):
    one, other = raster(paged), volume(paged)
    status, content = get(paged, f"/v1/sessions/{one.id}/voxels")
    assert (status, json.loads(content)["error"]["message"]) == (
        422, "a raster has no voxels: ask for its tiles"
    )  # fmt: skip
    status, content = get(paged, f"/v1/sessions/{other.id}/pyramid")
    assert (status, json.loads(content)["error"]["message"]) == (
        422, "a volume has no tiles: ask for its voxels"
    )  # fmt: skip
