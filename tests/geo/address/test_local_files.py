from __future__ import annotations

from sam_geo.address.local_files import real_file


def test_the_file_behind_a_name(tmp_path):
    archive = tmp_path / "a.zip"
    archive.touch()
    assert real_file(f"/vsizip/{{{archive}}}/in/b.tif") == archive
    assert real_file(f"/vsizip/{archive}/in/b.tif") == archive
    assert real_file(str(archive)) == archive
    assert real_file(f"/vsizip/{tmp_path}/none.zip/b.tif") is None
