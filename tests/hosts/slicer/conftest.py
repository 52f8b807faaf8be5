"""The module as it ships, unzipped, over Slicer's own libraries; the suite's server beside it."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DATA = Path(os.environ.get("SAM_TEST_DATA", ROOT.parent / "shared/data"))
sys.path[:0] = [str(HERE), str(ROOT / "sam_common/installation"), str(ROOT / "tests/oracles")]
_unzipped = tempfile.TemporaryDirectory()


def pytest_configure(config):
    import plugin_zip
    import standin

    folder = Path(_unzipped.name)
    pip = [os.environ["SAM_SUITE_PYTHON"], "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", folder / "wheel", ROOT], check=True)
    (wheel,) = (folder / "wheel").iterdir()
    archive = plugin_zip.plugin_zip(ROOT / "sam_med/slicer_module/SegmentAnything", folder, wheel)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    sys.path.insert(0, str(folder / "SegmentAnything"))
    standin.install(folder / "settings.ini")


def pytest_unconfigure(config):
    _unzipped.cleanup()


@pytest.fixture(scope="session")
def data():
    assert (DATA / "MANIFEST.md").is_file(), f"no test data in {DATA}: set SAM_TEST_DATA"
    return DATA


@pytest.fixture(scope="session", autouse=True)
def application():
    import qt

    return qt.QApplication.instance() or qt.QApplication([])


@pytest.fixture(autouse=True)
def scene():
    import slicer

    slicer.mrmlScene.Clear()
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear()


@pytest.fixture(scope="session")
def server():
    """One server for all tests that do not end it, by its client."""
    from oracle import SUITE, VARIABLES
    from SegmentAnythingLib import environment

    started = environment.start_server(str(SUITE), VARIABLES)
    yield started
    started.close()


@pytest.fixture
def client(server):
    """The server, which goes on encoding ahead of corrections no longer than the test lasts."""
    from SegmentAnythingLib.suite_client import Session

    yield server
    for about in server.sessions():
        Session(server, about).close()


@pytest.fixture
def logic(client):
    from oracle import SUITE, VARIABLES
    from SegmentAnything import SegmentAnythingLogic

    made = SegmentAnythingLogic()
    made.environment, made.serverVariables, made.client = str(SUITE), VARIABLES, client
    return made
