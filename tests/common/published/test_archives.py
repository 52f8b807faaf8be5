from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile

import pytest
from loopback_index import tar_gz, tar_link, zipped

from sam_common.errors import IntegrityError
from sam_common.published.archives import store_members
from sam_common.published.pinned_file import PinnedFile, PinnedFolder

IMAGE, NOTES = b"image" * 1000, b"notes"


def pin(name, content):
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest())


MEMBERS = (
    ("tiny-1.0/data/image.tif", pin("map.tif", IMAGE)),
    ("tiny-1.0/data/series", PinnedFolder("series", (pin("1.dcm", NOTES), pin("2.dcm", IMAGE)))),
)
GOOD = {
    "tiny-1.0/data/series/2.dcm": IMAGE,
    "tiny-1.0/setup.py": b"raise SystemExit",
    "tiny-1.0/data/image.tif": IMAGE,
    "tiny-1.0/data/series/1.dcm": NOTES,
    "tiny-1.0/data/series/3.dcm": NOTES,
}
FORMS = pytest.mark.parametrize(("suffix", "pack"), [(".tar.gz", tar_gz), (".zip", zipped)])


@pytest.fixture
def archive(tmp_path):
    def write(content, suffix=".tar.gz"):
        path = tmp_path / f"tiny-1.0{suffix}"
        path.write_bytes(content)
        return path

    return write


def written(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@FORMS
def test_named_members_and_nothing_else(suffix, pack, archive, out):
    store_members(archive(pack(GOOD), suffix), MEMBERS, out)
    assert written(out) == {"map.tif": IMAGE, "series/1.dcm": NOTES, "series/2.dcm": IMAGE}


@FORMS
def test_a_missing_member_is_named(suffix, pack, archive, out):
    path = archive(pack({name: GOOD[name] for name in list(GOOD)[:3]}), suffix)
    with pytest.raises(IntegrityError) as caught:
        store_members(path, MEMBERS, out)
    assert str(caught.value) == f"{path} lacks a member: tiny-1.0/data/series/1.dcm"


@FORMS
def test_a_member_that_climbs_out_is_another_member(suffix, pack, archive, out):
    path = archive(pack({"tiny-1.0/data/../../../image.tif": IMAGE}), suffix)
    with pytest.raises(IntegrityError, match=r"lacks a member: tiny-1.0/data/image.tif$"):
        store_members(path, MEMBERS, out)
    assert written(out) == {}
    assert written(out.parent) == {path.name: path.read_bytes()}


@FORMS
def test_a_wrong_member_is_not_kept(suffix, pack, archive, out):
    wrong = IMAGE[:-1] + b"?"
    path = archive(pack({**GOOD, "tiny-1.0/data/image.tif": wrong}), suffix)
    with pytest.raises(IntegrityError) as caught:
        store_members(path, MEMBERS[:1], out)
    assert str(caught.value) == (
        "member tiny-1.0/data/image.tif is not the published map.tif: "
        f"expected 5,000 bytes with sha256 {hashlib.sha256(IMAGE).hexdigest()}, "
        f"got 5,000 bytes with sha256 {hashlib.sha256(wrong).hexdigest()}"
    )
    assert written(out) == {}


@FORMS
def test_a_member_that_is_too_large_is_read_to_its_published_size(suffix, pack, archive, out):
    path = archive(pack({"tiny-1.0/data/image.tif": bytes(50_000_000)}), suffix)
    with pytest.raises(IntegrityError, match=r"got 5,001 bytes with sha256"):
        store_members(path, MEMBERS[:1], out)
    assert written(out) == {}


@pytest.mark.parametrize(
    "member",
    [
        tar_link("/etc/hostname"),
        tar_link("../../../secret"),
        tar_link("tiny-1.0/copy", tarfile.LNKTYPE),
        tar_link("", tarfile.DIRTYPE),
        tar_link("", tarfile.FIFOTYPE),
    ],
    ids=["absolute link", "relative link", "hard link", "folder", "pipe"],
)
def test_a_member_of_a_tar_that_is_no_plain_file(member, archive, out):
    path = archive(tar_gz({"tiny-1.0/copy": IMAGE, "tiny-1.0/data/image.tif": member}))
    with pytest.raises(IntegrityError) as caught:
        store_members(path, MEMBERS[:1], out)
    assert str(caught.value) == f"member tiny-1.0/data/image.tif of {path} is no plain file"
    assert written(out) == {}


def test_a_link_in_a_zip(archive, out):
    name = "tiny-1.0/data/image.tif"
    path = archive(zipped({name: b"/etc/hostname"}, links=[name]), ".zip")
    with pytest.raises(IntegrityError) as caught:
        store_members(path, MEMBERS[:1], out)
    assert str(caught.value) == f"member {name} of {path} is no plain file"


def test_an_encrypted_member(archive, out):
    content = bytearray(zipped({"tiny-1.0/data/image.tif": IMAGE}))
    # the flags of the member, in its own header and in the directory
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", content, content.index(mark) + offset, 1)
    path = archive(content, ".zip")
    with pytest.raises(IntegrityError, match=r"^member tiny-1.0/data/image.tif of .* is encrypted"):
        store_members(path, MEMBERS[:1], out)


def test_a_compression_that_nobody_knows(archive, out):
    content = bytearray(zipped({"tiny-1.0/data/image.tif": IMAGE}))
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.index(mark) + offset, 77)
    path = archive(content, ".zip")
    with pytest.raises(IntegrityError, match=r"is damaged: That compression method is not support"):
        store_members(path, MEMBERS[:1], out)


def cut(content):
    return content[: len(content) * 2 // 3]


def wrong_sum(content):
    """An archive that ends with its last member, so that the sum of its bytes is compared."""
    plain = gzip.decompress(content).rstrip(b"\0") + bytes(512)
    packed = gzip.compress(plain[: len(plain) // 512 * 512])
    return packed[:-8] + b"????" + packed[-4:]


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".tar.gz", cut(tar_gz(GOOD))),
        (".tar.gz", wrong_sum(tar_gz(GOOD))),
        (".tar.gz", zipped(GOOD)),
        (".tar.gz", b""),
        (".zip", cut(zipped(GOOD))),
        (".zip", tar_gz(GOOD)),
    ],
    ids=["cut tar", "wrong sum", "zip named tar", "empty", "cut zip", "tar named zip"],
)
def test_a_damaged_archive_is_named(suffix, content, archive, out):
    path = archive(content, suffix)
    members = (*MEMBERS, ("tiny-1.0/data/last", pin("last", NOTES)))
    with pytest.raises(IntegrityError) as caught:
        store_members(path, members, out)
    assert str(caught.value).startswith(f"{path} is damaged: ")


def test_a_later_member_of_the_same_name_is_not_read(archive, out):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as both:
        both.writestr("tiny-1.0/data/image.tif", IMAGE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            both.writestr("tiny-1.0/data/image.tif", NOTES)
    store_members(archive(buffer.getvalue(), ".zip"), MEMBERS[:1], out)
    assert written(out) == {"map.tif": IMAGE}
