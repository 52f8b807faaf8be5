from __future__ import annotations

from sam_common.tiled_job.parts import Part
from sam_common.tiled_job.work import JobReport, Work


def test_a_window_is_asked_for_by_its_number_unless_work_says_otherwise():
    assert Work(lambda n: n, lambda _n, _item: Part()).ask(7) == 7
    assert Work(lambda n: n, lambda _n, _item: Part(), "abcdefgh".__getitem__).ask(7) == "h"


def test_messages_are_in_the_order_of_the_windows():
    report = JobReport(9, 0, {8: "last", 1: "first"})
    assert report.messages == ["first", "last"]
