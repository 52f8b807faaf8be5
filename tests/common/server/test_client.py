"""The client that hosts carry: its connections, its masks, and servers that it starts."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from live_server import WAIT, volume

from sam_common.errors import InputError
from sam_common.masks.rle import RLE, decode
from sam_common.server.client import (
    Client,
    Job,
    Mask,
    ServerError,
    _cropped,
    run_lengths,
    taught_lines,
)


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


def test_a_mask_is_what_its_run_lengths_or_its_pixels_say():
    mask = Mask.from_json({"window": [[2, 3], [4, 6]], "counts": [1, 2, 3], "axis": 0, "index": 7})
    assert mask.shape == (2, 3)
    # down the columns, background first
    assert mask.array.tolist() == [[False, True, False], [True, False, False]]
    assert (mask.axis, mask.index) == (0, 7)
    pixels = np.ones((2, 3), dtype=bool)
    assert Mask(mask.window, pixels=pixels).array is pixels
    assert Mask.from_json({"window": None, "counts": []}).shape == (0, 0)


def test_an_error_of_the_server_is_told_in_its_own_words(served):
    with pytest.raises(ServerError, match=r"^no session s99: it was closed") as refused:
        served.connection.json("GET", "/v1/sessions/s99")
    assert (refused.value.status, refused.value.kind) == (404, "NotFoundError")
    with pytest.raises(ServerError, match="no job j99") as refused:
        list(served.connection.stream("/v1/jobs/j99/events"))
    assert refused.value.status == 404
    wrong = Client(served.connection.port, "wrong")
    with pytest.raises(ServerError, match="the token is missing or wrong"):
        wrong.health()
    wrong.close()


def test_where_nobody_listens_the_server_cannot_be_reached():
    # taken, so that no other process listens there in the meantime
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = Client(taken.getsockname()[1], "token")
        with pytest.raises(ServerError, match=r"^the server cannot be reached: ") as refused:
            client.health()
    assert (refused.value.status, refused.value.kind) == (0, "ConnectionError")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit('no network here')", "the server did not start:\nno network here"),
        ("print('{}')", "the server did not start:\n"),
        (
            'print(\'{"port": 1, "token": "t", "protocol": 2}\')',
            "the server speaks protocol 2, this client 1: install versions that belong together",
        ),
    ],
)
def test_a_program_that_is_no_such_server_is_ended(code, expected):
    with pytest.raises(ServerError) as refused:
        Client.start([sys.executable, "-c", code])
    assert str(refused.value) == expected


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(ServerError, match=r"^cannot start /nothing/there: No such file"):
        Client.start(["/nothing/there"])


def test_a_file_of_a_job_appears_whole(served, tmp_path):
    def work(job):
        (job.folder / "a b.txt").write_bytes(b"content")
        return {"n": 1}

    known = served.service.jobs.start("export", work, lane="s1")
    job = Job(served, known.id)
    seen = []
    state = job.wait(lambda done, total, what: seen.append((done, total, what)))
    assert (state["state"], state["summary"]) == ("done", {"n": 1})
    assert job.result("a b.txt") == b"content"
    job.download("a b.txt", tmp_path / "a.txt")
    assert [path.name for path in tmp_path.glob("a.txt*")] == ["a.txt"]
    job.cancel()
    with pytest.raises(ServerError, match=f"no job {known.id}"):
        job.state()


def test_a_job_that_fails_says_why(served):
    def work(_job):
        raise InputError("the raster has no bands")

    job = Job(served, served.service.jobs.start("export", work, lane="s1").id)
    with pytest.raises(ServerError, match=r"^the raster has no bands$") as failed:
        job.wait()
    assert failed.value.kind == "JobError"


def test_a_taught_mask_of_another_shape_is_refused_before_it_is_sent(served):
    session = volume(served)
    with pytest.raises(ServerError) as refused:
        session.finetune("liver", {"liver": np.ones((12, 40, 5), np.uint8)})
    assert str(refused.value) == (
        "the mask of liver has the shape (12, 40, 5), the volume (12, 40, 50)"
    )


def test_what_is_sent_of_a_mask_is_its_window():
    mask = np.zeros((4, 6, 8), np.uint8)
    mask[1:3, 2, 3:8] = 5
    start, part = _cropped(mask)
    assert start == [1, 2, 3]
    assert part.shape == (2, 1, 5)
    assert part.all()
    assert _cropped(mask * 0)[1].tolist() == [[[False]]]


def test_a_taught_model_is_told_in_lines():
    card = {
        "data": {"objects": {"learn": 8, "stop": 3, "judge": 5}},
        "figures": {
            "boxes": {
                "before": 0.7, "after": 0.69, "low": -0.03, "high": 0.01,
                "prompt_alone": {"box filled": 0.6},
            }
        },
        "verdict": {"text": "Not to be taken."},
    }  # fmt: skip
    lines = list(taught_lines(card, "slices with objects"))
    assert lines[0] == "8 slices with objects were learned, 3 said when to stop, 5 judge"
    assert lines[1] == (
        "mean IoU by box: 0.700 before, 0.690 after (gain -0.030 to +0.010; from the box alone: "
        "box filled 0.600)"
    )
    assert lines[2:] == ["Not to be taken."]
