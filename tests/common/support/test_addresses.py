from __future__ import annotations

import pytest

from sam_common.support.addresses import (
    exists,
    is_address,
    is_file_name,
    is_refusal,
    is_remote,
    printable,
    public_name,
    scrubbed,
)

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


def test_long_signed_addresses_are_no_files():
    assert is_remote("https://host/a.tif?sig=" + "x" * 5000)


@pytest.mark.parametrize(
    ("name", "remote", "address", "path"),
    [
        ("a.tif", False, False, True),
        ("/data/a.tif", False, False, True),
        ("C:/data/a.tif", False, False, True),
        ("a:b.tif", False, False, True),
        ("https://h/a.tif", True, True, False),
        ("https:/h/a.tif", True, True, False),  # as a `Path` writes it
        ("s3://bucket/a.tif", True, True, False),
        ("/vsicurl/https://h/a.tif", True, True, False),
        ("/vsizip//vsicurl/https://h/a.zip", True, True, False),
        ("/vsizip/a.zip/b.tif", False, True, False),
        ("NETCDF:file.nc:band", False, False, False),
        ("vrt://a.tif?bands=1", False, True, False),
        ("file:///data/a.tif", False, True, False),
    ],
)
def test_kinds_of_names(name, remote, address, path):
    assert (is_remote(name), is_address(name), is_file_name(name)) == (remote, address, path)


def test_a_file_on_the_disk_is_no_address_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "https:").mkdir()
    (tmp_path / "https:" / "a.tif").touch()
    assert exists("https:/a.tif")
    assert not is_address("https:/a.tif")
    assert not is_remote("https:/a.tif")
    assert is_file_name("https:/a.tif")


def test_short_words_are_no_passwords():
    # or else every a of a message would go
    assert scrubbed("a band of a.tif", "https://me:a@host/a.tif") == "a band of a.tif"


def test_a_password_is_found_as_it_is_written_and_as_it_is_sent():
    name = "https://me:pass%2Fword@host/a.tif"
    assert scrubbed("refused pass%2Fword, pass/word", name) == "refused ,"


def test_a_text_without_addresses_is_put_on_one_line():
    assert scrubbed("what\n  is this\t?") == "what is this ?"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("The provided token has expired.", True),
        ("Unable to locate credentials", True),
        ("An error occurred (403): Forbidden", True),
        ("AWS_SECRET_ACCESS_KEY and AWS_NO_SIGN_REQUEST configuration options not defined", True),
        ("Could not resolve host: bucket.s3.amazonaws.com", False),
        ("No space left on device", False),
    ],
)
def test_a_refusal_is_told_from_other_errors(told, expected):
    assert is_refusal(told) is expected
