"""The process of a server: its first line, its end, and real networks behind it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from live_server import WAIT

from sam_common.published import checkpoints
from sam_common.server.client import Client
from tests.conftest import resident_bytes


def start(env, *options):
    command = [sys.executable, "-m", "sam_common.cli", "serve", *options]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
    )


def picture(side=256):
    shades = np.random.default_rng(0).integers(60, 90, (side, side, 3)).astype(np.uint8)
    shades[100:150, 90:160] = (200, 180, 40)
    return shades


def test_the_first_line_says_how_to_connect(env):
    with start(env, "--watch-stdin") as process:
        hello = json.loads(process.stdout.readline())
        assert set(hello) == {"port", "token", "protocol", "version", "pid"}
        assert (hello["protocol"], hello["pid"]) == (1, process.pid)
        assert len(hello["token"]) >= 43
        client = Client(hello["port"], hello["token"])
        assert client.health()["status"] == "ok"
        client.close()
        process.stdin.close()
        assert process.wait(WAIT) == 0
        # nothing else is ever on stdout, and the token stands nowhere else
        assert process.stdout.read() == b""
        assert hello["token"].encode() not in process.stderr.read()


def test_a_server_with_a_page_says_where_it_is(env):
    with start(env, "--watch-stdin", "--ui") as process:
        hello = json.loads(process.stdout.readline())
        origin = f"http://127.0.0.1:{hello['port']}"
        assert hello["page"] == f"{origin}/#token={hello['token']}"
        for path in ("/", "/page/app.js", "/page/ol/ol.js", "/page/niivue/niivue.js"):
            with urllib.request.urlopen(origin + path, timeout=WAIT) as answer:  # noqa: S310 (our own)
                assert answer.read(1)
        process.stdin.close()
        assert process.wait(WAIT) == 0


@pytest.mark.parametrize("end", ["stdin", "SIGTERM", "SIGINT"])
def test_the_end_leaves_no_folder(env, tmp_path, end):
    with start(env, "--watch-stdin") as process:
        hello = json.loads(process.stdout.readline())
        client = Client(hello["port"], hello["token"])
        client.upload(picture(64))
        assert [p.name[:11] for p in tmp_path.iterdir() if p.is_dir()] == ["sam-server-"]
        (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
        assert folder.stat().st_mode & 0o077 == 0
        if end == "stdin":
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, end))
        process.wait(WAIT)
        client.close()
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]


def test_an_address_that_others_reach_must_be_allowed(env):
    with start(env, "--host", "0.0.0.0") as process:  # noqa: S104 (it is refused)
        said = process.communicate(timeout=WAIT)[1]
    assert process.returncode == 2
    assert b"--allow-remote" in said


@pytest.mark.slow
def test_real_models_find_objects_from_two_clients_at_once(env, data):
    ct = data / "med" / "volumes" / "ct_abdomen" / "ct.nii.gz"
    aerial = data / "geo" / "neon_osbs_trees" / "OSBS_029.tif"
    for name in ("mobile_sam", "lite_medsam"):
        checkpoints.fetch(name)  # of which the server would tell
    with Client.start(roots=[data], env=env) as client:

        def clicks(_):
            session = client.open_raster(aerial)
            tree = session.add_object("tree")
            return [session.add_point(tree, (200, 200 + n)).changed[0].area for n in range(3)]

        def boxes(_):
            session = client.open_volume(ct)
            organ = session.add_object("spleen")
            box = (46, 19, 72, 48)
            return [
                session.set_box(organ, box, axis=0, index=83 + n).changed[0].area for n in range(3)
            ]

        with ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(work, n) for n in range(2) for work in (clicks, boxes)]
            one, two, three, four = (each.result() for each in asked)
        assert one == three
        assert two == four
        assert all(area > 0 for area in one + two)
        assert client.log_lines() == []


@pytest.mark.slow
def test_many_requests_and_clients_do_not_make_the_server_grow(env):
    with Client.start(env=env) as client:
        session = client.open_raster_array(picture())
        name = session.add_object("mark")
        pid = client.hello["pid"]
        session.set_box(name, (85, 95, 165, 155))
        for n in range(20):
            session.add_point(name, (100 + n, 120))
        before = resident_bytes(pid)
        for n in range(200):
            session.move_point(name, n % 20, (95 + n % 60, 110 + n % 30))

        def work(number):
            other = client.open_raster_array(picture())
            own = other.add_object(f"mark {number}")
            areas = [other.set_box(own, (85, 95, 165, 150 + n)).changed[0].area for n in range(5)]
            assert other.objects()[0]["name"] == f"mark {number}"
            other.close()
            return areas

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(work, range(8)))
        assert all(areas == found[0] for areas in found)
        assert client.health()["sessions"] == 1
        assert resident_bytes(pid) - before < 300 << 20


@pytest.mark.slow
def test_a_client_that_dies_in_the_middle_of_a_request_harms_nobody(env):
    with Client.start(env=env) as client:
        session = client.open_raster_array(picture())
        name = session.add_object("mark")
        body = json.dumps({"op": "set_box", "object": name, "box": [85, 95, 165, 155]}).encode()
        head = (
            f"POST /v1/sessions/{session.id}/edits HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {client.connection.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        for sent in (head, head + body[:10], head + body):
            with socket.create_connection(("127.0.0.1", client.connection.port)) as raw:
                raw.sendall(sent)
        assert session.add_point(name, (120, 120)).changed[0].status == "ok"
        assert client.is_running
        assert client.log_lines() == []
