"""Libraries of the page: verified wherever they lie, and what is said where they are not."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from sam_common.errors import IntegrityError, WeightsError
from sam_common.published import origins
from sam_common.published.origins import NpmFiles
from sam_common.published.pinned_file import PinnedFile
from sam_common.server.page import libraries
from sam_common.server.page.libraries import Library, library_folder, main

FILES = {"package/dist/a.js": b"export const a = 1;\n", "package/LICENSE": b"free\n"}


def pinned(name, content):
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest())


def tarball(files=FILES):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


TARBALL = tarball()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A registry of one library, and an npm that fetches it from a list of tarballs."""
    members = tuple((name, pinned(name.split("/")[-1], content)) for name, content in FILES.items())
    source = NpmFiles("tiny", "1.0.0", pinned("tiny-1.0.0.tgz", TARBALL), members, "tiny")
    monkeypatch.setattr(libraries, "_REGISTRY", {"tiny": Library("tiny", source)})
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SAM_GEOMED_FILES", raising=False)
    served = [TARBALL]

    def run(command, folder, **_how):
        assert command[1:3] == ["pack", "tiny@1.0.0"]
        if not served:
            raise WeightsError("npm failed: no network")
        (folder / "tiny-1.0.0.tgz").write_bytes(served.pop())
        return ""

    monkeypatch.setattr(origins, "run_client", run)
    monkeypatch.setattr(origins.shutil, "which", lambda name: f"/usr/bin/{name}")
    return served


def test_what_lies_in_the_package_is_taken(tiny, tmp_path):
    main(["--to", str(tmp_path / "vendor")])
    folder = library_folder("tiny", vendor=tmp_path / "vendor")
    assert folder == tmp_path / "vendor" / "tiny"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "a.js": FILES["package/dist/a.js"],
        "LICENSE": FILES["package/LICENSE"],
    }


def test_without_it_the_cache_is_filled_once(tiny, tmp_path):
    folder = library_folder("tiny", vendor=tmp_path / "nothing", quiet=True)
    assert folder == tmp_path / "cache" / "page" / "tiny"
    assert tiny == []
    assert library_folder("tiny", vendor=tmp_path / "nothing") == folder


def test_a_changed_file_of_the_package_is_refused(tiny, tmp_path):
    main(["--to", str(tmp_path / "vendor")])
    (tmp_path / "vendor" / "tiny" / "a.js").write_bytes(b"export const a = 2;\n")
    with pytest.raises(
        IntegrityError, match=r"a\.js is not the published a\.js.*; remove .*vendor"
    ):
        library_folder("tiny", vendor=tmp_path / "vendor")


def test_another_tarball_is_refused(tiny, tmp_path):
    tiny[:] = [tarball({**FILES, "package/dist/a.js": b"steal();\n"})]
    with pytest.raises(IntegrityError, match=r"is not the published tiny-1\.0\.0\.tgz"):
        library_folder("tiny", vendor=tmp_path / "nothing", quiet=True)
    assert not (tmp_path / "cache" / "page" / "tiny").exists()


def test_without_a_network_it_says_what_to_do(tiny, tmp_path):
    tiny.clear()
    with pytest.raises(WeightsError) as caught:
        library_folder("tiny", vendor=tmp_path / "nothing", quiet=True)
    said = str(caught.value)
    assert "npm failed: no network" in said
    assert "python -m sam_common.server.page.libraries tiny --from FILE" in said
    assert "npm package tiny 1.0.0 (its .tgz will do, sha256" in said


def test_a_tarball_that_was_fetched_by_hand_is_taken(tiny, tmp_path, capsys):
    tiny.clear()
    given = tmp_path / "got.tgz"
    given.write_bytes(TARBALL)
    assert main(["tiny", "--from", str(given)]) == 0
    assert library_folder("tiny", vendor=tmp_path / "nothing").is_dir()
    given.write_bytes(TARBALL[:-1])
    assert main(["tiny", "--from", str(given)]) == 2
    assert "is not the published" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["unknown"], ["--from", "x.tgz"]])
def test_wrong_words_are_told(tiny, words, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert "error:" in capsys.readouterr().err


def test_the_published_ones_are_pinned_with_their_licences():
    assert set(libraries.registry()) == {"ol", "niivue"}
    for name, library in libraries.registry().items():
        (folder,) = library.files
        assert folder.name == name
        assert all(len(each.sha256) == 64 and each.size_bytes > 0 for each in folder.files)
    ((ol,), (niivue,)) = (libraries.registry()[name].files for name in ("ol", "niivue"))
    assert {each.name for each in ol.files} == {"ol.js", "ol.css", "LICENSE.md"}
    assert {each.name for each in niivue.files} == {"niivue.js"}
    assert (libraries.VENDOR.parent / "static" / "niivue-licence.txt").is_file()
