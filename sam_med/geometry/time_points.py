"""Time points of 4-D data: one is chosen by its number from 1, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found
from sam_med.geometry.volume import NDIM

if TYPE_CHECKING:
    from collections.abc import Sequence

REPEATED = "repeated-positions"
"""Code of the diagnostic of 4-D data."""
TIME_NDIM = NDIM + 1
"""Axes of a volume that has several time points."""


def check_dimensions(size: Sequence[int], what: str) -> None:
    """Raise `InputError` where an image is neither a volume nor one with time points.

    Args:
        size: Length of each axis.
        what: The file in words, for the message.
    """
    if len(size) in {NDIM, TIME_NDIM}:
        return
    way = "give one part of it"
    if len(size) < NDIM:
        way = "write it with a third axis of length 1, such as image[..., None] in Python"
    sides = " x ".join(map(str, size))
    raise InputError(f"{what} has {len(size)} axes ({sides}), where a volume has 3: {way}")


def time_diagnostics(times: int, time: int | None) -> list[Diagnostic]:
    """Diagnostics of a file of one or several time points, of which one is read.

    Args:
        times: Number of time points in the file.
        time: Number of the chosen one, from 1; None for no choice.

    Raises:
        InputError: There is no such time point.
        RefusedError: There are several time points, and no choice.
    """
    check_time(times, time)
    if times == 1:
        return []
    said = found(REPEATED, f"the file holds {times} time points", time_points=times)
    if time is None:
        raise RefusedError([said])
    return [as_chosen(said, time)]


def check_time(times: int, time: int | None) -> None:
    """Raise `InputError` where a chosen time point does not exist."""
    if time is not None and not 1 <= time <= times:
        raise InputError(f"no time point {time}: there are {times} (from 1 to {times})")


def as_chosen(said: Diagnostic, time: int) -> Diagnostic:
    """The diagnostic of 4-D data as a note that says which time point is read."""
    return Diagnostic(said.code, "note", said.message, f"time point {time} is read", said.numbers)
