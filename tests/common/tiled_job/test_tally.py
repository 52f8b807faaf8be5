from __future__ import annotations

import pickle
import threading

import pytest

from sam_common.tiled_job.tally import Tally


def test_threads_lose_no_count():
    tally = Tally()
    threads = [
        threading.Thread(target=lambda: [tally.add("windows") for _ in range(2_000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally["windows"] == 8_000


def test_what_is_taken_is_not_told_twice():
    there, here = Tally(), Tally()
    there.add("encoded", 2)
    here.add("encoded")
    here.put(there.take())
    here.put(there.take())
    assert (here["encoded"], there["encoded"], here["unknown"]) == (3, 0, 0)


def test_a_copy_in_another_process_begins_at_zero():
    tally = Tally()
    tally.add("encoded", 5)
    assert pickle.loads(pickle.dumps(tally))["encoded"] == 0  # noqa: S301  # bytes of our own
    assert tally["encoded"] == 5


def test_time_counts_where_a_block_fails():
    tally = Tally()
    with pytest.raises(ZeroDivisionError), tally.timed("read"):
        _ = 1 / 0
    assert tally["read"] > 0
