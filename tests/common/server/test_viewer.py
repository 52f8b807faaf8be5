"""The viewer: what it opens, what it says, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from live_server import WAIT, write_raster

from sam_common.errors import InputError
from sam_common.server import viewer


@pytest.fixture
def started(monkeypatch, capsys):
    """What a server would start with, and what is said once it listens."""
    asked = []

    def serve(settings, announce):
        asked.append(settings)
        announce({"page": "http://127.0.0.1:9/#token=t&session=s1"}, None)

    monkeypatch.setattr(viewer, "serve", serve)
    monkeypatch.setattr(viewer, "open_browser", lambda *_given: True)
    return asked


def test_a_file_is_opened_from_its_own_folder_alone(started, tmp_path, capsys):
    path = write_raster(tmp_path / "a.tif")
    viewer.view({"kind": "raster", "path": str(path), "bands": [1], "stretch": None}, port=8765)
    (settings,) = started
    assert (settings.roots, settings.port, settings.host) == ((tmp_path,), 8765, "127.0.0.1")
    assert (settings.source.path, settings.source.bands) == (str(path), [1])
    assert settings.page_libraries == ("ol",)
    said = capsys.readouterr()
    assert said.out == "http://127.0.0.1:9/#token=t&session=s1\n"
    assert said.err == "the page is open in your browser; Ctrl-C here ends it\nended\n"


def test_a_folder_is_its_own_root_and_nothing_need_be_opened(started, tmp_path, capsys):
    viewer.view({"kind": "volume", "path": str(tmp_path)}, is_opened=False)
    (settings,) = started
    assert settings.roots == (tmp_path,)
    assert settings.page_libraries == ("niivue",)
    assert capsys.readouterr().err.startswith("open this address in a browser")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"kind": "raster", "path": "missing.tif"}, "no such file: missing.tif"),
        ({"kind": "raster", "path": "https://a.example/b.tif"}, "files of this machine"),
        ({"kind": "raster", "path": ".", "bands": [0]}, "bands.0: .*, got 0"),
        ({"kind": "volume", "path": ".", "time": 0}, "time: .*, got 0"),
    ],
)
def test_what_cannot_be_asked_for_is_told_before_anything_starts(started, request_, said):
    with pytest.raises(InputError, match=said):
        viewer.view(request_)
    assert started == []


def test_the_page_of_a_real_process(tmp_path):
    """Without a network: the session is open, no click is made."""
    path = write_raster(tmp_path / "a.tif")
    code = (
        "from sam_common.segmenter.fake import FakeSegmenter\n"
        "from sam_common.server.sessions import models\n"
        "from sam_common.server import viewer\n"
        "models._load = lambda _name: FakeSegmenter()\n"
        "viewer.LIBRARIES = {'raster': ('ol',)}\n"
        "import sam_common.server.page.files as files\n"
        "files.library_folder = lambda name, quiet=False: files.STATIC\n"
        f"viewer.view({{'kind': 'raster', 'path': {str(path)!r}}}, is_opened=False)\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        address = urlsplit(process.stdout.readline().decode().strip())
        secrets = parse_qs(address.fragment)
        origin = f"http://{address.netloc}"
        with urllib.request.urlopen(f"{origin}/", timeout=WAIT) as page:  # noqa: S310 (our own)
            assert b"<title>sam-geomed</title>" in page.read()
        asked = urllib.request.Request(  # noqa: S310 (our own)
            f"{origin}/v1/sessions/{secrets['session'][0]}",
            headers={"Authorization": f"Bearer {secrets['token'][0]}", "Origin": origin},
        )
        with urllib.request.urlopen(asked, timeout=WAIT) as answer:  # noqa: S310
            assert json.load(answer)["source"]["name"] == "a.tif"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert said.decode().splitlines() == [
        "open this address in a browser; Ctrl-C here ends it",
        "ended",
    ]
    assert secrets["token"][0].encode() not in said
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
