"""Suffixes of tables, and what stands for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from result_tables import table_of

from sam_common.errors import OutputError
from sam_geo.tables.formats import FORMATS, format_of
from sam_geo.tables.write import write_table


def test_an_unknown_suffix(tmp_path):
    path = tmp_path / "trees.dwg"
    message = (
        rf"^cannot write \.dwg: {path} \(give one of \.gpkg, \.fgb, \.geojson, \.parquet, \.shp\)$"
    )
    with pytest.raises(OutputError, match=message):
        write_table(table_of(), path)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_suffix_is_known_in_any_case(suffix):
    assert format_of(Path(f"t{suffix}")) is format_of(Path(f"t{suffix.upper()}")) is FORMATS[suffix]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("trees", "^cannot write a file without suffix: trees "),
        ("trees.gpkg.zip", r"^cannot write \.zip: trees\.gpkg\.zip "),
        ("/vsimem/trees.gpkg", "/vsimem/trees.gpkg"),
        ("https://host/trees.gpkg", "trees.gpkg"),
    ],
)
def test_what_is_no_file_of_a_table_is_refused(path, message):
    with pytest.raises(OutputError, match=message):
        format_of(Path(path))
