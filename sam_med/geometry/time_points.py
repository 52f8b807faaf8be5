"""Time points of a volume file: one is chosen, never guessed."""

from __future__ import annotations

from sam_common.errors import InputError
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found

REPEATED = "repeated-positions"


def choose_time(times: int, time: int | None) -> list[Diagnostic]:
    """What to say about a file of several time points when one was chosen.

    Args:
        times: How many there are.
        time: The choice, from 1.

    Raises:
        InputError: No such time point.
        RefusedError: Several, and no choice.
    """
    check_time(times, time)
    if times == 1:
        return []
    said = found(REPEATED, f"the file holds {times} time points", time_points=times)
    if time is None:
        raise RefusedError([said])
    return [chosen_time(said, time)]


def check_time(times: int, time: int | None) -> None:
    """Raise `InputError` where a chosen time point does not exist."""
    if time is not None and not 1 <= time <= times:
        raise InputError(f"no time point {time}: there are {times} (from 1 to {times})")


def chosen_time(said: Diagnostic, time: int) -> Diagnostic:
    """The diagnostic of several time points once one of them is read."""
    return Diagnostic(said.code, "note", said.message, f"time point {time} is read", said.numbers)
