"""Names of files beside a table, where several tables share a stem."""

from __future__ import annotations

import pytest

from sam_geo.tables.side_files import side_path

SUFFIX = ".job.json"


def names_in(path, table):
    """Whether a record names a table, as the owner of side files tells it."""
    return path.read_text() == table


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ([], "trees.job.json"),
        (["trees.tif", "roofs.shp", "trees.job.json"], "trees.job.json"),
        (["trees.shp"], "trees.gpkg.job.json"),
        (["TREES.GEOJSON"], "trees.gpkg.job.json"),
        (["trees.parquet.parts"], "trees.gpkg.job.json"),
        (["trees.gpkg", "trees.gpkg.parts"], "trees.job.json"),
    ],
)
def test_a_stem_that_another_table_has_is_taken(tmp_path, others, name):
    for other in others:
        (tmp_path / other).touch()
    assert side_path(tmp_path / "trees.gpkg", SUFFIX, names_in) == tmp_path / name


def test_a_side_file_of_this_table_stays_where_it_is(tmp_path):
    (tmp_path / "trees.shp").touch()
    (tmp_path / "trees.job.json").write_text("trees.gpkg")
    assert side_path(tmp_path / "trees.gpkg", SUFFIX, names_in).name == "trees.job.json"
    assert side_path(tmp_path / "trees.fgb", SUFFIX, names_in).name == "trees.fgb.job.json"


def test_letters_of_a_stem_may_be_large_or_small(tmp_path):
    (tmp_path / "trees.shp").touch()
    assert side_path(tmp_path / "Trees.gpkg", SUFFIX, names_in).name == "Trees.gpkg.job.json"


def test_a_folder_that_is_not_there_has_no_other_tables(tmp_path):
    found = side_path(tmp_path / "nowhere" / "trees.gpkg", SUFFIX, names_in)
    assert found == tmp_path / "nowhere" / "trees.job.json"
