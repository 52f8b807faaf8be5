"""Automatic jobs: objects of any size in rasters of any size, whole and once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import geopandas
import numpy as np
import pytest
import rasterio
import scenes
import shapely
from affine import Affine
from PIL import Image
from rasterio import features

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import GeometryError, InputError, OutputError, PromptError
from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.fake import ExactMasks, FakeSegmenter
from sam_common.segmenter.predictor import Capabilities
from sam_common.stitching.link import ignored
from sam_common.window import Window
from sam_geo.automatic.job import AutoJob, AutoOptions
from sam_geo.automatic.scene import Scene
from sam_geo.jobs.encode import encode_raster
from sam_geo.jobs.request import AutoRequest, PromptRequest
from sam_geo.jobs.run import dry_run_auto, dry_run_prompts, run_auto, run_request
from sam_geo.prompts.box_index import BoxIndex, boxes_in
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.results.finish import Finish
from sam_geo.results.label_raster import label_writer

TRANSFORM = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)


@dataclass(slots=True)
class Oracle(FakeSegmenter):
    """Answers a point with all pixels of the value that is drawn there: a perfect segmenter."""

    images: dict[int, tuple[object, np.ndarray]] = field(default_factory=dict)
    fail_at: int = -1
    """Number of the call that fails."""

    def embed(self, image):
        # named in full: a slotted dataclass is made anew, which super() does not see
        embedding = FakeSegmenter.embed(self, image)
        if len(self.embedded) == self.fail_at:
            raise KeyboardInterrupt
        self.images[id(embedding)] = (embedding, image)  # kept, so that ids stay unique
        return embedding

    def decode(self, embedding, prompts, *, multimask=False):
        answer = FakeSegmenter.decode(self, embedding, prompts, multimask=multimask)
        image = self.images[id(embedding)][1]
        if prompts.points_xy is None:
            x0, y0, x1, y1 = prompts.boxes_xyxy[0]
            x, y = int((x0 + x1) / 2 + 0.5), int((y0 + y1) / 2 + 0.5)
        else:
            x, y = prompts.points_xy[0, 0].astype(int)
        value = image[y, x]
        region = None
        if value.any():
            mask = (image == value).all(axis=2)
            rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            window = Window((rows[0], cols[0]), (rows[-1] + 1, cols[-1] + 1))
            region = MaskRegion(window, mask[window.slices])
        return ExactMasks(
            answer.logits,
            answer.scores,
            answer.image_size_hw,
            answer.input_size_hw,
            self.model_size,
            (region,),
        )


@pytest.fixture(scope="module")
def labels():
    """Fields, some of them larger than a window, that touch each other."""
    return scenes.parcels(400, 14)


@pytest.fixture
def fields(labels, tmp_path):
    """The same as a colour image whose colours are the fields' numbers."""
    path = tmp_path / "fields.tif"
    image = np.stack([labels, labels * 7 % 256, labels * 13 % 256]).astype(np.uint8)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=400,
        width=400,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=TRANSFORM,
    ) as dataset:
        dataset.write(image)
    return path


def request_of(image, output, **options):
    settings = {
        "options": AutoOptions(None, 32, EverythingOptions(points_per_side=12)),
        **options,
    }
    return AutoRequest(image=str(image), output=output, **settings)


def truth_of(labels):
    shapes = features.shapes(labels.astype(np.int32), transform=TRANSFORM)
    return {int(value): shapely.geometry.shape(shape) for shape, value in shapes}


def test_every_field_comes_whole_and_once(fields, labels, tmp_path):
    out = tmp_path / "out.gpkg"
    record = run_auto(request_of(fields, out), lambda: Oracle(model_size=128))
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
    run_auto(request_of(path, out, options=options), lambda: Oracle(model_size=side))
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
    run_auto(request_of(fields, whole), lambda: Oracle(model_size=128))
    request = request_of(fields, resumed, workers=workers)
    with pytest.raises(KeyboardInterrupt):
        run_auto(request, lambda: Oracle(model_size=128, fail_at=9))
    assert not resumed.exists()
    done = len(list((tmp_path / "b" / "out.gpkg.parts").glob("*.part")))
    assert done >= 8
    with pytest.raises(OutputError, match=r"an unfinished job lies in .*out.gpkg.parts: go on"):
        run_auto(request, lambda: Oracle(model_size=128))
    again = Oracle(model_size=128)
    record = run_auto(request_of(fields, resumed, workers=workers, resume=True), lambda: again)
    assert record["windows_reused"] == done
    assert len(again.embedded) == 16 - done
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_resumed_job_with_other_options_is_refused(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    with pytest.raises(KeyboardInterrupt):
        run_auto(request_of(fields, out), lambda: Oracle(model_size=128, fail_at=3))
    other = AutoOptions(None, 32, EverythingOptions(points_per_side=5))
    with pytest.raises(InputError, match=r"belongs to another job \(options was "):
        run_auto(
            request_of(fields, out, options=other, resume=True), lambda: Oracle(model_size=128)
        )


def test_labels_have_the_sources_grid(fields, labels, tmp_path):
    out, drawn = tmp_path / "out.gpkg", tmp_path / "labels.tif"
    run_auto(request_of(fields, out, labels=drawn), lambda: Oracle(model_size=128))
    with rasterio.open(drawn) as dataset:
        found = dataset.read(1)
        assert dataset.transform == TRANSFORM
        assert dataset.crs == "EPSG:32633"
        assert dataset.nodata == 0
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    pairs = set(zip(found.ravel().tolist(), labels.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(found))


def test_shared_edges_stay_shared_when_simplified(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    request = request_of(fields, out, finish=Finish(simplify=3.0))
    run_auto(request, lambda: Oracle(model_size=128))
    shapes = geopandas.read_file(out).geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    overlap = sum(
        shapely.area(shapely.intersection(a, b))
        for n, a in enumerate(shapes)
        for b in shapes[n + 1 :]
    )
    assert overlap == 0
    assert shapely.area(shapely.union_all(shapes)) == pytest.approx(200 * 200)


def test_small_objects_are_left_out_and_others_numbered_through(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    run_auto(request_of(fields, out), lambda: Oracle(model_size=128))
    areas = geopandas.read_file(out)["area_m2"]
    least = float(areas.median())
    request = request_of(fields, out, finish=Finish(least, dst_crs="EPSG:4326"), overwrite=True)
    run_auto(request, lambda: Oracle(model_size=128))
    table = geopandas.read_file(out)
    assert len(table) == (areas >= least).sum() < len(areas)
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert table.crs == "EPSG:4326"


def test_nothing_valid_runs_no_network(tmp_path, make_raster):
    segmenter = Oracle(model_size=128)
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
    record = run_auto(request_of(fields, one, embeddings=store), lambda: first)
    assert record["embeddings"] == len(first.embedded) == 16
    again = run_auto(request_of(fields, two, embeddings=store), lambda: second)
    assert again["embeddings"] == len(second.embedded) == 0
    assert len(geopandas.read_file(one)) == len(geopandas.read_file(two))


def test_prompts_on_an_encoded_raster_run_no_encoder(fields, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("xmin,ymin,xmax,ymax\n10,10,30,30\n300,200,340,230\n")
    store = tmp_path / "store"
    with open_raster(fields) as source:
        figures = encode_raster(
            source, FakeSegmenter(model_size=256), choose_stretch(source), store
        )
        again = encode_raster(source, FakeSegmenter(model_size=256), choose_stretch(source), store)
    assert (figures["encoded"], figures["stored"]) == (figures["windows"], 0)
    assert (again["encoded"], again["stored"]) == (0, figures["windows"])
    segmenter = FakeSegmenter(model_size=256)
    request = PromptRequest(
        image=str(fields), prompts=boxes, output=tmp_path / "out.gpkg", embeddings=store
    )
    job, record = run_request(request, lambda: segmenter)
    assert record["embeddings"] == 0
    assert not segmenter.embedded
    assert job.table["area_px"].tolist() == [400, 1200]


def test_a_dry_run_writes_nothing(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    figures = dry_run_auto(request_of(fields, out), lambda: Oracle(model_size=128))
    assert figures["windows"] == figures["encoder_calls"] == 16
    assert figures["seconds"] > 0
    assert figures["disk_bytes"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fields.tif"]


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
        segmenter = Oracle(model_size=128)
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
    run_auto(request_of(path, whole, options=options, workers=3), lambda: Oracle(model_size=128))
    with pytest.raises(KeyboardInterrupt):
        # the third embedding is that of the join
        run_auto(
            request_of(path, stopped, options=options), lambda: Oracle(model_size=128, fail_at=3)
        )
    assert not stopped.exists()
    segmenter = Oracle(model_size=128)
    run_auto(request_of(path, stopped, options=options, resume=True), lambda: segmenter)
    assert len(segmenter.embedded) == 1
    assert stopped.read_bytes() == whole.read_bytes()


def test_superpixels_find_the_fields_without_points(fields, labels, tmp_path):
    out = tmp_path / "out.gpkg"
    boxes_only = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    request = request_of(fields, out, options=AutoOptions(None, 32, superpixels=True))
    run_auto(request, lambda: Oracle(model_size=128, capabilities=boxes_only))
    found = geopandas.read_file(out)
    truth = truth_of(labels)
    hit = [
        any(shape.symmetric_difference(other).area == 0 for other in found.geometry)
        for shape in truth.values()
    ]
    assert np.mean(hit) > 0.8
    assert len(found) <= 1.1 * len(truth)


def test_superpixels_and_proposals_exclude_each_other(fields, tmp_path):
    request = request_of(
        fields, tmp_path / "out.gpkg", options=AutoOptions(superpixels=True), proposals=fields
    )
    with pytest.raises(InputError, match="give --proposals or --superpixels"):
        run_auto(request, Oracle)


def test_a_dry_run_of_prompts_says_how_they_share_embeddings(fields, tmp_path):
    prompts = tmp_path / "boxes.csv"
    prompts.write_text("xmin,ymin,xmax,ymax\n10,10,30,30\n12,12,40,40\n350,350,380,380\n")
    out, store = tmp_path / "out.gpkg", tmp_path / "store"
    request = PromptRequest(image=str(fields), prompts=prompts, output=out, embeddings=store)
    figures = dry_run_prompts(request, lambda: FakeSegmenter(model_size=128))
    assert (figures["prompts"], figures["windows"], figures["encoder_calls"]) == (3, 2, 2)
    assert figures["prompts_per_embedding"] == 1.5
    assert figures["seconds"] > 0
    assert {path.name for path in tmp_path.iterdir()} == {"boxes.csv", "fields.tif"}


def test_a_damaged_part_is_made_again(fields, tmp_path):
    out = tmp_path / "out.gpkg"
    with pytest.raises(KeyboardInterrupt):
        run_auto(request_of(fields, out), lambda: Oracle(model_size=128, fail_at=6))
    damaged = tmp_path / "out.gpkg.parts" / "00000001.part"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    record = run_auto(request_of(fields, out, resume=True), lambda: Oracle(model_size=128))
    assert record["objects"] == 14
    assert not list(tmp_path.glob("*.parts"))


def test_options_that_make_no_sense():
    for name, value, message in (
        ("points_per_side", 0, "points_per_side must be at least 1, got 0"),
        ("pred_iou_thresh", 1.5, "pred_iou_thresh must be at most 1, got 1.5"),
        ("stability_score_offset", float("nan"), "finite number from 0 up, got nan"),
    ):
        with pytest.raises(InputError, match=message):
            EverythingOptions(**{name: value})
    with pytest.raises(InputError, match="--simplify must be a finite number from 0 up, got -1"):
        Finish(simplify=-1)


# table, label raster and picture are one result


def outlines_and_numbers(table, labels_path):
    """For each row, the numbers of the label raster under its outline, most frequent first."""
    with rasterio.open(labels_path) as file:
        labels, transform = file.read(1), file.transform
    under = []
    for shape in table.geometry.to_crs(32633):
        inside = features.geometry_mask([shape], labels.shape, transform, invert=True)
        values, counts = np.unique(labels[inside], return_counts=True)
        under.append(int(values[counts.argmax()]))
    return under, {int(n) for n in np.unique(labels)} - {0}


@pytest.mark.parametrize(
    "finish",
    [
        {"min_area_m2": 800.0},
        {"min_area_m2": 800.0, "simplify": 1.0},
        {"min_area_m2": 800.0, "regularize": 1.0},
        {"min_area_m2": 800.0, "dst_crs": "EPSG:4326"},
        {"min_area_m2": 1e9},
    ],
    ids=lambda finish: "-".join(finish) + str(finish["min_area_m2"]),
)
def test_numbers_of_the_label_raster_are_ids_of_the_table(fields, tmp_path, monkeypatch, finish):
    monkeypatch.setattr("sam_geo.results.object_rows.BATCH", 3)
    monkeypatch.setattr("sam_geo.results.object_rows.batches.__defaults__", (3,))
    out, labels = tmp_path / "out.gpkg", tmp_path / "labels.tif"
    request = request_of(fields, out, labels=labels, finish=Finish(**finish))
    record = run_auto(request, lambda: Oracle(model_size=128))
    table = geopandas.read_file(out)
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    under, numbers = outlines_and_numbers(table, labels)
    assert under == table["id"].tolist()
    assert numbers == set(table["id"])
    assert record["objects"] == len(table) < len(truth_of_file(fields))
    assert record["hidden_in_labels"] == 0


def truth_of_file(path):
    with rasterio.open(path) as file:
        return set(np.unique(file.read(1)).tolist())


def test_the_picture_shows_what_the_table_holds(fields, tmp_path):
    pictures = {}
    for name, least in (("all", 0.0), ("none", 1e9)):
        pictures[name] = tmp_path / f"{name}.png"
        run_auto(
            request_of(
                fields,
                tmp_path / f"{name}.gpkg",
                overlay=pictures[name],
                finish=Finish(min_area_m2=least),
            ),
            lambda: Oracle(model_size=128),
        )
    with rasterio.open(fields) as file:
        image = np.moveaxis(file.read(), 0, -1)
    drawn = {name: np.asarray(Image.open(path)) for name, path in pictures.items()}
    assert (drawn["none"] == image).all()
    assert (drawn["all"] != image).any()


def test_objects_are_gone_through_once(fields, tmp_path, monkeypatch):
    passes = []
    objects = Scene.objects

    def counted(self, advance=ignored):
        # passes of the job itself, not those that look for twins before
        passes.append(advance)
        return objects(self, advance)

    monkeypatch.setattr(Scene, "objects", counted)
    options = AutoOptions(None, 32, EverythingOptions(points_per_side=12), join=False)
    request = request_of(
        fields,
        tmp_path / "out.gpkg",
        options=options,
        labels=tmp_path / "labels.tif",
        overlay=tmp_path / "out.png",
    )
    run_auto(request, lambda: Oracle(model_size=128))
    assert len(passes) == 1


def test_an_object_under_others_is_counted(tmp_path, make_raster):
    image = make_raster(np.full((1, 40, 40), 9, dtype=np.uint8))
    with open_raster(image) as source, label_writer(tmp_path / "labels.tif", source) as draw:
        whole = MaskRegion(Window((0, 0), (20, 20)), np.ones((20, 20), np.bool_))
        inner = MaskRegion(Window((5, 5), (9, 9)), np.ones((4, 4), np.bool_))
        assert draw(1, [whole])
        assert not draw(2, [inner])
        assert draw(3, [inner.shift((14, 14)), inner])


# windows


@pytest.mark.parametrize(
    ("size", "overlap"), [(100, None), (16, None), (100, 50), (128, 0), (200, 1)]
)
def test_a_tile_size_plans_a_few_times_the_rasters_pixels(fields, size, overlap):
    with open_raster(fields) as source:
        job = AutoJob(source, Oracle(), choose_stretch(source), AutoOptions(size, overlap))
        planned = sum(np.prod(window.shape) for window in job.plan().windows)
    assert planned <= 5 * 400 * 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((100, 51), "an overlap of 51 is too much for windows of 100 x 100 pixels: give --overlap"),
        ((100, 128), "an overlap of 128 .* give --overlap 50 or less"),
        ((15, None), "--tile-size must be at least 16, got 15"),
        ((0, None), "--tile-size must be at least 16, got 0"),
        ((None, -1), "--overlap must be 0 or more, got -1"),
    ],
)
def test_windows_that_make_no_sense_are_refused(options, message):
    with pytest.raises(GeometryError, match=message):
        AutoOptions(*options)


def test_an_overlap_is_held_against_the_models_side_too(fields, tmp_path):
    request = request_of(fields, tmp_path / "out.gpkg", options=AutoOptions(None, 65))
    with pytest.raises(GeometryError, match="an overlap of 65 is too much for windows of 128"):
        run_auto(request, lambda: Oracle(model_size=128))
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


def never():
    pytest.fail("the model was loaded")


def test_a_proposal_without_width_is_tried():
    window = Window((0, 10), (8, 20))
    boxes = np.array([[12.0, 1, 12, 6], [12, 3, 12, 3], [30, 1, 30, 6], [2, 4, 18, 4]])
    assert boxes_in(window, boxes).tolist() == [[2, 1, 2, 6], [2, 3, 2, 3], [-0.5, 4, 8, 4]]
    assert BoxIndex(boxes, 10).inside(window).tolist() == boxes_in(window, boxes).tolist()


def test_proposals_that_no_window_can_hold_are_counted():
    # from the outer edge of the first pixel, at -0.5
    boxes = [(0, 0, 9.5, 9.5), (-0.5, -0.5, 18.5, 19.5), (-0.5, 0, 21, 20), (5, 0, 5, 41)]
    found = BoxIndex(boxes, 10)
    assert (len(found), found.too_large) == (4, 2)
    assert len(found.inside(Window((0, 0), (10, 10)))) == 2
