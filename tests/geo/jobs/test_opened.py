"""What is wrong with a request is told before a model is loaded: the same way by every job."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.control import GroundControlPoint

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import CapabilityError, ModelError, SuiteError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Capabilities
from sam_geo.automatic.job import AutoOptions
from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest
from sam_geo.jobs.run import dry_run_auto, dry_run_prompts, run_auto, run_encode, run_request
from sam_geo.results.finish import Finish

GRID = AutoOptions(everything=EverythingOptions(points_per_side=2))


def never():
    pytest.fail("the model was loaded")


@pytest.fixture
def requests(make_raster, tmp_path):
    """A request of each kind of job, and what runs it."""
    image = make_raster(np.full((3, 60, 80), 90, dtype=np.uint8))
    boxes = tmp_path / "boxes.gpkg"
    shape = shapely.box(500_005, 5_799_975, 500_015, 5_799_990)
    geopandas.GeoDataFrame(geometry=[shape], crs=32633).to_file(boxes)
    out = tmp_path / "out.gpkg"
    prompted = PromptRequest(image=str(image), output=out, prompts=boxes)
    auto = AutoRequest(image=str(image), output=out, options=GRID)
    encoded = EncodeRequest(image=str(image), output=tmp_path / "embeddings")
    return {
        "prompt": (run_request, prompted),
        "auto": (run_auto, auto),
        "dry prompt": (dry_run_prompts, prompted),
        "dry auto": (dry_run_auto, auto),
        "encode": (run_encode, encoded),
    }


def placed_by_points(folder):
    """A raster with ground control points in place of a geotransform."""
    path = folder / "points.tif"
    points = [GroundControlPoint(r, c, 10.0 + c, 50.0 - r) for r, c in ((0, 0), (0, 9), (9, 0))]
    with rasterio.open(
        path, "w", driver="GTiff", height=10, width=10, count=1, dtype="uint8",
        gcps=points, crs="EPSG:4326",
    ) as file:  # fmt: skip
        file.write(np.zeros((1, 10, 10), dtype=np.uint8))
    return str(path)


def unfinished(folder):
    parts = folder / "out.gpkg.parts"
    parts.mkdir()
    (parts / "plan.json").write_text("{}")
    return folder / "out.gpkg"


FILES = ("prompt", "auto", "dry prompt", "dry auto")
EVERY = (*FILES, "encode")
WRONG = {
    "no image": (EVERY, lambda f: {"image": str(f / "none.tif")}, "no such file"),
    "no band": (EVERY, lambda _: {"bands": (1, 2, 9)}, "no band 9"),
    "no place": (EVERY, lambda f: {"image": placed_by_points(f)}, "3 ground control points"),
    "a stretch of letters": (EVERY, lambda _: {"stretch": "a,b"}, "--stretch is min,max or none"),
    "no folder": (FILES, lambda f: {"output": f / "none" / "out.gpkg"}, "no such folder"),
    "a file for a folder": (
        FILES, lambda f: {"embeddings": f / "boxes.gpkg"}, "embeddings need a folder",
    ),
    "a file for the store": (
        ("encode",), lambda f: {"output": f / "boxes.gpkg"}, "embeddings need a folder",
    ),
    "an unfinished job": (
        FILES, lambda f: {"output": unfinished(f)}, "go on with it by --resume",
    ),
    "no such prompts": (
        ("prompt", "dry prompt"), lambda f: {"prompts": f / "none.csv"}, "no such file",
    ),
    "empty prompts": (
        ("prompt", "dry prompt"),
        lambda f: {"prompts": write(f / "empty.csv", "xmin,ymin,xmax,ymax\n")},
        "no prompts",
    ),
    "no such proposals": (
        ("auto", "dry auto"), lambda f: {"proposals": f / "none.gpkg"}, "no such file",
    ),
    "two ways of proposing": (
        ("auto", "dry auto"),
        lambda f: {"proposals": f / "boxes.gpkg", "options": replace(GRID, superpixels=True)},
        "--proposals or --superpixels, not both",
    ),
    "an overlap of more than half": (
        ("auto", "dry auto"),
        lambda _: {"model": "lite_medsam", "options": AutoOptions(None, 129, superpixels=True)},
        "an overlap of 129 is too much for windows of 256 x 256 pixels",
    ),
    "points for boxes": (
        ("auto", "dry auto"), lambda _: {"model": "lite_medsam"}, "takes boxes only, not points",
    ),
}  # fmt: skip


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("case", "kind"), [(case, kind) for case, (kinds, _, _) in WRONG.items() for kind in kinds]
)
def test_what_is_wrong_is_told_before_the_model_is_loaded(requests, tmp_path, case, kind):
    _, change, message = WRONG[case]
    run, request = requests[kind]
    with pytest.raises(SuiteError, match=message) as told:
        run(replace(request, **change(tmp_path)), never)
    assert "\n" not in str(told.value)
    left = {path.name for path in tmp_path.iterdir()} - {"none", "empty.csv", "points.tif"}
    assert left <= {"image.tif", "boxes.gpkg", "out.gpkg.parts"}


def test_a_right_angle_on_a_globe_is_refused_by_every_job(requests, tmp_path):
    globe = tmp_path / "globe.tif"
    with rasterio.open(
        globe, "w", driver="GTiff", height=10, width=10, count=1, dtype="uint8",
        crs="EPSG:4326", transform=rasterio.Affine(0.01, 0, 10, 0, -0.01, 50),
    ) as file:  # fmt: skip
        file.write(np.zeros((1, 10, 10), dtype=np.uint8))
    for kind in FILES:
        run, request = requests[kind]
        with pytest.raises(SuiteError, match="--regularize needs a projected"):
            run(replace(request, image=str(globe), finish=Finish(regularize=1.0)), never)


def test_a_model_of_ones_own_is_asked_what_it_takes(requests):
    run, request = requests["auto"]
    boxes_only = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    fake = FakeSegmenter(model_size=64, capabilities=boxes_only)
    with pytest.raises(CapabilityError, match="takes boxes only, not points"):
        run(request, lambda: fake)
    assert fake.embedded == []
    assert not request.parts.exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("Exception from core.cpp:132:\nstd::bad_alloc\n"),
        ImportError("engine.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_model_that_does_not_fit_into_memory_is_an_error_of_ours(requests, error):
    def load():
        raise error

    for run, request in requests.values():
        with pytest.raises(ModelError, match=r"^the model cannot be loaded \(.+\): if mem") as told:
            run(request, load)
        assert "\n" not in str(told.value)


def test_a_window_that_does_not_fit_into_memory_is_told_in_one_line(requests):
    class Full(FakeSegmenter):
        def embed(self, _image):
            raise RuntimeError("Exception from cpu_memory.cpp:257:\nFailed to allocate\n")

    run, request = requests["prompt"]
    job, _ = run(request, lambda: Full(model_size=64))
    assert job.failures == ["Exception from cpu_memory.cpp:257: Failed to allocate"]


def test_every_long_step_is_told(requests, tmp_path):
    told, open_ones = [], []

    @contextmanager
    def progress(what, total):
        # a terminal shows one bar at a time
        assert open_ones == []
        done = []
        open_ones.append(what)
        yield done.append
        open_ones.remove(what)
        told.append((what, total, sum(done)))

    run, request = requests["auto"]
    more = {"labels": tmp_path / "labels.tif", "overlay": tmp_path / "out.png"}
    run(replace(request, **more), lambda: FakeSegmenter(model_size=64), progress=progress)
    names = [what for what, _, _ in told]
    assert names[:3] == ["stretch", "model", "windows"]
    assert {"links", "cuts", "objects", "labels", "picture", "record"} <= set(names)
    assert all(done <= total for _, total, done in told)
    told.clear()
    run, request = requests["prompt"]
    request = replace(request, output=tmp_path / "two.gpkg", overlay=tmp_path / "two.png")
    run(request, lambda: FakeSegmenter(model_size=64), progress=progress)
    assert [what for what, _, _ in told] == [
        "stretch", "model", "windows", "polygons", "table", "record", "picture",
    ]  # fmt: skip
    assert all(done == total for _, total, done in told)


class CancelledError(Exception):
    """What a listener raises who wants no more."""


@pytest.mark.parametrize(
    "at", ["stretch", "model", "windows", "links", "cuts", "objects", "labels", "picture"]
)
def test_a_job_ends_in_every_long_step_and_leaves_no_result(requests, tmp_path, at):
    @contextmanager
    def progress(what, _total):
        def advance(_done):
            if what == at:
                raise CancelledError

        yield advance

    run, request = requests["auto"]
    more = {"labels": tmp_path / "labels.tif", "overlay": tmp_path / "out.png"}
    with pytest.raises(CancelledError):
        run(replace(request, **more), lambda: FakeSegmenter(model_size=64), progress=progress)
    assert not (tmp_path / "out.job.json").exists()
    if at not in {"labels", "picture"}:
        assert not request.output.exists()
        assert not (tmp_path / "labels.tif").exists()
