"""Objects of an explorer: the table that a job would write, of what is in the page now."""

from __future__ import annotations

import geopandas as gpd
import pytest
from explorer_server import COMMAND
from live_server import write_raster
from pandas.testing import assert_frame_equal

from sam_common.notebook import explorer as module
from sam_geo import RasterExplorer, explore


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "COMMAND", COMMAND)
        with explore(write_raster(tmp_path_factory.mktemp("r") / "a.tif")) as explorer:
            yield explorer


def test_objects_are_those_of_an_export(trees, tmp_path):
    assert isinstance(trees, RasterExplorer)
    empty = trees.objects
    assert (len(empty), empty.crs.to_epsg()) == (0, 32633)
    session = trees.session
    for name, column in (("a", 10), ("b", 40)):
        session.add_point(session.add_object(name, class_="tree"), (column, 20))
    table = trees.objects
    assert list(table["name"]) == ["a", "b"]
    assert list(table["class"]) == ["tree", "tree"]
    assert list(table.columns) == list(empty.columns)
    assert table.crs.to_epsg() == 32633
    job = session.export(["gpkg"])
    job.wait()
    job.download("objects.gpkg", tmp_path / "o.gpkg")
    file = gpd.read_file(tmp_path / "o.gpkg")
    assert table.geometry.geom_equals(file.geometry).all()
    assert_frame_equal(
        table[["prompt_id", "status", "score", "area_m2", "name"]],
        file[["prompt_id", "status", "score", "area_m2", "name"]],
        check_dtype=False,
    )
    feature = session.geometry(table["prompt_id"][0])
    assert table["area_m2"][0] == pytest.approx(feature["properties"]["area_m2"])
    # no files of the job are left on the server
    assert session.undo().changed
    assert list(trees.objects["status"]) == ["ok", "invalid"]
