from __future__ import annotations

import hashlib

import pytest

from sam_common.errors import IntegrityError
from sam_common.published import pinned_file
from sam_common.published.pinned_file import PinnedFile

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
