"""Figures as text: shares, areas, lengths, counts and places, as a report prints them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HECTARE = 1e4
"""Square metres of a hectare."""
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
"""What stands for a figure that is unknown."""
NEXT = "\N{NO-BREAK SPACE}"
"""What stands between a number and its unit."""
SHARE_DIGITS = (1, 2, 3)
"""Decimals of a per cent: more only where fewer would tell nothing, or everything."""


def count_text(count: int) -> str:
    """A whole number with its thousands apart.

    >>> count_text(1234567)
    '1,234,567'
    """
    return f"{count:,}"


def share_text(share: float | None) -> str:
    """A share of 0 to 1 in per cent; only 0 and 1 themselves are printed as 0 % and 100 %.

    >>> [share_text(share).replace(NEXT, " ") for share in (0.9175, 1, 0.99996)]
    ['91.8 %', '100 %', '99.996 %']
    """
    if share is None:
        return NONE
    if share in {0, 1}:
        return f"{share:.0%}".replace("%", f"{NEXT}%")
    for digits in SHARE_DIGITS:
        text = f"{100 * share:.{digits}f}"
        if float(text) not in {0, 100}:
            return f"{text}{NEXT}%".replace("-", MINUS)
    return f"under 0.001{NEXT}%" if share < 0.5 else f"over 99.999{NEXT}%"  # noqa: PLR2004


def score_text(score: float | None) -> str:
    """A score of 0 to 1 with three decimals, a dash where there is none."""
    return NONE if score is None else f"{score:.3f}"


def area_text(square_metres: float | None) -> str:
    """An area in hectares, with three digits or more, without its unit.

    >>> [area_text(area) for area in (50_374_544.3, 2_652_586.8, 36_000, 900, 0)]
    ['5,037', '265', '3.60', '0.0900', '0']
    """
    if square_metres is None:
        return NONE
    return _three_digits(square_metres / HECTARE)


def length_text(metres: float) -> str:
    """A length in km, m or cm, with three digits or more.

    >>> [length_text(metres).replace(NEXT, " ") for metres in (2000, 10, 8611.8, 0.3, 30.006)]
    ['2 km', '10 m', '8.61 km', '30 cm', '30 m']
    """
    for size, unit in ((1000.0, "km"), (1.0, "m")):
        if metres >= size * 0.9995:
            return f"{_short(_three_digits(metres / size))}{NEXT}{unit}"
    return f"{_short(_three_digits(metres * 100))}{NEXT}cm"


def place_text(place: Sequence[float], digits: int) -> str:
    """Two coordinates, x before y.

    >>> place_text((731_810.25, 5_694_090), 1)
    '731810.2, 5694090.0'
    """
    return ", ".join(f"{part:.{digits}f}".replace("-", MINUS) for part in place)


def lonlat_text(lonlat: Sequence[float]) -> str:
    """Longitude and latitude in degrees, in this order; a dash where there are none.

    >>> lonlat_text((-49.9248, 51.3))
    '49.924800° W, 51.300000° N'
    """
    if not all(map(math.isfinite, lonlat)):
        return NONE
    sides = zip(lonlat, ("EW", "NS"), strict=True)
    return ", ".join(f"{abs(part):.6f}° {side[part < 0]}" for part, side in sides)


def _three_digits(value: float) -> str:
    """A number with at least three digits that count, and its thousands apart."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    return f"{value:,.{digits}f}".replace("-", MINUS)


def _short(text: str) -> str:
    """A number without zeros at its end that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text
