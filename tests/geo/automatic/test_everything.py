"""Everything in a raster as a table in memory."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
from seeing_segmenters import SeesValues, seeing

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import CapabilityError, GeometryError, InputError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.tiled_job.progress import silent
from sam_geo import AutoOptions, AutoRequest, Finish, run_auto, segment_everything

OPTIONS = AutoOptions(None, 32, EverythingOptions(points_per_side=12))


@pytest.fixture
def squares(make_raster):
    """Squares of their own colours, some of them across the edges of windows of 128 pixels."""
    image = np.zeros((3, 300, 300), dtype=np.uint8)
    for n, (row, col) in enumerate(((20, 30), (100, 110), (200, 60), (210, 215)), start=1):
        image[:, row : row + 50, col : col + 60] = np.array([n, 7 * n, 13 * n])[:, None, None]
    return make_raster(image)


def test_the_table_is_that_of_the_job(squares, tmp_path):
    run_auto(
        AutoRequest(image=str(squares), output=tmp_path / "job.gpkg", options=OPTIONS),
        seeing,
    )
    job = geopandas.read_file(tmp_path / "job.gpkg")
    steps = []

    def progress(what, total):
        steps.append((what, total))
        return silent(what, total)

    table = segment_everything(squares, segmenter=seeing(), options=OPTIONS, progress=progress)
    assert len(table) == 4
    assert list(table.columns) == list(job.columns)
    assert table.crs == job.crs
    assert table["id"].tolist() == [1, 2, 3, 4]
    # a GeoPackage layer holds multipolygons only
    assert [one.wkb for one in table.normalize()] == [many.geoms[0].wkb for many in job.normalize()]
    assert {"windows", "links", "objects"} <= {what for what, _ in steps}


def test_polygons_are_finished(squares):
    whole = segment_everything(squares, segmenter=seeing(), options=OPTIONS)
    none = segment_everything(
        squares,
        segmenter=seeing(),
        options=OPTIONS,
        finish=Finish(min_area_m2=float(whole["area_m2"].max()) + 1, dst_crs="EPSG:4326"),
    )
    assert (len(none), none.crs) == (0, "EPSG:4326")
    assert list(none.columns) == list(whole.columns)


def test_windows_that_fail_are_not_left_out_in_silence(tmp_path, make_raster):
    rng = np.random.default_rng(0)
    path = make_raster(rng.integers(1, 255, (3, 300, 300), dtype=np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    with pytest.raises(InputError, match=r"^\d windows failed, the first with: "):
        segment_everything(path, segmenter=seeing(), options=OPTIONS)


def test_what_makes_no_sense_is_refused_before_the_raster_is_opened(tmp_path):
    missing = tmp_path / "none.tif"
    boxes_only = SeesValues(
        model_size=128,
        capabilities=Capabilities(points=False, boxes=True, masks=False, multimask=False),
    )
    with pytest.raises(CapabilityError, match="points"):
        segment_everything(missing, segmenter=boxes_only)
    small = AutoOptions(tile_size=64, overlap=8)
    with pytest.raises(GeometryError, match="--tile-size 128 or more"):
        segment_everything(missing, segmenter=SeesValues(model_size=2048), options=small)
