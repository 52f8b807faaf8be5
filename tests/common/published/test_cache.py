from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sam_common.errors import InputError, IntegrityError, OutputError, WeightsError
from sam_common.published import cache
from sam_common.published.pinned_file import PinnedFile, PinnedFolder

GOOD, OTHER = b"good" * 100, b"other" * 100


def pin(name, content=GOOD):
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest())


def wrong(path, pinned, content):
    return (
        f"{path} is not the published {pinned.name}: "
        f"expected {pinned.size_bytes:,} bytes with sha256 {pinned.sha256}, "
        f"got {len(content):,} bytes with sha256 {hashlib.sha256(content).hexdigest()}"
    )


@dataclass
class FakeSource:
    """Writes its content into the folder, or fails; counts how often it was asked."""

    file: PinnedFile
    content: bytes = GOOD
    error: Exception | None = None
    label: str = "fake source"
    origin: str = "nowhere"
    asked: int = 0

    @property
    def files(self):
        return (self.file,)

    def deliver(self, folder, *, quiet=False):  # noqa: ARG002 - as the cache calls it
        self.asked += 1
        if self.error:
            raise self.error
        (folder / self.file.name).write_bytes(self.content)

    def unpack(self, package, folder):
        if package.suffix != ".fake":
            return False
        self.deliver(folder)
        return True


@dataclass
class FakeItem:
    sources: tuple
    name: str = "model"
    files: tuple = ()
    pull_command: str = "pull model"

    def __post_init__(self):
        self.files = tuple(source.file for source in self.sources)


@dataclass
class Case:
    folder: Path
    official: FakeSource = field(default_factory=lambda: FakeSource(pin("model.pt")))
    converted: FakeSource = field(
        default_factory=lambda: FakeSource(pin("model.st", OTHER), OTHER, label="second source")
    )

    @property
    def item(self):
        return FakeItem((self.official, self.converted))


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.delenv("SAM_GEOMED_FILES", raising=False)
    return Case(tmp_path / "weights")


def test_first_source_fills_the_cache_and_is_asked_once(case):
    path = cache.fetch(case.item, case.folder)
    assert path == case.folder / "model.pt"
    assert path.read_bytes() == GOOD
    assert cache.fetch(case.item, case.folder) == path
    assert (case.official.asked, case.converted.asked) == (1, 0)


def test_next_source_is_tried_and_said(case, capsys):
    case.official.error = WeightsError("no network")
    assert cache.fetch(case.item, case.folder) == case.folder / "model.st"
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "fetching model: fake source\nfake source not reachable, trying second source ...\n"
    )


def test_source_with_a_wrong_file_is_said(case, capsys):
    case.official.error = IntegrityError("model.pt is not the published one")
    cache.fetch(case.item, case.folder)
    assert "fake source gave a wrong file, trying second source ...\n" in capsys.readouterr().err


def test_quiet_says_nothing(case, capsys):
    case.official.error = WeightsError("no network")
    cache.fetch(case.item, case.folder, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_without_a_source_the_error_says_which_file_to_put_where(case):
    case.official.error = WeightsError("https://a/model.pt: Name or service not known")
    case.converted.error = WeightsError("npm is not installed")
    with pytest.raises(WeightsError) as caught:
        cache.fetch(case.item, case.folder)
    assert type(caught.value) is WeightsError
    assert str(caught.value) == (
        "cannot fetch model:\n"
        "  https://a/model.pt: Name or service not known\n"
        "  npm is not installed\n"
        f"without a network, put this file into {case.folder}\n"
        "or name it: pull model --from FILE\n"
        f"  model.pt (400 bytes, sha256 {pin('x').sha256}) from nowhere\n"
        f"  model.st (500 bytes, sha256 {pin('x', OTHER).sha256}) from nowhere"
    )


def test_file_dropped_into_the_cache_is_taken(case):
    case.folder.mkdir()
    (case.folder / "model.pt").write_bytes(GOOD)
    assert cache.fetch(case.item, case.folder) == case.folder / "model.pt"
    assert case.official.asked == 0


def test_truncated_cached_file_is_fetched_again_and_said(case, capsys):
    case.folder.mkdir()
    path = case.folder / "model.pt"
    path.write_bytes(GOOD[:7])
    assert cache.fetch(case.item, case.folder) == path
    assert path.read_bytes() == GOOD
    assert capsys.readouterr().err == (
        f"{wrong(path, pin('model.pt'), GOOD[:7])}; fetching it again\n"
        "fetching model: fake source\n"
    )


def test_truncated_cached_file_is_refused_and_kept_without_a_source(case):
    case.folder.mkdir()
    path = case.folder / "model.pt"
    path.write_bytes(GOOD[:7])
    case.official.error = case.converted.error = WeightsError("no network")
    with pytest.raises(IntegrityError) as caught:
        cache.fetch(case.item, case.folder)
    assert str(caught.value).startswith(
        f"cannot fetch model:\n  {wrong(path, pin('model.pt'), GOOD[:7])}\n  no network\n"
    )
    assert path.read_bytes() == GOOD[:7]


def test_one_good_file_is_enough(case):
    case.folder.mkdir()
    (case.folder / "model.pt").write_bytes(b"bad")
    (case.folder / "model.st").write_bytes(OTHER)
    assert cache.fetch(case.item, case.folder) == case.folder / "model.st"
    assert case.official.asked == 0


def test_source_that_delivers_something_else_is_refused(case):
    case.official.content = b"else"
    case.converted.error = WeightsError("no network")
    with pytest.raises(IntegrityError) as caught:
        cache.fetch(case.item, case.folder)
    assert wrong(case.folder / "model.pt", pin("model.pt"), b"else") in str(caught.value)


def test_folders_of_the_user_are_used_where_they_lie(case, tmp_path, monkeypatch):
    given = tmp_path / "shared"
    given.mkdir()
    (given / "model.st").write_bytes(OTHER)
    monkeypatch.setenv("SAM_GEOMED_FILES", os.pathsep.join([str(tmp_path / "none"), str(given)]))
    assert cache.fetch(case.item, case.folder) == given / "model.st"
    assert not case.folder.exists()


def test_wrong_file_in_a_folder_of_the_user_is_refused(case, tmp_path, monkeypatch):
    (tmp_path / "model.pt").write_bytes(b"bad")
    monkeypatch.setenv("SAM_GEOMED_FILES", str(tmp_path))
    with pytest.raises(IntegrityError) as caught:
        cache.fetch(case.item, case.folder)
    assert str(caught.value) == (
        f"{wrong(tmp_path / 'model.pt', pin('model.pt'), b'bad')} "
        "(the folder is in $SAM_GEOMED_FILES: replace the file or remove it)"
    )
    assert case.official.asked == 0


def test_adopted_file_is_copied_under_its_published_name(case, tmp_path):
    file = tmp_path / "from a stick.bin"
    file.write_bytes(OTHER)
    assert cache.adopt(case.item, file, case.folder) == case.folder / "model.st"
    assert (case.folder / "model.st").read_bytes() == OTHER
    assert file.exists()


def test_adopted_package_is_unpacked(case, tmp_path):
    (tmp_path / "a.fake").touch()
    assert cache.adopt(case.item, tmp_path / "a.fake", case.folder) == case.folder / "model.pt"


def test_adopted_wrong_file_is_refused(case, tmp_path):
    file = tmp_path / "model.pt"
    file.write_bytes(b"bad")
    with pytest.raises(IntegrityError) as caught:
        cache.adopt(case.item, file, case.folder)
    assert str(caught.value) == (
        f"{file} is none of the published files of model:\n"
        f"  {pin('model.pt')}\n  {pin('model.st', OTHER)}"
    )
    with pytest.raises(IntegrityError) as caught:
        cache.adopt(FakeItem((case.official,)), file, case.folder)
    assert str(caught.value) == wrong(file, pin("model.pt"), b"bad")
    assert not (case.folder / "model.pt").exists()


def test_adopted_file_must_exist(case, tmp_path):
    with pytest.raises(InputError) as caught:
        cache.adopt(case.item, tmp_path / "none.pt", case.folder)
    assert str(caught.value) == f"no such file: {tmp_path / 'none.pt'}"


def test_cache_that_cannot_be_written_is_named(case):
    with pytest.raises(OutputError) as caught:
        cache.fetch(case.item, Path("/proc/weights"))
    assert str(caught.value) == (
        "cannot write to the cache /proc/weights: No such file or directory "
        "(set SAM_GEOMED_CACHE to a folder that can be written to)"
    )


def test_inspection(case):
    missing = cache.inspect(case.item, case.folder)
    assert [(s.path.name, s.status) for s in missing] == [("model.pt", "missing")]
    case.folder.mkdir()
    (case.folder / "model.pt").write_bytes(b"bad")
    (case.folder / "model.st").write_bytes(OTHER)
    found = cache.inspect(case.item, case.folder)
    assert [(s.path.name, s.status) for s in found] == [("model.pt", "wrong"), ("model.st", "ok")]
    assert cache.present(case.item, case.folder) == case.folder / "model.pt"


def test_a_cache_that_cannot_be_read_is_told(case, monkeypatch):
    case.folder.mkdir()
    (case.folder / "model.pt").write_bytes(GOOD)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    for name, look in (
        ("is_file", cache.present),
        ("is_file", cache.find),
        ("open", cache.inspect),
        ("open", cache.find),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refuse)
            with pytest.raises(InputError, match=r"cannot read the cache .*Permission denied"):
                look(case.item, case.folder)


def test_a_source_that_has_no_disk_is_told_as_such(case):
    case.official.error = OSError(28, "No space left on device")
    with pytest.raises(OutputError, match=r"cannot write to the cache .*No space left"):
        cache.fetch(case.item, case.folder, quiet=True)


# ---------------------------------------------------------------- folders

SERIES = PinnedFolder("series", (pin("1.dcm"), pin("2.dcm", OTHER)))


@dataclass
class FolderSource(FakeSource):
    """Delivers a folder of two files."""

    file: PinnedFolder = SERIES

    def deliver(self, folder, *, quiet=False):  # noqa: ARG002 - as the cache calls it
        self.asked += 1
        (folder / "series").mkdir(exist_ok=True)
        (folder / "series" / "1.dcm").write_bytes(GOOD)
        (folder / "series" / "2.dcm").write_bytes(self.content)


@pytest.fixture
def series(tmp_path, monkeypatch):
    monkeypatch.delenv("SAM_GEOMED_FILES", raising=False)
    return FolderSource(content=OTHER)


def test_a_folder_is_fetched_once(series, tmp_path):
    item = FakeItem((series,))
    assert cache.present(item, tmp_path) is None
    assert cache.fetch(item, tmp_path) == tmp_path / "series"
    assert cache.fetch(item, tmp_path) == cache.present(item, tmp_path) == tmp_path / "series"
    assert series.asked == 1
    (status,) = cache.inspect(item, tmp_path)
    assert (status.status, status.sha256) == ("ok", SERIES.sha256)


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x")])
def test_a_folder_with_a_lost_or_wrong_file_is_fetched_again(harm, series, tmp_path):
    item = FakeItem((series,))
    cache.fetch(item, tmp_path)
    harm(tmp_path / "series" / "2.dcm")
    assert cache.fetch(item, tmp_path) == tmp_path / "series"
    assert series.asked == 2
    assert SERIES.matches(tmp_path / "series")


def test_a_source_that_delivers_a_wrong_folder_is_refused(series, tmp_path):
    series.content = b"else"
    with pytest.raises(IntegrityError, match=r"/series/2.dcm is not the published 2.dcm"):
        cache.fetch(FakeItem((series,)), tmp_path)


def test_an_adopted_folder_is_copied(series, tmp_path):
    given = tmp_path / "from a stick"
    given.mkdir()
    (given / "1.dcm").write_bytes(GOOD)
    with pytest.raises(IntegrityError) as caught:
        cache.adopt(FakeItem((series,)), given, tmp_path / "samples")
    assert str(caught.value) == (
        f"{given}/2.dcm is missing: series (a folder of 2 files, 900 bytes) is not whole"
    )
    (given / "2.dcm").write_bytes(OTHER)
    adopted = cache.adopt(FakeItem((series,)), given, tmp_path / "samples")
    assert adopted == tmp_path / "samples" / "series"
    assert SERIES.matches(adopted)


def test_a_folder_of_the_user_is_used_where_it_lies(series, tmp_path, monkeypatch):
    given = tmp_path / "shared"
    given.mkdir()
    series.deliver(given)
    monkeypatch.setenv("SAM_GEOMED_FILES", str(given))
    assert cache.fetch(FakeItem((series,)), tmp_path / "samples") == given / "series"
    assert series.asked == 1


def test_a_folder_is_none_of_the_files(case):
    case.folder.mkdir()
    with pytest.raises(IntegrityError, match="is none of the published files of model"):
        cache.adopt(case.item, case.folder, case.folder)


PROCESS = """
import hashlib, sys
from pathlib import Path
from types import SimpleNamespace
from sam_common.published import cache
from sam_common.published.pinned_file import PinnedFile, PinnedFolder

folder, content = Path(sys.argv[1]), b"content" * 1000
pinned = PinnedFile("model.pt", len(content), hashlib.sha256(content).hexdigest())

class Source:
    label = origin = "slow source"
    files = (pinned,)

    def deliver(self, folder, *, quiet=False):
        sys.stdout.write("delivering\\n")
        sys.stdout.flush()
        sys.stdin.readline()
        (folder / "model.pt").write_bytes(content)

item = SimpleNamespace(name="model", files=(pinned,), sources=(Source(),), pull_command="pull")
sys.stdout.write(str(cache.fetch(item, folder)) + "\\n")
"""


def start(folder):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", PROCESS, str(folder)], text=True, **pipes)


def test_two_processes_fetch_once(tmp_path):
    with start(tmp_path) as first, start(tmp_path / "unrelated") as unrelated:
        assert first.stdout.readline() == "delivering\n"
        assert unrelated.stdout.readline() == "delivering\n"  # another folder, another lock
        with start(tmp_path) as second:
            waiting = second.stderr.readline()
            assert waiting == "another process is fetching model, waiting for it\n"
            first.stdin.write("go on\n")
            first.stdin.flush()
            assert second.communicate() == (f"{tmp_path / 'model.pt'}\n", "")
            assert second.returncode == 0
        assert first.communicate()[0] == f"{tmp_path / 'model.pt'}\n"
        unrelated.communicate("go on\n")


def test_killed_process_leaves_no_lock(tmp_path):
    with start(tmp_path) as first:
        assert first.stdout.readline() == "delivering\n"
        first.kill()
    with start(tmp_path) as second:
        out, err = second.communicate("go on\n")
    assert out == f"delivering\n{tmp_path / 'model.pt'}\n"
    assert err == "fetching model: slow source\n"
