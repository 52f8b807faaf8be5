"""Figures of a report as text."""

from __future__ import annotations

import math

import pytest

from sam_geo.map_report.figures import (
    area_text,
    count_text,
    length_text,
    lonlat_text,
    place_text,
    score_text,
    share_text,
)

DASH, MINUS, NEXT = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"), (1, "100 %"), (0.5, "50.0 %"), (0.9175257731958762, "91.8 %"),
        (0.9996, "99.96 %"), (0.99996, "99.996 %"), (1 - 1e-7, "over 99.999 %"),
        (0.0004, "0.04 %"), (1e-7, "under 0.001 %"), (-0.021, f"{MINUS}2.1 %"), (1.03, "103.0 %"),
    ],
)  # fmt: skip
def test_shares(share, text):
    assert share_text(share) == text.replace(" %", f"{NEXT}%")


def test_only_all_and_nothing_are_printed_as_such():
    """Whoever reads 100 % must be able to rely on it."""
    for part in range(1, 2000):
        assert share_text(1 - part * 1e-6) != share_text(1)
        assert share_text(part * 1e-6) != share_text(0)


@pytest.mark.parametrize(
    ("square_metres", "text"),
    [
        (50_374_544.29, "5,037"), (12_431_452, "1,243"), (3_443_080, "344"), (265_258.7, "26.5"),
        (90_000, "9.00"), (900, "0.0900"), (0, "0"), (-25_000, f"{MINUS}2.50"), (None, DASH),
        (9_999_999, "1,000"),
    ],
)  # fmt: skip
def test_areas_have_three_digits_or_more(square_metres, text):
    assert area_text(square_metres) == text


@pytest.mark.parametrize(
    ("metres", "text"),
    [(10_000_000, "10,000 km"), (2000, "2 km"), (2059.4, "2.06 km"), (999.9, "1 km"),
     (500, "500 m"), (30.0063, "30 m"), (1.5, "1.5 m"), (0.3, "30 cm"), (0.05, "5 cm")],
)  # fmt: skip
def test_lengths(metres, text):
    assert length_text(metres) == text.replace(" ", NEXT)


def test_counts_and_scores():
    assert [count_text(count) for count in (0, 999, 31724)] == ["0", "999", "31,724"]
    assert [score_text(score) for score in (0.91234, None)] == ["0.912", DASH]


def test_places():
    assert place_text((731_085.26, -5_692_205), 1) == f"731085.3, {MINUS}5692205.0"
    assert place_text((10.5, 3), 0) == "10, 3"
    assert lonlat_text((12.34618, -51.33328)) == "12.346180° E, 51.333280° S"
    assert lonlat_text((-0.5, 0)) == "0.500000° W, 0.000000° N"
    assert lonlat_text((math.inf, math.inf)) == DASH
