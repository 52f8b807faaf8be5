"""The addresses of protocol 1: requests of every shape, events and files."""

from __future__ import annotations

import json
import socket

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from live_server import TOKEN, WAIT, Gate, ask, raster, write_raster

from sam_common.server.client import Client, ServerError


def test_many_listeners_take_no_thread(served):
    gate = Gate()
    job = served.service.jobs.start("export", gate, lane="s1")
    assert gate.begun.wait(WAIT)
    request = (
        f"GET /v1/jobs/{job.id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {served.connection.token}\r\n\r\n"
    ).encode()
    listening = []
    for _ in range(60):
        raw = socket.create_connection(("127.0.0.1", served.connection.port), timeout=WAIT)
        raw.sendall(request)
        assert raw.recv(1000)
        listening.append(raw)
    other = Client(served.connection.port, served.connection.token, timeout=60)
    assert other.health()["status"] == "ok"
    # whatever needs a thread has one, too
    assert other.sessions() == []
    other.close()
    gate.open.set()
    for raw in listening:
        heard = b""
        while b'"state": "done"' not in heard:
            heard += raw.recv(10_000)
        raw.close()


def test_a_log_is_no_request_for_a_session(served):
    with pytest.raises(ServerError) as refused:
        served.connection.json("POST", "/v1/sessions", {"log": raster(served).log()})
    assert refused.value.status == 422


def test_events_end_with_the_last_state(served):
    session = raster(served)
    session.set_box(session.add_object("a"), (0, 0, 5, 5))
    events = list(session.export(["geojson"]).events())
    assert events[-1][0] == "state"
    assert events[-1][1]["state"] == "done"
    assert [each["name"] for each in events[-1][1]["results"]] == ["objects.geojson"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"kind": NaN}', b'{"kind": "raster"}',
             b'{"kind": "raster", "path": "a\\u0000b"}', b'{"kind":"raster","path":"\\ud800"}'],
)  # fmt: skip
def test_a_malformed_request_is_the_clients_fault(served, body):
    status, content, _ = ask(served, "POST", "/v1/sessions", body, Content_Type="application/json")
    assert 400 <= status < 500
    assert set(json.loads(content)["error"]) == {"type", "message"}


def test_a_result_is_fetched_by_its_own_name_only(served):
    session = served.open_raster(write_raster(served.root / "a.tif"))
    session.add_object("tree")
    job = session.export(["gpkg"])
    assert job.wait()["state"] == "done"
    for name in ("..%2f..%2froot%2fa.tif", "../objects.gpkg", ".", "%2e%2e"):
        assert ask(served, path=f"/v1/jobs/{job.id}/results/{name}")[0] in {404, 405}


def test_any_request_that_fits_the_schema_is_answered_without_a_defect(served):
    base = f"http://127.0.0.1:{served.connection.port}"
    served.open_raster(write_raster(served.root / "a.tif"))
    schema = schemathesis.openapi.from_dict(json.loads(ask(served, path="/v1/openapi.json")[1]))
    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.append(operation.path)

        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def fuzz(case):
            # half of it meets a session that is there; closing that would leave nothing to meet
            if "session" in case.path_parameters and case.method != "DELETE":
                case.path_parameters.update(session="s1")
            answer = case.call(base_url=base, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code < 500, answer.text

        fuzz()
    assert len(seen) >= 18
    assert served.health()["status"] == "ok"
