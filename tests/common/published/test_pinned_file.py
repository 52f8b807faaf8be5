from __future__ import annotations

import hashlib
import subprocess

import pytest

from sam_common.errors import IntegrityError
from sam_common.published import pinned_file
from sam_common.published.pinned_file import PinnedFile, PinnedFolder

CONTENT = b"weights" * 300
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PINNED = PinnedFile("model.pt", len(CONTENT), SHA256)


def test_the_published_content_under_any_name(tmp_path):
    path = tmp_path / "renamed.bin"
    path.write_bytes(CONTENT)
    assert PINNED.matches(path)
    PINNED.check(path)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b"", b"x" + CONTENT[1:]])
def test_any_other_content_is_refused_with_both_hashes(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    assert not PINNED.matches(path)
    for called in (None, "https://host/model.pt"):
        with pytest.raises(IntegrityError) as caught:
            PINNED.check(path, called=called)
        assert str(caught.value) == (
            f"{called or path} is not the published model.pt: expected 2,100 bytes with sha256 "
            f"{SHA256}, got {len(content):,} bytes with sha256 "
            f"{hashlib.sha256(content).hexdigest()}"
        )


def test_a_file_of_another_size_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    path.write_bytes(b"short")
    monkeypatch.setattr(pinned_file, "sha256_of", lambda _: pytest.fail("read"))
    assert not PINNED.matches(path)


def test_a_file_names_itself():
    assert str(PINNED) == f"model.pt (2,100 bytes, sha256 {SHA256})"


def test_a_folder_is_no_file(tmp_path):
    assert not PINNED.exists(tmp_path)
    assert not PINNED.matches(tmp_path)
    with pytest.raises(IntegrityError) as caught:
        PINNED.check(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not the published model.pt: expected 2,100 bytes with sha256 {SHA256}, "
        "got a folder"
    )


def test_a_copy_gets_the_published_name(tmp_path):
    (tmp_path / "from a stick").write_bytes(CONTENT)
    assert PINNED.copy(tmp_path / "from a stick", tmp_path) == tmp_path / "model.pt"
    assert (tmp_path / "model.pt").read_bytes() == CONTENT


def test_a_wrong_copy_leaves_what_was_there(tmp_path):
    (tmp_path / "wrong").write_bytes(b"wrong")
    (tmp_path / "model.pt").write_bytes(CONTENT)
    with pytest.raises(IntegrityError, match=rf"^{tmp_path}/wrong is not the published model.pt"):
        PINNED.copy(tmp_path / "wrong", tmp_path)
    assert (tmp_path / "model.pt").read_bytes() == CONTENT


# ---------------------------------------------------------------- folders

SLICES = {"CT.1": b"first" * 10, "CT.2": b"second" * 10}
SERIES = PinnedFolder(
    "series",
    tuple(
        PinnedFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in SLICES.items()
    ),
)


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "renamed"
    folder.mkdir()
    for name, content in SLICES.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_folder_with_all_its_files(series):
    assert SERIES.exists(series)
    assert SERIES.matches(series)
    SERIES.check(series)
    (series / "notes.txt").write_bytes(b"not looked at")
    SERIES.check(series)


def test_a_folder_that_lacks_a_file(series):
    (series / "CT.2").unlink()
    assert not SERIES.exists(series)
    assert not SERIES.matches(series)
    with pytest.raises(IntegrityError) as caught:
        SERIES.check(series)
    assert str(caught.value) == (
        f"{series}/CT.2 is missing: series (a folder of 2 files, 110 bytes) is not whole"
    )


def test_a_folder_with_a_wrong_file(series):
    (series / "CT.2").write_bytes(b"other")
    assert SERIES.exists(series)
    assert not SERIES.matches(series)
    for called in (None, "package"):
        with pytest.raises(IntegrityError) as caught:
            SERIES.check(series, called=called)
        start = f"{called or series}/CT.2 is not the published CT.2: expected 60 bytes with sha256"
        assert str(caught.value).startswith(start)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "series").write_bytes(b"")
    assert not SERIES.exists(tmp_path / "series")
    assert not SERIES.matches(tmp_path / "series")


def test_a_copied_folder_has_the_published_files_only(series, tmp_path):
    (series / "notes.txt").write_bytes(b"stays")
    assert SERIES.copy(series, tmp_path) == tmp_path / "series"
    copied = {path.name: path.read_bytes() for path in (tmp_path / "series").iterdir()}
    assert copied == SLICES
    (tmp_path / "series" / "CT.1").write_bytes(b"damaged")
    assert SERIES.matches(SERIES.copy(series, tmp_path))


def test_a_wrong_folder_is_not_copied(series, tmp_path):
    (series / "CT.2").write_bytes(b"other")
    with pytest.raises(IntegrityError):
        SERIES.copy(series, tmp_path)
    assert not (tmp_path / "series").exists()


def test_the_parts_of_what_is_pinned():
    assert PINNED.parts == (PINNED,)
    assert [(part.name, part.size_bytes) for part in SERIES.parts] == [
        ("series/CT.1", 50),
        ("series/CT.2", 60),
    ]
    assert [part.sha256 for part in SERIES.parts] == [each.sha256 for each in SERIES.files]


def test_the_sha256_of_a_folder_is_that_of_its_listing(series):
    listing = subprocess.run(
        ["sha256sum", *SLICES], cwd=series, capture_output=True, check=True
    ).stdout
    assert SERIES.sha256 == hashlib.sha256(listing).hexdigest()
