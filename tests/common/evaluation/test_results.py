from __future__ import annotations

import csv
import io

import pytest

from sam_common.evaluation.results import (
    HEADINGS,
    ObjectScore,
    figures,
    figures_of,
    markdown,
    rows,
    table_of,
)

SCORES = [
    ObjectScore("a.jpg", "1", "box", 100, 0.5, 0.25),
    ObjectScore("a.jpg", "2", "box", 50, 1.0, 0.75),
    ObjectScore("a, b.jpg", "1", "1 click", 100, 0.2, 0.1),
]


def test_means_and_recall():
    found = figures(SCORES)
    assert list(found) == ["box", "1 click"]
    box = found["box"]
    assert (box.objects, box.mean_iou, box.mean_boundary_iou) == (2, 0.75, 0.5)
    assert box.recall == {"0.5": 1.0, "0.75": 0.5}  # an IoU of exactly .5 counts


def test_tables_say_the_same():
    found = figures(SCORES)
    summary = {"protocols": {name: one.described() for name, one in found.items()}}
    assert rows(figures_of(summary)) == rows(found)
    page = markdown("a network", found, ["something"])
    assert f"| {' | '.join(HEADINGS)} |" in page
    assert "| box | 2 | 0.750 | 0.500 | 1.000 | 0.500 |" in page
    assert page.endswith("\n- something\n")


def test_the_table_comes_back():
    read = list(csv.DictReader(io.StringIO(table_of(SCORES))))
    assert read[2]["image"] == "a, b.jpg"
    assert float(read[0]["boundary_iou"]) == pytest.approx(0.25)
