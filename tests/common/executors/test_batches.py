from __future__ import annotations

from sam_common.executors.batches import (
    BATCH_S,
    LATE_S,
    LATE_TIMES,
    LONGEST_S,
    MOST_ITEMS,
    Batch,
    Pace,
)
from sam_common.executors.executor import Item


def paced(*seconds):
    pace = Pace()
    for each in seconds:
        pace.take(each)
    return pace


def test_a_batch_is_named_by_its_first_and_last_item():
    items = [Item(number, None) for number in (7, 8, 12)]
    assert Batch(items).label == "00000007..00000012"
    assert Batch(items[:1]).label == "00000007"


def test_quick_items_go_together_and_slow_ones_alone():
    assert Pace().batch == 1
    assert paced(0.1).batch == int(BATCH_S / 0.1)
    assert paced(30.0).batch == 1
    assert paced(1e-9).batch == MOST_ITEMS


def test_what_is_late_follows_from_the_median():
    assert Pace().late_s(1) is None
    # one worker in ten is fifty times as slow
    pace = paced(*[1.0] * 9, 50.0)
    assert pace.late_s(1) == LATE_TIMES * 1.0
    assert paced(10.0).late_s(1) == LATE_TIMES * 10.0
    # a worker gives back what it has not begun
    assert pace.late_s(100) == LATE_TIMES * (LONGEST_S + 1.0)
    assert paced(0.001).late_s(10) == LATE_S


def test_the_last_items_decide():
    pace = paced(*[1.0] * 300, *[0.2] * 200)
    assert pace.late_s(10) == LATE_TIMES * 10 * 0.2
