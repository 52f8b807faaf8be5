from __future__ import annotations

import pytest

from sam_geo.address.local_files import local_files, real_file


def test_the_file_behind_a_name(tmp_path):
    archive = tmp_path / "a.zip"
    archive.touch()
    assert real_file(f"/vsizip/{{{archive}}}/in/b.tif") == archive
    assert real_file(f"/vsizip/{archive}/in/b.tif") == archive
    assert real_file(str(archive)) == archive
    assert real_file(f"/vsizip/{tmp_path}/none.zip/b.tif") is None


@pytest.mark.parametrize(
    "name",
    [
        "/vsigzip/{a}",
        "/vsitar/{a}/b.tif",
        "/vsizip//vsigzip/{a}/b.tif",
        "/vsizip/{{{a}}}/b.tif",
        "/vsisparse/{a}",
        "/vsicached?file={a}",
    ],
)
def test_chains_of_virtual_files_lead_to_one_file(tmp_path, name):
    (tmp_path / "a.zip").touch()
    assert real_file(name.format(a=tmp_path / "a.zip")) == tmp_path / "a.zip"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("{folder}/a.tif", ["a.tif"]),
        ("a.tif", ["a.tif"]),
        ("GTIFF_DIR:2:{folder}/a.tif", ["a.tif"]),
        ('NETCDF:"{folder}/b!c.nc":band', ["b!c.nc"]),
        ("vrt://{folder}/a.tif?bands=1,2", ["a.tif"]),
        ("zip+file://{folder}/d.zip!in/x.tif", ["d.zip"]),
        ("/vsizip/{folder}/d.zip/in/x.tif", ["d.zip"]),
        ("DERIVED_SUBDATASET:AMPLITUDE:a.tif", ["a.tif"]),
        ("{folder}/none.tif", []),
        ("https://host/a.tif", []),
        ("x" * 5000, []),
        ("", []),
    ],
)
def test_local_files_are_found_in_any_name(tmp_path, name, found):
    for each in ("a.tif", "b!c.nc", "d.zip"):
        (tmp_path / each).touch()
    assert [p.name for p in local_files(name.format(folder=tmp_path), tmp_path)] == found
