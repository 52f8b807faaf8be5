from __future__ import annotations

import warnings
from contextlib import contextmanager

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import Point, box
from world_prompts import LEFT, NORTH_UP, TOP, run, world_boxes

from sam_common.errors import CapabilityError, InputError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.prompted.segment import run_prompts, segment_prompts
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.frame import frame_from_affine, world_to_corners
from sam_geo.raster.source import RasterSource, open_raster

TRANSFORMS = {
    "north-up": NORTH_UP,
    "south-up": Affine(0.5, 0, LEFT, 0, 0.5, TOP),
    "east-left": Affine(-0.5, 0, LEFT, 0, -0.5, TOP),
    "non-square": Affine(0.2, 0, LEFT, 0, -1.7, TOP),
    "rotated": Affine(0.4, 0.3, LEFT, 0.3, -0.4, TOP),
    "sheared": Affine(0.5, 0.2, LEFT, 0, -0.5, TOP),
    "quarter turn": Affine(0, -0.5, LEFT, 0.5, 0, TOP),
}


@st.composite
def pixel_boxes(draw, width, height, largest=60):
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x1 = draw(st.integers(x0 + 1, min(width, x0 + largest)))
    y1 = draw(st.integers(y0 + 1, min(height, y0 + largest)))
    return x0, y0, x1, y1


# a box prompt gives back exactly its own pixels, wherever and however it is given


@settings(max_examples=60, deadline=None)
@given(
    pixel_boxes(150, 120),
    st.sampled_from(sorted(TRANSFORMS)),
    st.sampled_from(["EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:32634"]),
    st.sampled_from([64, 128, 1024]),
)
def test_a_box_gives_exactly_its_pixels(memory_raster, corners, name, crs, side):
    transform = TRANSFORMS[name]
    frame = frame_from_affine(transform)
    x0, y0, x1, y1 = corners
    prompts = world_boxes([corners], transform).to_crs(crs)
    with memory_raster(np.ones((1, 120, 150), dtype=np.uint8), transform=transform) as path:
        table = segment_prompts(path, prompts, segmenter=FakeSegmenter(model_size=side))
    (row,) = table.itertuples()
    assert row.status == "ok"
    assert row.area_px == (x1 - x0) * (y1 - y0)
    assert table.crs == "EPSG:32633"
    found = shapely.transform(row.geometry, lambda world: world_to_corners(world, frame))
    np.testing.assert_allclose(found.bounds, corners, atol=1e-6)
    assert found.symmetric_difference(box(*corners)).area < 1e-3


@settings(max_examples=20, deadline=None)
@given(
    st.lists(pixel_boxes(300, 200), min_size=1, max_size=6, unique=True),
    st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_the_same_ground_gives_the_same_polygons(memory_raster, boxes, offset):
    """A raster and a larger one around it, with other windows, agree to the last bit of pixels."""
    row, col = offset
    around = Affine(0.5, 0, LEFT - col * 0.5, 0, -0.5, TOP + row * 0.5)
    prompts = world_boxes(boxes)
    tables = []
    for size, transform in (((200, 300), NORTH_UP), ((300, 400), around)):
        values = np.ones((1, *size), dtype=np.uint8)
        with memory_raster(values, transform=transform) as path:
            tables.append(segment_prompts(path, prompts, segmenter=FakeSegmenter(model_size=128)))
    first, second = tables
    assert first["area_px"].tolist() == second["area_px"].tolist()
    for a, b in zip(first.geometry, second.geometry, strict=True):
        assert shapely.equals_exact(a.normalize(), b.normalize(), 1e-6)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(pixel_boxes(700, 600), min_size=2, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_prompts_changes_no_row(memory_raster, boxes, random):
    order = list(range(len(boxes)))
    random.shuffle(order)
    prompts = world_boxes(boxes, prompt_id=list(range(len(boxes))))
    with memory_raster(np.ones((1, 600, 700), dtype=np.uint8)) as path:
        first, second = FakeSegmenter(model_size=128), FakeSegmenter(model_size=128)
        straight = segment_prompts(path, prompts, segmenter=first)
        shuffled = segment_prompts(path, prompts.iloc[order], segmenter=second)
    assert shuffled["prompt_id"].tolist() == order
    back = shuffled.sort_values("prompt_id").reset_index(drop=True)
    others = ["id", "geometry"]
    assert back.drop(columns=others).equals(straight.drop(columns=others))
    assert [a.wkb for a in back.geometry] == [b.wkb for b in straight.geometry]
    assert len(first.embedded) == len(second.embedded)


@settings(max_examples=20, deadline=None)
@given(st.lists(pixel_boxes(700, 600), min_size=1, max_size=8))
def test_the_size_of_the_window_changes_no_polygon(memory_raster, boxes):
    prompts = world_boxes(boxes)
    with memory_raster(np.ones((1, 600, 700), dtype=np.uint8)) as path:
        tables = [
            segment_prompts(path, prompts, segmenter=FakeSegmenter(model_size=side))
            for side in (64, 200, 1024)
        ]
    for table in tables[1:]:
        assert [a.wkb for a in table.geometry] == [b.wkb for b in tables[0].geometry]


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 480), st.integers(20, 380), st.sampled_from(["EPSG:32633", "EPSG:4326"]))
def test_a_point_gives_the_disc_around_its_pixel(memory_raster, x, y, crs):
    frame = frame_from_affine(NORTH_UP)
    world = frame.to_world([y, x])
    prompts = geopandas.GeoDataFrame(geometry=[Point(*world)], crs="EPSG:32633").to_crs(crs)
    with memory_raster(np.ones((1, 400, 500), dtype=np.uint8)) as path:
        table = segment_prompts(path, prompts, segmenter=FakeSegmenter(5.01, model_size=128))
    rows, cols = np.ogrid[-9:10, -9:10]
    assert table["area_px"].tolist() == [((rows**2 + cols**2) <= 5.01**2).sum()]
    centroid = shapely.centroid(table.geometry[0])
    np.testing.assert_allclose([centroid.x, centroid.y], world, atol=1e-3)


# the table


def test_a_white_pixel_is_a_pixel_though_nodata_is_255(make_raster):
    values = np.full((3, 50, 60), 200, dtype=np.uint8)
    values[:, 15:25, 15:25] = 255
    segmenter = FakeSegmenter()
    job = run(make_raster(values, nodata=255), world_boxes([(10, 10, 30, 30)]), segmenter)
    assert job.table["status"].tolist() == ["ok"]
    assert (segmenter.embedded[0][15:25, 15:25] == 255).all()


def test_a_box_only_model_refuses_points_before_any_work(make_raster):
    segmenter = FakeSegmenter(
        name="lite_medsam",
        capabilities=Capabilities(points=False, boxes=True, masks=False, multimask=False),
    )
    frame = frame_from_affine(NORTH_UP)
    shapes = [Point(*frame.to_world([9, 9])), *world_boxes([(10, 10, 30, 30)]).geometry]
    prompts = geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32633")
    path = make_raster(np.ones((1, 60, 70), dtype=np.uint8))
    with pytest.raises(CapabilityError, match=r'^model "lite_medsam" takes boxes only, not points'):
        run(path, prompts, segmenter)
    assert not segmenter.embedded


@pytest.mark.parametrize(
    ("values", "image"),
    [
        (np.array([[[0, 1], [1, 0]]], dtype=np.uint8), [[0, 255], [255, 0]]),
        (np.array([[[0, 700], [700, 0]]], dtype=np.uint16), [[0, 255], [255, 0]]),
        (np.array([[[-50, 50], [50, -50]]], dtype=np.int16), [[0, 255], [255, 0]]),
        (np.array([[[np.nan, 1], [2, np.inf]]], dtype=np.float32), [[0, 0], [255, 0]]),
        (np.full((1, 2, 2), 9, dtype=np.uint16), [[0, 0], [0, 0]]),
        (np.full((1, 2, 2), 9, dtype=np.uint8), [[9, 9], [9, 9]]),
        (np.full((1, 1, 1), 9, dtype=np.uint8), [[9]]),
    ],
)
def test_any_dtype_reaches_the_network_as_bytes(make_raster, values, image):
    segmenter = FakeSegmenter()
    size = values.shape[1]
    job = run(make_raster(values), world_boxes([(0, 0, size, size)]), segmenter)
    assert job.table["status"].tolist() == ["ok"]
    assert job.table["area_px"].tolist() == [size * size]
    found = segmenter.embedded[0]
    assert found.dtype == np.uint8
    ends = np.where(np.isin(found, (1, 2, 254)), np.round(found / 255) * 255, found)
    assert ends.tolist() == image  # percentiles of four values are within a step of the ends


def test_without_crs_there_are_pixels_but_no_square_metres(make_raster):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        path = make_raster(
            np.ones((1, 60, 70), dtype=np.uint8), crs=None, transform=Affine.identity()
        )
    prompts = geopandas.GeoDataFrame(geometry=[box(10, 20, 30, 50)])
    table = run(path, prompts).table
    assert table.crs is None
    assert table.geometry[0].equals(box(10, 20, 30, 50))  # x right, y down
    assert table["area_px"].tolist() == [600]
    assert table["area_m2"].isna().all()


# windows


@pytest.fixture(scope="module")
def large_raster(tmp_path_factory):
    """2500 rows, 3000 columns, three bands that tell row and column."""
    path = tmp_path_factory.mktemp("large") / "large.tif"
    rows, cols = np.mgrid[:2500, :3000]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=2500,
        width=3000,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=NORTH_UP,
        tiled=True,
    ) as dataset:
        dataset.write(np.stack([rows % 256, cols % 256, (rows + cols) % 256]).astype(np.uint8))
    return path


def test_a_large_raster_is_read_around_its_prompts(large_raster):
    segmenter = FakeSegmenter()
    boxes = [(100, 100, 150, 160), (600, 300, 700, 380), (2800, 2300, 3000, 2500)]
    job = run(large_raster, world_boxes(boxes), segmenter)
    assert job.table["area_px"].tolist() == [3000, 8000, 40_000]
    assert [read.prompts for read in job.windows] == [(0, 1), (2,)]
    assert [image.shape for image in segmenter.embedded] == [(1024, 1024, 3)] * 2
    assert segmenter.embedded[1][0, 0].tolist() == [
        (2500 - 1024) % 256,
        (3000 - 1024) % 256,
        (2500 + 3000 - 2048) % 256,
    ]


def test_a_box_larger_than_the_window_is_found_whole(large_raster):
    """2200 x 1800 px at model size 256: a coarser read, right to one of its pixels."""
    segmenter = FakeSegmenter(model_size=256)
    corners = (300, 400, 2500, 2200)
    job = run(large_raster, world_boxes([corners]), segmenter)
    (read,) = job.windows
    assert read.size_hw == (427, 512)
    found = shapely.transform(
        job.table.geometry[0], lambda xy: world_to_corners(xy, frame_from_affine(NORTH_UP))
    )
    np.testing.assert_allclose(found.bounds, corners, atol=max(read.scale_xy))
    assert found.area == pytest.approx(job.table["area_px"][0], rel=1e-9)
    assert found.area == pytest.approx(2200 * 1800, rel=0.01)


def test_a_box_of_up_to_two_windows_is_exact(large_raster):
    corners = (300, 400, 1500, 1400)
    job = run(large_raster, world_boxes([corners]))
    assert job.table["area_px"].tolist() == [1200 * 1000]


def test_memory_is_bounded_by_the_window(large_raster, monkeypatch):
    sizes = []
    read = RasterSource.read

    def spy(self, window, **options):
        pixels = read(self, window, **options)
        sizes.append(pixels.valid.shape)
        return pixels

    monkeypatch.setattr(RasterSource, "read", spy)
    boxes = [(x, y, x + 40, y + 40) for x in range(0, 2900, 400) for y in range(0, 2400, 400)]
    prompts = world_boxes([*boxes, (0, 0, 3000, 2500)])
    job = run(large_raster, prompts, FakeSegmenter(model_size=256))
    assert set(job.counts) == {"ok"}
    assert max(max(shape) for shape in sizes) <= 512
    # one sample for the stretch, and the outline of the largest object at full resolution
    assert len(sizes) > len(job.windows) + 1


def test_every_pixel_is_stretched_alike_in_all_windows(tmp_path):
    """Two windows of a float raster with a bright corner: equal values, equal bytes."""
    values = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (1, 100, 10))
    values[0, :50, :50] = 50
    path = tmp_path / "ramp.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=100,
        width=1000,
        count=1,
        dtype="float32",
        crs="EPSG:32633",
        transform=NORTH_UP,
    ) as dataset:
        dataset.write(values)
    segmenter = FakeSegmenter(model_size=100)
    run(path, world_boxes([(140, 40, 160, 60), (840, 40, 860, 60)]), segmenter)
    first, second = segmenter.embedded
    assert first.shape == second.shape == (100, 100)
    assert (first == second).all()


# what fails


def test_a_raster_of_control_points_is_refused(data):
    segmenter = FakeSegmenter()
    with (
        open_raster(data / "geo/awkward/cog_gcps.tif") as source,
        pytest.raises(InputError, match="is placed by 210 ground control points"),
    ):
        run_prompts(source, [GeoPrompt(0, box_xyxy=(0.5, 0.5, 8.5, 8.5))], segmenter)
    assert not segmenter.embedded


def test_programming_errors_are_not_swallowed(make_raster):
    class Wrong(FakeSegmenter):
        def embed(self, image):
            raise KeyError(image.shape)

    path = make_raster(np.ones((1, 50, 60), dtype=np.uint8))
    with pytest.raises(KeyError):
        run(path, world_boxes([(10, 10, 30, 30)]), Wrong())


def test_progress_counts_windows(large_raster):
    seen = []

    @contextmanager
    def progress(description, total):
        seen.append((description, total))
        yield seen.append

    boxes = [(100, 100, 150, 160), (2800, 2300, 3000, 2500)]
    run(large_raster, world_boxes(boxes), progress=progress)
    assert seen == [("windows", 2), 1, 1, ("polygons", 2), 1, 1]
