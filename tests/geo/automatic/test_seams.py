"""Windows that are moved over seams: objects that the windows beside each other see differently."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from seeing_segmenters import SeeingSegmenter

from sam_common.automatic.options import EverythingOptions
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups
from sam_common.stitching.straight_cuts import Cut, Line
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan
from sam_common.window import Window
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.scene import Answer, Scene, box_of
from sam_geo.automatic.seams import moved_window
from sam_geo.jobs.request import AutoRequest
from sam_geo.jobs.run import run_auto

VALUE = 200


@dataclass(slots=True)
class Blind(SeeingSegmenter):
    """Knows all pixels of a value, unless they reach the left edge of its image or, `inside`, do
    not reach the right one."""

    sides: tuple[str, ...] = ()

    def seen(self, image, prompts):
        if prompts.points_xy is None:
            return self._answer(prompts, image.shape[:2])
        x, y = prompts.points_xy[0, 0].astype(int)
        return self.known(image[..., 0] == VALUE) if image[y, x, 0] == VALUE else None

    def known(self, mask):
        left, inside = mask[:, 0].any(), not mask[:, -1].any()
        if ("left" in self.sides and left) or ("inside" in self.sides and inside):
            return None
        return MaskRegion.tight((0, 0), mask)


def raster(tmp_path, left, right, width=224):
    image = np.full((3, 128, width), 50, dtype=np.uint8)
    image[:, 30:70, left:right] = VALUE
    path = tmp_path / f"{width}.tif"
    profile = {"driver": "GTiff", "height": 128, "width": width, "count": 3, "dtype": "uint8"}
    place = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=place, **profile) as dataset:
        dataset.write(image)
    return path


def auto(path, out, segmenter, **options):
    out.parent.mkdir(exist_ok=True)
    looked = AutoOptions(128, 32, EverythingOptions(points_per_side=8))
    settings = {"options": looked, **options}
    record = run_auto(AutoRequest(image=str(path), output=out, **settings), lambda: segmenter)
    return record, geopandas.read_file(out)


def test_a_window_over_the_seam_sees_what_its_neighbours_cut(tmp_path):
    """The left window ends at column 128, the right one does not know the object."""
    path = raster(tmp_path, 70, 180)
    record, table = auto(path, tmp_path / "out.gpkg", Blind(model_size=128, sides=("left",)))
    assert table["area_px"].tolist() == [40 * 110]
    assert table["status"].tolist() == ["ok"]
    assert table["seam_merged"].tolist() == [True]
    assert record["seams"] == {"mended": 1, "known": 0, "left_out": 0, "cut": 0}


def test_without_joins_the_cut_stays(tmp_path):
    path = raster(tmp_path, 70, 180)
    options = AutoOptions(128, 32, EverythingOptions(points_per_side=8), join=False)
    segmenter = Blind(model_size=128, sides=("left",))
    record, table = auto(path, tmp_path / "out.gpkg", segmenter, options=options)
    assert table["area_px"].tolist() == [40 * 58]
    assert record["seams"] == {"mended": 0, "known": 0, "left_out": 0, "cut": 0}


def test_what_no_window_confirms_is_left_out_and_counted(tmp_path):
    """Known only where its image ends: windows over the seam, small and large, deny it."""
    path = raster(tmp_path, 70, 180)
    record, table = auto(
        path, tmp_path / "out.gpkg", Blind(model_size=128, sides=("left", "inside"))
    )
    assert len(table) == 0
    assert record["seams"] == {"mended": 0, "known": 0, "left_out": 1, "cut": 0}


def test_what_is_too_large_for_every_window_stays_and_says_so(tmp_path):
    """Windows see it wherever it goes through; none knows where it ends."""
    path = raster(tmp_path, 0, 450, width=512)
    record, table = auto(path, tmp_path / "out.gpkg", Blind(model_size=128, sides=("inside",)))
    assert table["status"].tolist() == ["cut"]
    assert table["area_px"].iloc[0] < 40 * 450
    assert record["seams"] == {"mended": 0, "known": 0, "left_out": 0, "cut": 1}
    assert record["counts"] == {"cut": 1}


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_and_an_interrupt_change_no_byte(tmp_path, workers):
    path = raster(tmp_path, 70, 180)
    whole, stopped = tmp_path / "a" / "out.gpkg", tmp_path / "b" / "out.gpkg"
    first = Blind(model_size=128, sides=("left",))
    auto(path, whole, first)
    # two windows, one that is asked for the rest, one over the seam: the last one fails
    last = len(first.embedded)
    assert last == 4
    with pytest.raises(KeyboardInterrupt):
        auto(path, stopped, Blind(model_size=128, sides=("left",), fail_at=last), workers=workers)
    assert not stopped.exists()
    again = Blind(model_size=128, sides=("left",))
    auto(path, stopped, again, workers=workers, resume=True)
    assert len(again.embedded) == 1
    assert stopped.read_bytes() == whole.read_bytes()


def test_moved_windows_have_the_cut_near_their_middle_and_lie_in_the_raster():
    cut = Cut(Line(1, 1024, 0, 1024, 0), 300, 400)
    assert moved_window(cut, 1024, (4000, 4000)) == Window((0, 512), (1024, 1536))
    assert moved_window(cut, 2048, (4000, 4000)) == Window((0, 0), (2048, 2048))
    assert moved_window(cut, 1024, (700, 4000)) == Window((0, 512), (700, 1536))


def test_what_another_window_has_whole_comes_once(tmp_path):
    """A third window has the object; the first two cut it, and mended it is the same."""
    square = Window((30, 90), (100, 150))
    seen = {
        Window((0, 0), (128, 128)): Window((30, 90), (100, 128)),
        Window((0, 64), (128, 192)): Window((40, 112), (64, 120)),
        Window((0, 96), (128, 224)): Window((80, 96), (100, 150)),
    }
    windows = list(seen)

    def load(n):
        window = seen[windows[n]]
        region = MaskRegion(window, np.ones(window.shape, dtype=np.bool_))
        return [Instance(region, 0.9, 0.96)]

    plan = Plan((128, 224), tuple(windows), {})
    scene = Scene(plan, load, find_groups(Layout(windows, plan.image_hw), load))
    whole = Instance(MaskRegion(square, np.ones(square.shape, dtype=np.bool_)), 0.95, 0.97)
    keys = [found.members[0] for found, cuts in scene.cut_objects() if cuts]
    assert keys == [(0, 0), (2, 0)]
    around = Window((0, 48), (128, 176))
    store = PartStore(tmp_path / "round", Plan((128, 224), (around,), {}), resume=False)
    store.write(0, Part([whole]))
    for key in keys:
        scene.seam(key).answers.append(Answer(around, store, "", 0, 0))
    assert scene.twins() == {(2, 0)}
    scene.known |= scene.twins()
    assert [box_of(found) for found in scene.objects()] == [square, seen[windows[1]]]
    assert scene.counts == {"mended": 1, "known": 1, "left_out": 0, "cut": 0}
    assert [cuts for _, cuts in scene.cut_objects()] == [[], []]
