"""Finished objects: the same tables, in the same pieces, wherever the objects were made."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from affine import Affine
from elsewhere import Elsewhere
from scenes import parcels, seen_in

from sam_common.errors import InputError, OutputError
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups
from sam_common.tiled_job.parts import Part, pack
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_geo.automatic.finished_objects import KIND, Finishing, finished_objects
from sam_geo.automatic.linked_windows import unpacked
from sam_geo.automatic.scene import Scene
from sam_geo.outlines import spooled_items
from sam_geo.raster.frame import frame_from_affine
from sam_geo.results.finish import Finish, finished_tables, simplified
from sam_geo.results.object_rows import object_rows, regions_of

HW = (240, 300)
FRAME = frame_from_affine(Affine(2, 0, 500_000, 0, -2, 5_800_000))
UTM = pyproj.CRS("EPSG:32633")


@pytest.fixture(scope="module")
def scene():
    labels = parcels(300, 30)[: HW[0], : HW[1]]
    windows = tuple(tile_grid(HW, side=96, overlap=32))
    parts = [[pack(Part([one for _, one in seen_in(labels, window)]))] for window in windows]
    groups = find_groups(Layout(windows, HW), lambda n: unpacked(parts[n]))
    plan = Plan(HW, windows, {})
    return Scene(plan, lambda n: unpacked(parts[n]), groups, packed=parts.__getitem__)


def made(scene, finish, executor, block, **more):
    passed = []
    finishing = Finishing(FRAME, HW, finish, UTM, "m", **more)
    found = list(finished_objects(scene, finishing, executor, advance=passed.append, block=block))
    assert sum(passed) == finishing.passes * len(scene.plan)
    return [table for table, _ in found], [rows for _, rows in found]


@pytest.mark.parametrize("block", [1, 4, 1000])
@pytest.mark.parametrize(
    "finish",
    [
        Finish(),
        Finish(min_area_m2=2500.0),
        Finish(regularize=3.0),
        Finish(simplify=3.0),
        Finish(dst_crs="EPSG:4326"),
    ],
    ids=["plain", "area", "regularize", "simplify", "crs"],
)
def test_an_executor_makes_the_same_tables(scene, finish, block):
    executor = Elsewhere()
    here, _ = made(scene, finish, None, block)
    there, _ = made(scene, finish, executor, block)
    assert len(here) == len(there)
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert set(executor.kinds) <= {KIND}
    # outlines that are simplified wait for those of all blocks, and are sent once more
    assert executor.items == (2 if finish.simplify else 1) * -(-len(scene.plan) // block)
    rows = simplified(list(object_rows(scene.objects(), FRAME, HW)), finish)
    (whole,) = (table for table, _ in finished_tables(rows, finish, crs=UTM, model="m"))
    pd.testing.assert_frame_equal(pd.concat(here, ignore_index=True), whole)


def test_rows_keep_pixels_and_outlines_where_they_are_asked_for(scene):
    _, plain = made(scene, Finish(), Elsewhere(), 4)
    assert {(row.pixels, row.geometry) for rows in plain for row in rows} == {(None, None)}
    kept = {"with_pixels": True, "with_outlines": True}
    here, there = (made(scene, Finish(), how, 4, **kept)[1] for how in (None, Elsewhere()))
    pairs = zip(*(itertools.chain.from_iterable(rows) for rows in (here, there)), strict=True)
    for one, other in pairs:
        assert (one.window, one.pixels) == (other.window, other.pixels)
        assert shapely.equals_exact(one.geometry, other.geometry)
        area = sum(piece.area_px for piece in regions_of(other.pixels))
        assert other.geometry.area == pytest.approx(4 * area)


@pytest.mark.parametrize("executor", [None, Elsewhere()], ids=["here", "there"])
def test_neighbours_in_other_blocks_keep_their_edges_in_common(scene, executor):
    tables, _ = made(scene, Finish(simplify=3.0), executor, 1)
    shapes = pd.concat(tables, ignore_index=True).geometry.to_numpy()
    assert len(tables) > 5
    assert shapely.coverage_is_valid(shapes)
    plain, _ = made(scene, Finish(), None, 1000)
    before = plain[0].geometry.to_numpy()
    assert shapely.get_num_coordinates(shapes).sum() < shapely.get_num_coordinates(before).sum() / 2
    # one block, whose outlines are all near, gives the same
    (whole,), _ = made(scene, Finish(simplify=3.0), None, 1000)
    assert [one.wkb for one in shapes] == [one.wkb for one in whole.geometry]


def test_outlines_wait_in_the_folder_that_is_given(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(spooled_items, "IN_MEMORY", 1)
    finishing = Finishing(FRAME, HW, Finish(simplify=3.0), UTM, "m")
    with pytest.raises(OutputError, match="nowhere"):
        list(
            finished_objects(
                scene, finishing, None, advance=lambda _: None, folder=tmp_path / "nowhere"
            )
        )


def test_nothing_large_enough_is_one_empty_table(scene):
    for executor in (None, Elsewhere()):
        (table,), (rows,) = made(scene, Finish(min_area_m2=1e9), executor, 4)
        assert (len(table), rows) == (0, [])
        assert "area_m2" in table.columns


def test_a_block_that_fails_ends_the_job(scene):
    with pytest.raises(InputError, match="broken"):
        made(scene, Finish(), Elsewhere(broken=1), 4)


@pytest.mark.parametrize("executor", [None, Elsewhere()], ids=["here", "there"])
def test_blocks_of_several_tables_are_numbered_through(scene, executor, monkeypatch):
    monkeypatch.setattr("sam_geo.results.object_rows.batches.__defaults__", (2,))
    tables, _ = made(scene, Finish(min_area_m2=2500.0), executor, 8)
    ids = np.concatenate([table["id"] for table in tables])
    assert len(tables) > 5
    assert ids.tolist() == list(range(1, len(ids) + 1))
