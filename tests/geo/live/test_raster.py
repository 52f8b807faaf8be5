"""A raster that is open in a session: its masks, its rows, and what is kept of it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import rasterio
from live_objects import BOX, painted, segmented
from rasterio.enums import Resampling

from sam_common.errors import InputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.sessions.live_source import Result
from sam_common.server.sessions.object_state import Asked, BoxState, ObjectState, PointState
from sam_common.window import Window
from sam_geo.live.raster import open_source
from sam_geo.raster import fingerprint


def test_a_box_gives_exactly_its_pixels(live):
    result = segmented(live, BOX)
    assert (result.status, result.area) == ("ok", 40 * 20)
    assert result.window == Window((30, 20), (50, 60))
    assert set(result.seconds) == {"encode", "decode"}
    assert live.size_of(result) > result.area


def test_the_frame_is_gdals_affine(live, image):
    assert live.frame["affine"] == [0.5, 0, 500_000, 0, -0.5, 5_800_000]
    assert "32633" in live.frame["crs"]
    assert (live.kind, live.size, live.bands) == ("raster", (200, 300), (1,))
    # the pixels of a file are where they were
    assert live.pixels == (str(live.path), 0)
    assert live.path.parent != image.parent


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (Asked(), "no_prompt"),
        (Asked(points=(PointState((5.0, 5.0), 0),)), "no_prompt"),
        (Asked(points=(PointState((-20.0, 5.0), 1),)), "outside"),
        (Asked(boxes=(BoxState((400.0, 10.0, 440.0, 30.0)),)), "outside"),
        (Asked(boxes=(BoxState((10.0, 160.0, 40.0, 190.0)),)), "nodata"),
        (Asked(points=(PointState((10.0, 170.0), 1),)), "nodata"),
    ],
)
def test_what_has_no_mask_says_why(live, asked, status):
    result = segmented(live, asked)
    assert (result.status, list(result.masks)) == (status, [])
    assert live.geometry(ObjectState("o", "tree"), result)["geometry"] is None


def test_an_empty_answer_keeps_its_score(image, make_context):
    live = open_source({}, image, make_context(FakeSegmenter(model_size=64, empty_below=255)))
    result = segmented(live, BOX)
    assert (result.status, result.score) == ("empty", pytest.approx(0.9))
    live.close()


def test_a_painted_mask_is_decoded_with_its_box(live):
    asked = Asked(masks=(painted(np.ones((10, 12), dtype=np.bool_), (40, 50)),))
    assert segmented(live, asked).window == Window((40, 50), (50, 62))


def test_neighbours_share_an_embedding(live):
    segmenter = live.context.segmenter
    for x in (10.0, 14.0, 18.0):
        segmented(live, Asked(points=(PointState((x, 20.0), 1),)))
    assert len(segmenter.embedded) == 1


def test_other_bands_have_other_embeddings(make_raster, make_context):
    path = make_raster(np.full((3, 50, 60), 90, dtype=np.uint8))
    first, second = (
        open_source({"bands": bands}, path, make_context()) for bands in ((1, 2, 3), (3, 2, 1))
    )
    assert first.signature != second.signature
    assert first.fingerprint == second.fingerprint
    for live in (first, second):
        live.close()


def test_the_file_is_hashed_once(image, make_context, monkeypatch):
    hashed = []
    facts = fingerprint.file_facts

    def counted(path, **options):
        hashed.append(path.name)
        return facts(path, **options)

    monkeypatch.setattr(fingerprint, "file_facts", counted)
    monkeypatch.setattr("sam_geo.live.raster.file_facts", counted)
    live = open_source({}, image, make_context())
    assert hashed == [live.path.name]
    assert live.fingerprint == hashlib.sha256(image.read_bytes()).hexdigest()
    live.close()


def test_overviews_beside_a_raster_change_no_fingerprint(image, make_context):
    """A log of edits is replayed on the same file, whatever a viewer has written beside it."""
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(image, "r+") as dataset:
        dataset.build_overviews([2], Resampling.average)
    assert image.with_name(image.name + ".ovr").is_file()
    live = open_source({}, image, make_context())
    assert live.fingerprint == hashlib.sha256(image.read_bytes()).hexdigest()
    live.close()


def test_a_raster_has_no_slices(live, heard):
    with pytest.raises(PromptError, match="only volumes are propagated"):
        live.propagate(BOX, heard)
    with pytest.raises(PromptError, match="a raster has no slices to review"):
        live.review(Result("ok"))
    with pytest.raises(PromptError, match="a raster has no answers to choose from"):
        live.candidates(Result("ok"))


def test_nothing_is_encoded_ahead_of_clicks_on_a_raster(live):
    assert list(live.prefetch([segmented(live, BOX)])) == []


def test_an_upload_is_a_raster_and_goes_with_its_session(tmp_path, make_context):
    np.save(tmp_path / "u.npy", np.full((40, 50, 3), 7, dtype=np.uint8))
    context = make_context()
    live = open_source(
        {"upload": "u1", "frame": {"affine": [1, 0, 0, 0, -1, 0], "crs": "EPSG:32633"}},
        tmp_path / "u.npy",
        context,
    )
    assert live.size == (40, 50)
    assert live.pixels == (str(live.path), live.path.stat().st_size)
    live.close()
    assert not context.folder.exists()


def test_errors_do_not_name_the_file(tmp_path, make_context):
    path = tmp_path / "DOE_JANE.tif"
    path.write_bytes(b"II*\0" + bytes(60))
    context = make_context()
    with pytest.raises(InputError) as caught:
        open_source({}, path, context)
    assert "DOE" not in str(caught.value)
    assert not context.folder.exists()


def test_a_file_that_goes_away_is_the_rasters_fault_without_its_name(live):
    live.path.unlink()
    with pytest.raises(InputError) as caught:
        segmented(live, BOX)
    assert str(live.path) not in str(caught.value)
