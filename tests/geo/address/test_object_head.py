from __future__ import annotations

import sys

import fsspec
import pytest

from sam_common.errors import InputError
from sam_geo.address.object_head import object_url, remote_facts


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s3://bucket/folder/a.tif", "s3://bucket/folder/a.tif"),
        ("/vsis3/bucket/a.tif", "s3://bucket/a.tif"),
        ("/vsis3_streaming/bucket/a.tif", "s3://bucket/a.tif"),
        ("s3://bucket", None),
        ("s3://bucket/a.tif?versionId=3", None),
        ("/vsizip//vsis3/bucket/a.zip/a.tif", None),
        ("GTIFF_DIR:1:/vsis3/bucket/a.tif", None),
        ("gs://bucket/a.tif", None),
        ("a.tif", None),
    ],
)
def test_addresses_of_objects(name, expected):
    assert object_url(name) == expected


def test_the_facts_of_an_object_change_with_it(s3):
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    found = []
    for content in (b"one", b"other", b"other"):
        system.pipe_file(f"{s3.bucket}/a.tif", content)
        facts = remote_facts(f"s3://{s3.bucket}/a.tif")
        assert facts.keys() == {"bytes", "etag", "last_modified"}
        found.append((facts["bytes"], facts["etag"]))
    assert [size for size, _ in found] == [3, 5, 5]
    assert found[0] != found[1] == found[2]


def test_an_object_that_does_not_tell_is_named(s3):
    message = f"the storage of s3://{s3.bucket}/a.tif does not tell its date"
    with pytest.raises(InputError, match=message):
        remote_facts(f"/vsis3/{s3.bucket}/a.tif")
    s3.expire()
    with pytest.raises(InputError, match=message):
        remote_facts(f"s3://{s3.bucket}/a.tif")


def test_without_the_library_a_date_is_not_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(
        InputError, match=r'its date without a library: pip install "sam-geomed\[s3'
    ):
        remote_facts("s3://bucket/a.tif")


def test_other_addresses_are_asked_by_http():
    with pytest.raises(InputError, match="is on a server that is not asked for its date"):
        remote_facts("gs://bucket/a.tif")
