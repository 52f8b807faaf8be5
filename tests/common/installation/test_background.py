from __future__ import annotations

import threading

from sam_common.installation.background import Background
from sam_common.installation.commands import InstallError


def ended(work):
    background = Background(work)
    background.wait()
    return background.news()


def test_what_is_told_is_read_in_its_order_and_once():
    def work(feedback):
        feedback.say("begun")
        feedback.progress(0.5, "half")

    background = Background(work)
    background.wait()
    told = [("line", "begun"), ("share", (0.5, "half")), ("finished", "")]
    assert background.news() == told
    assert background.news() == []


def test_every_end_is_told():
    def refused(_feedback):
        raise InstallError("no room")

    assert ended(refused) == [("failed", "no room")]
    assert ended(lambda _feedback: 1 / 0)[0][0] == "failed"


def test_it_is_cancelled():
    begun = threading.Event()

    def work(feedback):
        begun.set()
        while True:
            feedback.check()

    background = Background(work)
    begun.wait()
    background.cancel()
    background.wait()
    assert background.news() == [("cancelled", "")]
