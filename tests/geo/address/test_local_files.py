from __future__ import annotations

import pytest

from sam_common.support.addresses import is_remote, printable, public_name, scrubbed
from sam_geo.address.local_files import local_files, real_file

SECRETS = ("S3CRET", "passw0rd")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("https://host/a.tif?X-Amz-Signature=S3CRET&x=1", "https://host/a.tif"),
        ("https://me:passw0rd@host:81/a.tif", "https://host:81/a.tif"),
        ("https://me:passw0rd@word@host/a.tif#S3CRET", "https://host/a.tif"),
        ("/vsicurl/https://host/a.tif?S3CRET", "/vsicurl/https://host/a.tif"),
        ("/vsicurl?header.Auth=S3CRET&url=https%3A%2F%2Fh%2Fa.tif%3Fs%3DS3CRET", "/vsicurl/https://h/a.tif"),
        ("/vsizip//vsicurl/https://me:passw0rd@h/a.zip?t=S3CRET", "/vsizip//vsicurl/https://h/a.zip"),
        ("zip+https://h/a.zip!b.tif?t=S3CRET", "zip+https://h/a.zip!b.tif"),
        ("GTIFF_DIR:2:/vsicurl/https://h/a.tif?t=S3CRET", "GTIFF_DIR:2:/vsicurl/https://h/a.tif"),
        ("vrt:///vsicurl/https://h/a.tif?t=S3CRET", "vrt:///vsicurl/https://h/a.tif"),
        ("vrt://a.tif?bands=3,2,1", "vrt://a.tif?bands=3,2,1"),
        ("s3://bucket/a.tif?X-Amz-Security-Token=S3CRET", "s3://bucket/a.tif"),
        ("https://host/a.tif?sig=S3CRET and S3CRET", "https://host/a.tif"),
        ("https://host/a.tif?sig=a'S3CRET\"<S3CRET", "https://host/a.tif"),
        ("https://me:passw0rd word@host/a.tif", "https://host/a.tif"),
        ("http:/me:passw0rd@host/a.tif?sig=S3CRET", "http:/host/a.tif"),
        ("PG:host=db user=me password=S3CRET", "PG:host=db user=*** password=***"),
    ],
)  # fmt: skip
def test_what_is_shown_of_an_address(name, shown):
    assert public_name(name) == shown


def test_a_file_keeps_its_name_whatever_is_in_it(tmp_path):
    path = tmp_path / "a?b=c #1 http:x.tif"
    path.touch()
    assert public_name(path) == str(path)
    assert not is_remote(str(path))
    assert public_name("not/there?b=1.tif") == "not/there?b=1.tif"


@pytest.mark.parametrize(
    "message",
    [
        "HTTP error 403 at https://host/a.tif?sig=S3CRET&u=2: denied",
        "a.tif?sig=S3CRET&u=2, band 1: IReadBlock failed",
        "a.tif?sig=S3CRET&u=2: TIFFReadDirectory\nfailed: 'me:passw0rd@host'",
        "passw0rd was refused",
    ],
)
def test_messages_of_gdal_say_no_secret(message):
    text = scrubbed(message, "https://me:passw0rd@host/a.tif?sig=S3CRET&u=2")
    assert not any(secret in text for secret in SECRETS)
    assert "\n" not in text
    assert "sig" not in text


def test_a_query_ends_where_the_sentence_goes_on():
    assert scrubbed("no https://h/a.tif?s=S3CRET: gone") == "no https://h/a.tif: gone"


def test_a_name_of_other_bytes_can_be_written():
    assert printable("a\udce9.tif").encode() == b"a\\udce9.tif"


def test_the_file_behind_a_name(tmp_path):
    archive = tmp_path / "a.zip"
    archive.touch()
    assert real_file(f"/vsizip/{{{archive}}}/in/b.tif") == archive
    assert real_file(f"/vsizip/{archive}/in/b.tif") == archive
    assert real_file(str(archive)) == archive
    assert real_file(f"/vsizip/{tmp_path}/none.zip/b.tif") is None


def test_long_signed_addresses_are_no_files():
    assert is_remote("https://host/a.tif?sig=" + "x" * 5000)


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
