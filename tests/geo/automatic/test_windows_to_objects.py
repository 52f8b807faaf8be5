"""Automatic jobs: objects of any size in rasters of any size, whole and once."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import rasterio
import scenes
import shapely
from affine import Affine
from geo_jobs import TRANSFORM, request_of, truth_of
from seeing_segmenters import SeesValues, seeing

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError, OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.windows_to_objects import AutoWork, found_objects
from sam_geo.jobs.run import run_auto
from sam_geo.prompted.segment import RunOptions
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.results.record import StepTimes

FEW_POINTS = AutoOptions(None, 32, EverythingOptions(points_per_side=3))


def test_every_field_comes_whole_and_once(fields, labels, tmp_path):
    out = tmp_path / "out.gpkg"
    record = run_auto(request_of(fields, out), seeing)
    table = geopandas.read_file(out)
    truth = truth_of(labels)
    assert record["objects"] == len(table) == len(truth)
    assert record["windows"] == record["embeddings"] == 16
    matched = {
        number
        for number, shape in truth.items()
        for found in table.geometry
        if found.symmetric_difference(shape).area == 0
    }
    assert matched == set(truth)
    assert table.geometry.is_valid.all()
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert table["seam_merged"].any()
    assert table["touches_edge"].tolist() == [
        bool(shape.intersects(shapely.box(*table.total_bounds).exterior))
        for shape in table.geometry
    ]
    np.testing.assert_allclose(table["area_px"] * 0.25, table.geometry.area)
    np.testing.assert_allclose(table["area_m2"], table.geometry.area, rtol=1e-3)
    assert not (tmp_path / "out.gpkg.parts").exists()
    assert json.loads((tmp_path / "out.job.json").read_text())["counts"] == {"ok": len(table)}
    assert (tmp_path / "out.qml").is_file()


@pytest.fixture(scope="module")
def many_fields():
    return scenes.parcels(480, 110)


def outlines_of(labels, window, tmp_path, *, side, overlap):
    """Outlines of an automatic job on a part of a scene, in the scene's own coordinates."""
    (top, left), (bottom, right) = window.start, window.stop
    part = labels[top:bottom, left:right]
    path, out = tmp_path / "part.tif", tmp_path / f"{side}-{top}-{left}.gpkg"
    image = np.stack([part, part * 7 % 256, part * 13 % 256]).astype(np.uint8)
    place = TRANSFORM @ Affine.translation(left, top)
    height, width = part.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=place, **profile) as dataset:
        dataset.write(image)
    options = AutoOptions(side, overlap, EverythingOptions(points_per_side=side // 12))
    run_auto(request_of(path, out, options=options), lambda: SeesValues(model_size=side))
    return geopandas.read_file(out)


@pytest.mark.parametrize("side", [96, 192, 384])
@pytest.mark.parametrize("start", [(0, 0), (37, 53)])
def test_window_and_origin_change_no_object(many_fields, tmp_path, side, start):
    """FIELD figures: outlines of peers differ with the tile size and where tiles begin."""
    window = Window(start, many_fields.shape)
    found = outlines_of(many_fields, window, tmp_path, side=side, overlap=48)
    whole = shapely.box(*corners_of(window))
    truth = [shape for shape in truth_of(many_fields).values() if whole.covers(shape)]
    tree = shapely.STRtree(found.geometry.to_numpy())
    overlaps = []
    for shape in truth:
        near = found.geometry.to_numpy()[tree.query(shape)]
        shared = shapely.area(shapely.intersection(near, shape))
        overlaps.append(max(shared / shapely.area(shapely.union(near, shape))))
    assert len(truth) > 60
    assert np.mean(np.array(overlaps) >= 0.98) >= 0.99


def corners_of(window):
    left, top = TRANSFORM @ window.start[::-1]
    right, bottom = TRANSFORM @ window.stop[::-1]
    return left, bottom, right, top


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_and_an_interrupt_change_no_byte(fields, tmp_path, workers):
    whole, resumed = tmp_path / "a" / "out.gpkg", tmp_path / "b" / "out.gpkg"
    whole.parent.mkdir()
    resumed.parent.mkdir()
    run_auto(request_of(fields, whole), seeing)
    request = request_of(fields, resumed, workers=workers)
    with pytest.raises(KeyboardInterrupt):
        run_auto(request, lambda: SeesValues(model_size=128, fail_at=9))
    assert not resumed.exists()
    done = len(list((tmp_path / "b" / "out.gpkg.parts").glob("*.part")))
    assert done >= 8
    with pytest.raises(OutputError, match=r"an unfinished job lies in .*out.gpkg.parts: go on"):
        run_auto(request, seeing)
    again = seeing()
    record = run_auto(request_of(fields, resumed, workers=workers, resume=True), lambda: again)
    assert record["windows_reused"] == done
    assert len(again.embedded) == 16 - done
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_resumed_job_with_other_options_is_refused(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    with pytest.raises(KeyboardInterrupt):
        run_auto(request_of(fields, out), lambda: SeesValues(model_size=128, fail_at=3))
    other = AutoOptions(None, 32, EverythingOptions(points_per_side=5))
    with pytest.raises(InputError, match=r"another job \(options everything points_per_side "):
        run_auto(request_of(fields, out, options=other, resume=True), seeing)


def test_nothing_valid_runs_no_network(tmp_path, make_raster):
    segmenter = seeing()
    out = tmp_path / "out.gpkg"
    path = make_raster(np.zeros((3, 200, 300), dtype=np.uint8), nodata=0)
    record = run_auto(request_of(path, out), lambda: segmenter)
    assert not segmenter.embedded
    assert (record["objects"], record["windows_nodata"]) == (0, record["windows"])
    assert len(geopandas.read_file(out)) == 0


def test_embeddings_are_made_once(fields, tmp_path):
    store = tmp_path / "store"
    first, second = FakeSegmenter(model_size=128), FakeSegmenter(model_size=128)
    one, two = tmp_path / "a.gpkg", tmp_path / "b.gpkg"
    kept = {"embeddings": store, "options": FEW_POINTS}
    record = run_auto(request_of(fields, one, **kept), lambda: first)
    assert record["embeddings"] == len(first.embedded) == 16
    again = run_auto(request_of(fields, two, **kept), lambda: second)
    assert again["embeddings"] == len(second.embedded) == 0
    assert len(geopandas.read_file(one)) == len(geopandas.read_file(two))


@pytest.fixture
def bent(tmp_path):
    """An object in two windows of 128 pixels of which only the left one has a grid point in it."""
    labels = np.zeros((128, 224), np.uint8)
    labels[20:40, 40:116] = 200
    labels[34:50, 100:200] = 200
    labels[100:110, 150:160] = 90
    path = tmp_path / "bent.tif"
    profile = {"driver": "GTiff", "height": 128, "width": 224, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=TRANSFORM, **profile) as dataset:
        dataset.write(np.stack([labels] * 3))
    return path, int((labels == 200).sum())


def test_the_rest_of_an_object_is_looked_for_beyond_the_edge(bent, tmp_path):
    path, area = bent
    figures = {}
    for join in (False, True):
        out = tmp_path / f"{join}.gpkg"
        options = AutoOptions(128, 32, EverythingOptions(points_per_side=2), join=join)
        segmenter = seeing()
        record = run_auto(request_of(path, out, options=options), lambda: segmenter)  # noqa: B023
        table = geopandas.read_file(out)
        figures[join] = (table["area_px"].max(), record["windows_joined"], len(segmenter.embedded))
        assert len(table) == 1
        assert not out.with_name(f"{out.name}.parts").exists()
    assert figures[False][0] < area
    assert figures[False][1:] == (0, 2)
    assert figures[True] == (area, 1, 3)


def test_joins_do_not_depend_on_workers_or_an_interrupt(bent, tmp_path):
    path, _ = bent
    options = AutoOptions(128, 32, EverythingOptions(points_per_side=2))
    whole, stopped = tmp_path / "a.gpkg", tmp_path / "b" / "a.gpkg"
    stopped.parent.mkdir()
    run_auto(request_of(path, whole, options=options, workers=3), seeing)
    with pytest.raises(KeyboardInterrupt):
        # the third embedding is that of the join
        run_auto(
            request_of(path, stopped, options=options),
            lambda: SeesValues(model_size=128, fail_at=3),
        )
    assert not stopped.exists()
    segmenter = seeing()
    run_auto(request_of(path, stopped, options=options, resume=True), lambda: segmenter)
    assert len(segmenter.embedded) == 1
    assert stopped.read_bytes() == whole.read_bytes()


def test_a_damaged_part_is_made_again(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    with pytest.raises(KeyboardInterrupt):
        run_auto(request_of(fields, out), lambda: SeesValues(model_size=128, fail_at=6))
    damaged = tmp_path / "out.gpkg.parts" / "00000001.part"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    record = run_auto(request_of(fields, out, resume=True), seeing)
    assert record["objects"] == 14
    assert not list(tmp_path.glob("*.parts"))


@pytest.mark.parametrize(
    ("size", "overlap"), [(100, None), (16, None), (100, 50), (128, 0), (200, 1)]
)
def test_a_tile_size_plans_a_few_times_the_rasters_pixels(fields, size, overlap):
    with open_raster(fields) as source:
        job = AutoWork(source, SeesValues(), choose_stretch(source), AutoOptions(size, overlap))
        planned = sum(np.prod(window.shape) for window in job.plan().windows)
    assert planned <= 5 * 400 * 400


def test_parts_lie_in_the_folder_of_a_job_or_in_one_that_goes_away(fields, tmp_path, monkeypatch):
    temporary, kept = tmp_path / "tmp", tmp_path / "kept"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    counts = []
    with open_raster(fields) as source:
        work = AutoWork(source, seeing(), choose_stretch(source), FEW_POINTS)
        for how in (RunOptions(), RunOptions(parts=kept), RunOptions(parts=kept, resume=True)):
            times = StepTimes()
            with found_objects(work, how, times=times) as found:
                assert len(list(temporary.iterdir())) == (how.parts is None)
                counts.append((sum(1 for _ in found.scene.objects()), found.report.reused))
            assert list(temporary.iterdir()) == []
            assert list(times.seconds) == ["windows", "seams"]
            assert found.failures == []
    number = counts[0][0]
    assert counts == [(number, 0), (number, 0), (number, len(found.plan))]
    assert number > 5
    assert (kept / "plan.json").is_file()


def test_windows_that_fail_are_told_in_their_order(fields):
    class Failing(SeesValues):
        def embed(self, image):
            if image[0, 0, 0] == first:
                raise RuntimeError("out of memory")
            return SeesValues.embed(self, image)

    with open_raster(fields) as source:
        first = int(source.read(Window((0, 0), (1, 1))).values[0, 0, 0])
        segmenter = Failing(model_size=128)
        work = AutoWork(source, segmenter, choose_stretch(source), FEW_POINTS)
        with found_objects(work, RunOptions()) as found:
            assert found.failures == [*found.report.messages, *found.scene.failures]
            assert found.failures[0] == "out of memory"
            assert 0 in found.report.failures
            assert 0 < sum(1 for _ in found.scene.objects()) <= 14
