"""The tool that measures: what it says about two sides must be true of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.benchmarks import compare, floor
from tests.benchmarks.compare import Comparison, Row, Side
from tests.benchmarks.worker import Work, Worker

HERE = "tests.common.test_benchmarks"
MEBI = 1 << 20


def _sums(count: int) -> Work:
    sys.stdout.write("a package that prints\n")
    return Work(lambda: np.ones(count << 17).sum(), lambda found: {"sum": found})


TASKS = {"sums": _sums}


def test_a_worker_runs_a_task_and_tells_its_memory(tmp_path):
    with Worker(HERE) as worker:
        worker.prepare("sums", {"count": 1})
        assert worker.run() > 0
        small = worker.peak_bytes()
        worker.answer(tmp_path / "a.npz")
        worker.prepare("sums", {"count": 200})
        worker.run()
        assert worker.peak_bytes() > small + 150 * MEBI
    assert np.load(tmp_path / "a.npz")["sum"] == 1 << 17


def test_a_worker_that_fails_is_no_figure():
    with (
        Worker(HERE) as worker,
        pytest.raises(RuntimeError, match=r"the worker ended with 1 during .*'unknown'"),
    ):
        worker.prepare("unknown", {})


def test_both_sides_are_measured_in_turn():
    row = compare.measure(
        Comparison(
            "sums",
            ">= 2x",
            Side(HERE, "sums", {"count": 100}),
            Side(HERE, "sums", {"count": 1}),
            agreement=lambda peer, ours: f"{peer['sum'] / ours['sum']:.0f} times",
            pairs=2,
            runs=3,
        )
    )
    assert [len(side) for side in row.singles] == [6, 6]
    assert row.agreement == "100 times"
    assert row.peaks[0] > row.peaks[1]
    assert "| >= 2x | 100 times |" in row.time_line()


def test_the_ratio_is_the_median_over_pairs():
    row = Row(
        Comparison("x", "", Side("", "", {}), Side("", "", {})),
        [(4, 1), (9, 1), (10, 5)],
        (3 * MEBI, MEBI),
        "",
    )
    assert row.ratio == 4
    assert "| 9.000 | 1.000 | **4.0x** | 4.0x |" in row.time_line()
    assert row.memory_line() == "| x | 3 | 1 | 3.0x |"


def test_masks_match_at_an_iou_of_098():
    mask = np.zeros((2, 10, 16), dtype=bool)
    mask[:, :, :10] = True
    near = mask.copy()
    near[0, 0, 0] = False  # IoU 0.99
    near[1, :3, 0] = False  # IoU 0.97
    packed = [{"masks": np.packbits(m, axis=-1)} for m in (mask, near)]
    assert (
        compare.matched(packed[0], {"masks": packed[1]["masks"][1:]})
        == "0 of 2 masks (0.0 %), 1 ours"
    )
    assert compare.matched(*packed).startswith("2 of 2 masks (100.0 %)")


def test_a_floor_counts_every_product_once():
    one, _ = floor.decode("mobile_sam", 1)
    ten, moved = floor.decode("mobile_sam", 10)
    assert ten == 10 * one
    # the published decoder takes 3.5 GFLOP a prompt; ours is less than that and more than its
    # transposed convolutions
    assert 0.8e9 < one < 3.5e9
    assert moved > 10 * 4 * 256 * 256
