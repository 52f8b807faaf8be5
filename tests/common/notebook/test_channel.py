"""The channel: what a page asks is what the server says, in messages that a kernel can carry."""

from __future__ import annotations

import contextvars
import json
import threading

import pytest

from sam_common.notebook import channel as module
from sam_common.notebook.channel import Channel
from sam_common.server.client import ServerError

WAIT = 300
EVENTS = {"content-type": "text/event-stream"}


class Server:
    """A connection that answers from a table; what it was asked stands in `asked`."""

    def __init__(self):
        self.asked = []
        self.answers = {}
        self.events = []

    def exchange(self, method, path, body=None, content_type="application/octet-stream"):
        self.asked.append((method, path, body, content_type))
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer()
        return answer

    def stream(self, _path):
        for each in self.events:
            if isinstance(each, Exception):
                raise each
            yield each


class Page:
    """The messages that a page hears, by request."""

    def __init__(self):
        self.heard = []
        self.arrived = threading.Condition()

    def send(self, message, buffers):
        with self.arrived:
            self.heard.append((message, buffers))
            self.arrived.notify_all()

    def answer(self, ask):
        """All messages of an answer, once the last one is there."""

        def found():
            own = [each for each in self.heard if each[0]["ask"] == ask]
            is_whole = own and (own[-1][0].get("more") is False or "lost" in own[-1][0])
            return own if is_whole else None

        with self.arrived:
            assert self.arrived.wait_for(found, WAIT)
            return found()


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def page():
    return Page()


@pytest.fixture
def channel(server, page):
    opened = Channel(server, page.send)
    yield opened
    opened.close()


def asked(path, **more):
    return {"ask": "a1", "method": "GET", "path": path, "body": None, **more}


def test_a_request_is_acknowledged_and_answered(channel, server, page):
    server.answers["/v1/x"] = b"png", {"Content-Type": "image/png", "Server": "own"}
    channel.hear(asked("/v1/x", method="POST", body='{"n": "ä"}'))
    assert page.answer("a1") == [
        ({"ask": "a1"}, []),
        (
            {"ask": "a1", "more": False, "status": 200, "headers": {"content-type": "image/png"}},
            [b"png"],
        ),
    ]
    assert server.asked == [("POST", "/v1/x", '{"n": "ä"}'.encode(), "application/json")]


def test_an_empty_answer_is_one(channel, server, page):
    server.answers["/v1/x"] = b"", {"content-type": "text/css"}
    channel.hear(asked("/v1/x"))
    assert page.answer("a1")[1:] == [
        ({"ask": "a1", "more": False, "status": 200, "headers": {"content-type": "text/css"}}, [])
    ]


def test_the_window_of_a_mask_is_told(channel, server, page):
    server.answers["/v1/x"] = b"m", {"X-Window": "[[0, 0, 1], [2, 3, 4]]"}
    channel.hear(asked("/v1/x"))
    assert page.answer("a1")[1][0]["headers"] == {"x-window": "[[0, 0, 1], [2, 3, 4]]"}


def test_a_large_answer_comes_in_parts(channel, server, page, monkeypatch):
    monkeypatch.setattr(module, "PART_BYTES", 4)
    server.answers["/v1/x"] = b"0123456789", {"Content-Type": "a/b"}
    channel.hear(asked("/v1/x"))
    _, *parts = page.answer("a1")
    assert [content for _, (content,) in parts] == [b"0123", b"4567", b"89"]
    assert [message["more"] for message, _ in parts] == [True, True, False]
    assert ["status" in message for message, _ in parts] == [True, False, False]


def test_a_refusal_is_told_as_the_server_tells_it(channel, server, page):
    server.answers["/v1/x"] = ServerError("no session s9", status=404, kind="NotFoundError")
    channel.hear(asked("/v1/x"))
    ((message, (content,)),) = page.answer("a1")[1:]
    assert message["status"] == 404
    assert json.loads(content) == {"error": {"type": "NotFoundError", "message": "no session s9"}}


def test_a_server_that_has_ended_is_told(channel, server, page):
    server.answers["/v1/x"] = ServerError("the server cannot be reached: gone")
    channel.hear(asked("/v1/x"))
    assert page.answer("a1")[1:] == [({"ask": "a1", "lost": True}, [])]


def test_events_of_a_job_come_as_they_happen(channel, server, page):
    server.events = [("state", {"done": 1}), ("end", {"state": "done"})]
    channel.hear(asked("/v1/jobs/j1/events"))
    _, *parts = page.answer("a1")
    assert [message.get("headers") for message, _ in parts] == [EVENTS, None, None]
    assert b"".join(part for _, buffers in parts for part in buffers) == (
        b'event: state\ndata: {"done": 1}\n\nevent: end\ndata: {"state": "done"}\n\n'
    )


def test_events_without_any_are_an_answer_too(channel, page):
    channel.hear(asked("/v1/jobs/j1/events"))
    head = {"status": 200, "headers": EVENTS}
    assert page.answer("a1")[1:] == [({"ask": "a1", "more": False, **head}, [])]


def test_a_job_that_is_not_there_and_a_server_that_dies_meanwhile(channel, server, page):
    server.events = [ServerError("no job j1", status=404, kind="NotFoundError")]
    channel.hear(asked("/v1/jobs/j1/events"))
    assert page.answer("a1")[1][0]["status"] == 404
    server.events = [("state", {}), ServerError("the connection to the server broke")]
    channel.hear({**asked("/v1/jobs/j1/events"), "ask": "a2"})
    assert page.answer("a2")[-1] == ({"ask": "a2", "lost": True}, [])


def test_jobs_that_are_followed_hold_up_no_click(server, page, monkeypatch):
    """Of one thread for answers, none is taken by a job that does not end."""
    monkeypatch.setattr(module, "THREADS", 1)
    goes_on = threading.Event()

    def stream(path):
        yield "state", {}
        assert goes_on.wait(WAIT)

    server.stream = stream
    server.answers["/v1/x"] = b"click", {}
    channel = Channel(server, page.send)
    channel.hear({**asked("/v1/jobs/j1/events"), "ask": "job"})
    channel.hear(asked("/v1/x"))
    assert page.answer("a1")[-1][1] == [b"click"]
    goes_on.set()
    assert page.answer("job")[-1][0]["more"] is False
    channel.close()


def test_answers_are_sent_in_the_context_of_the_message(channel, server, page):
    """A kernel knows by it to which message of the browser an answer belongs."""
    parent = contextvars.ContextVar("parent", default="none")
    seen = []

    def answer():
        seen.append(parent.get())
        return b"", {}

    server.answers["/v1/x"] = answer
    context = contextvars.copy_context()
    context.run(parent.set, "message 7")
    context.run(channel.hear, asked("/v1/x"))
    page.answer("a1")
    assert seen == ["message 7"]


def test_a_closed_channel_says_nothing(server, page):
    channel = Channel(server, page.send)
    begun, goes_on = threading.Event(), threading.Event()

    def answer():
        begun.set()
        assert goes_on.wait(WAIT)
        return b"late", {}

    server.answers["/v1/x"] = answer
    channel.hear(asked("/v1/x"))
    assert begun.wait(WAIT)
    channel.close()
    channel.hear({**asked("/v1/x"), "ask": "a2"})
    goes_on.set()
    channel._pool.shutdown(wait=True)
    assert page.heard == [({"ask": "a1"}, [])]


def test_other_messages_are_not_for_it(channel, page):
    channel.hear({"kind": "something else"})
    assert page.heard == []
