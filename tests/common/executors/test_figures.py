from __future__ import annotations

import json

import pytest

from sam_common.executors.figures import EVENTS, Figures, packed_bytes, recorded


def answered(figures, worker, *durations, error=None):
    for seconds in durations:
        figures.answered(worker, (b"12345", {}), error, seconds)


def test_the_facts_of_each_worker():
    figures = Figures(threads=3)
    answered(figures, "tcp://a", 0.5, 1.5, 1.0)
    answered(figures, "tcp://b", 0.25, error=ValueError("x"))
    figures.events["retried"] += 2
    facts = figures.facts()
    assert json.loads(json.dumps(facts)) == facts
    assert {name: facts[name] for name in EVENTS} == dict.fromkeys(EVENTS, 0) | {"retried": 2}
    assert (facts["workers"], facts["threads"], facts["bytes_received"]) == (2, 3, 20)
    assert facts["per_worker"]["tcp://a"] == {
        "items": 3,
        "failed": 0,
        "items_per_s": 1.0,
        "mean_s": 1.0,
        "median_s": 1.0,
        "max_s": 1.5,
        "bytes_received": 15,
    }
    assert facts["per_worker"]["tcp://b"]["failed"] == 1


def test_stragglers_are_slow_or_late():
    figures = Figures(late={"tcp://late"})
    for name in ("tcp://a", "tcp://b", "tcp://c"):
        answered(figures, name, 1.0, 1.1)
    answered(figures, "tcp://slow", 5.0)
    assert figures.stragglers() == ["tcp://late", "tcp://slow"]
    assert Figures().stragglers() == []


def test_each_job_has_its_own_facts():
    class Executor:
        figures = Figures()

        def facts_from_now(self):
            before = self.figures.copy()
            return lambda: self.figures.since(before).facts()

    executor = Executor()
    answered(executor.figures, "tcp://a", 1.0)
    answered(executor.figures, "tcp://gone", 1.0)
    executor.figures.events["lost"] += 1
    facts = recorded(executor)
    answered(executor.figures, "tcp://a", 3.0, 5.0)
    executor.figures.events["speculated"] += 1
    told = facts()["executor"]
    assert {name: worker["items"] for name, worker in told["per_worker"].items()} == {"tcp://a": 2}
    assert told["per_worker"]["tcp://a"]["mean_s"] == pytest.approx(4.0)
    assert (told["lost"], told["speculated"]) == (0, 1)
    assert recorded(None)() == {}


def test_in_words_the_slowest_first_and_what_went_wrong():
    figures = Figures()
    answered(figures, "tcp://a", 1.0, 1.0)
    answered(figures, "tcp://b", 2.0)
    assert figures.lines() == ["tcp://b: 1 done, 2 s each", "tcp://a: 2 done, 1 s each"]
    figures.events["reconnected"] += 1
    assert figures.lines()[-1] == "1 times the scheduler was lost and found again"


def test_bytes_are_those_of_packed_results():
    assert packed_bytes([(b"abc", {"x": 1}), b"d", None, 5]) == 4
