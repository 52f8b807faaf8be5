"""What is wrong with a request is told before a model is loaded: the same way by every job."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from geo_jobs import OPTIONS, placed_by_points, request_of
from seeing_segmenters import SeesValues, seeing

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import (
    CapabilityError,
    GeometryError,
    InputError,
    ModelError,
    PromptError,
    SuiteError,
)
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.dry_run import dry_run_auto, dry_run_prompts
from sam_geo.jobs.request import AutoRequest, EncodeRequest, PromptRequest
from sam_geo.jobs.run import run_auto, run_encode, run_request
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
    "a store that cannot be made": (
        FILES, lambda _: {"embeddings": Path("/proc/none/more")}, "cannot write to folder /proc",
    ),
    "a store that cannot be filled": (
        ("encode",), lambda _: {"output": Path("/proc")}, "cannot write to folder /proc",
    ),
    "a store below a file": (
        FILES, lambda f: {"embeddings": f / "boxes.gpkg" / "x"}, "no such folder",
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


def test_superpixels_and_proposals_exclude_each_other(fields, tmp_path):
    request = request_of(
        fields, tmp_path / "out.gpkg", options=AutoOptions(superpixels=True), proposals=fields
    )
    with pytest.raises(InputError, match="give --proposals or --superpixels"):
        run_auto(request, SeesValues)


def test_an_overlap_is_held_against_the_models_side_too(fields, tmp_path):
    request = request_of(fields, tmp_path / "out.gpkg", options=AutoOptions(None, 65))
    with pytest.raises(GeometryError, match="an overlap of 65 is too much for windows of 128"):
        run_auto(request, seeing)
    assert not (tmp_path / "out.gpkg.parts").exists()


def test_proposals_are_boxes(fields, tmp_path):
    points = tmp_path / "points.gpkg"
    shapes = [
        shapely.box(500_010, 5_799_900, 500_020, 5_799_990),
        shapely.Point(500_020, 5_799_950),
    ]
    geopandas.GeoDataFrame(geometry=shapes, crs=32633).to_file(points)
    with pytest.raises(PromptError, match=r"proposal 1 of .*points.gpkg is a point"):
        run_auto(request_of(fields, tmp_path / "out.gpkg", proposals=points), never)
    far = tmp_path / "far.gpkg"
    geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=32633).to_file(far)
    with pytest.raises(PromptError, match=r"none of the 1 proposals of .*far.gpkg lies in the"):
        run_auto(request_of(fields, tmp_path / "out.gpkg", proposals=far), never)


def test_a_second_job_on_an_output_is_refused(grey_raster, tmp_path, refused):
    output, begun, go = tmp_path / "o.gpkg", threading.Event(), threading.Event()

    class Waiting(FakeSegmenter):
        def embed(self, image):
            begun.set()
            go.wait()
            return FakeSegmenter.embed(self, image)

    request = AutoRequest(image=str(grey_raster), output=output, options=OPTIONS)
    first = threading.Thread(target=run_auto, args=(request, lambda: Waiting(model_size=64)))
    first.start()
    begun.wait()
    try:
        again = AutoRequest(image=str(grey_raster), output=output, options=OPTIONS, resume=True)
        assert refused(again).startswith(f"another job works in {output}.parts")
    finally:
        go.set()
        first.join()
    assert len(geopandas.read_file(output)) > 0
    assert not output.with_name("o.gpkg.parts").exists()


@pytest.mark.parametrize("option", ["labels", "overlay", "output"])
def test_a_second_job_on_any_file_of_another_is_refused(grey_raster, tmp_path, refused, option):
    begun, go = threading.Event(), threading.Event()

    class Waiting(FakeSegmenter):
        def embed(self, image):
            begun.set()
            go.wait()
            return FakeSegmenter.embed(self, image)

    shared = tmp_path / {"labels": "s.tif", "overlay": "s.png", "output": "s.gpkg"}[option]
    by_link = tmp_path / f"link{shared.suffix}"
    by_link.symlink_to(shared.name)

    def request(name, path):
        files = {"output": tmp_path / f"{name}.gpkg", option: path}
        return AutoRequest(image=str(grey_raster), options=OPTIONS, overwrite=True, **files)

    first = threading.Thread(
        target=run_auto, args=(request("a", shared), lambda: Waiting(model_size=64))
    )
    first.start()
    begun.wait()
    try:
        assert f"another job writes {by_link}" in refused(request("b", by_link))
    finally:
        go.set()
        first.join()
    assert shared.is_file()
    assert by_link.is_symlink()
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_is_not_of_a_job_is_left_alone(grey_raster, prompts, tmp_path, refused):
    foreign = tmp_path / "o.gpkg.parts"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=tmp_path / "o.gpkg")
    assert "is no folder of an unfinished job (thesis.tex lies in it)" in refused(request)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]


def test_resume_without_an_unfinished_job_replaces_nothing(grey_raster, prompts, tmp_path, refused):
    output = tmp_path / "o.gpkg"
    output.write_bytes(b"mine")
    output.with_name("o.gpkg.parts").mkdir()
    request = PromptRequest(image=str(grey_raster), prompts=prompts, output=output, resume=True)
    assert "output exists" in refused(request)
    assert output.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["crs", "layer"])
def test_options_of_proposals_need_proposals(grey_raster, tmp_path, refused, name):
    request = AutoRequest(
        image=str(grey_raster), output=tmp_path / "o.gpkg", **{f"proposals_{name}": "EPSG:4326"}
    )
    assert f"--proposals-{name} EPSG:4326 is about --proposals" in refused(request)


SIGNED = "http://me:passw0rd@127.0.0.1:9/b{}?sig=S3CRET&x=y z"


@pytest.mark.parametrize("address", [SIGNED, f"/vsicurl/{SIGNED}"])
@pytest.mark.parametrize(
    ("option", "suffix"),
    [
        ("prompts", ".gpkg"),
        ("output", ".gpkg"),
        ("output", ".tif"),
        ("overlay", ".png"),
        ("embeddings", ""),
    ],
)
def test_an_address_is_no_file_and_keeps_its_secrets(
    grey_raster, prompts, refused, address, option, suffix
):
    files = {"prompts": prompts, "output": prompts.with_name("o.gpkg")}
    files[option] = Path(address.format(suffix))
    before = sorted(prompts.parent.iterdir())
    told = refused(PromptRequest(image=str(grey_raster), **files))
    assert "127.0.0.1:9/b" in told
    assert "is an address on a server" in told
    assert not any(secret in told for secret in ("S3CRET", "passw0rd", "z"))
    assert sorted(prompts.parent.iterdir()) == before
    assert not Path("http:").exists()


@pytest.mark.parametrize("option", ["labels", "proposals"])
def test_an_address_is_no_file_of_an_automatic_job(grey_raster, tmp_path, refused, option):
    files = {option: Path(SIGNED.format(".tif"))}
    told = refused(AutoRequest(image=str(grey_raster), output=tmp_path / "o.gpkg", **files))
    assert "is an address on a server" in told
    assert "S3CRET" not in told


def test_windows_that_are_far_smaller_than_the_network_are_refused(grey_raster, tmp_path, refused):
    request = AutoRequest(
        image=str(grey_raster),
        output=tmp_path / "o.gpkg",
        options=AutoOptions(63),
        model="sam_vit_b",
    )
    assert "enlarged 16 times to the network's 1024 x 1024" in refused(request)
    AutoOptions(64).check_side(1024)
