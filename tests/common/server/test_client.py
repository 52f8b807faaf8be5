"""The client that hosts carry: its connections, its masks, and servers that it starts."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from live_server import WAIT

from sam_common.masks.rle import RLE, decode
from sam_common.server.client import Client, ServerError, run_lengths


def test_the_connection_of_a_thread_goes_with_it(served):
    """A host that asks from a new thread each time does not run out of descriptors."""
    known = []

    def ask():
        served.health()
        known.append(served.connection._connection())

    for _ in range(5):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    gc.collect()
    assert len(set(map(id, known))) == 5
    assert all(connection.sock is None for connection in known)
    assert not served.connection._all
    served.health()
    assert len(served.connection._all) == 1


def test_run_lengths_of_the_client_are_those_of_the_suite():
    # whose own are compared with pycocotools in test_rle
    drawn = np.random.default_rng(2).random((17, 23)) > 0.4
    assert np.array_equal(decode(RLE((17, 23), np.array(run_lengths(drawn)))), drawn)


def test_a_server_that_is_gone_is_said_to_be_gone(env):
    client = Client.start(env=env)
    os.kill(client.hello["pid"], signal.SIGKILL)
    client._process.wait(WAIT)
    with pytest.raises(ServerError, match="server") as refused:
        client.health()
    assert refused.value.status == 0
    client.close()


def test_the_client_needs_numpy_alone():
    code = "import sys, sam_common.server.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "fastapi", "pydantic", "rasterio", "cv2"} & set(done.stdout.split())


def test_a_server_that_cannot_start_says_why(env):
    with pytest.raises(ServerError, match="--root must be a folder"):
        Client.start(roots=["/nothing/there"], env=env)
