"""An Orthanc of the tests' own: loopback, a port that nobody else has, an empty storage."""

import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from dicomweb import DicomWeb

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
ROOT = Path(__file__).parents[3]
STARTED, TAKEN = "Orthanc has started", "already in use"
TRIES = 20
"""Ports that are tried."""


@pytest.fixture(scope="session")
def data():
    root = Path(os.environ.get("SAM_TEST_DATA", ROOT.parent / "shared/data"))
    assert (root / "MANIFEST.md").is_file(), f"no test data in {root}: set SAM_TEST_DATA"
    return root


@pytest.fixture(scope="session")
def pacs(tmp_path_factory):
    program = shutil.which("Orthanc")
    assert program, "Orthanc is missing: make test-orthanc installs it"
    assert PLUGIN.is_file(), f"{PLUGIN} is missing: install orthanc-dicomweb"
    for _ in range(TRIES):
        process, port, said = start(program, tmp_path_factory.mktemp("orthanc"))
        if STARTED in said[-1]:
            break
        assert process.wait() != 0
        process.stderr.close()
        # another program took the port between its choice and its use
        assert any(TAKEN in line for line in said), f"Orthanc did not start: {''.join(said[-10:])}"
    else:
        pytest.fail(f"{TRIES} free ports were taken by others before Orthanc used them")
    # it writes on; a full pipe would stop it
    drain = threading.Thread(target=process.stderr.read, daemon=True)
    drain.start()
    yield DicomWeb(f"http://127.0.0.1:{port}/dicom-web")
    process.terminate()
    process.wait()
    drain.join()
    process.stderr.close()


def start(program, folder):
    """Start Orthanc; gives the process, its port, and what it said until it has started or ended.

    Orthanc can neither be handed a socket nor be asked which port it took.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [program, str(folder / "orthanc.json")], stderr=subprocess.PIPE, text=True
    )
    said = [""]
    for line in process.stderr:
        said.append(line)
        if STARTED in line:
            break
    return process, port, said
