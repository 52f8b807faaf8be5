"""DICOM: one series of a file, folder, zip or DICOMDIR becomes a `Volume`.

What is unambiguous is read exactly. What is not is refused with the list of choices:
`series` chooses among several series, `time` among time points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_med.diagnostics import Diagnostic, RefusedError, errors_of
from sam_med.pixels import read_voxels
from sam_med.scan import scan
from sam_med.time_points import REPEATED, check_time, chosen_time
from sam_med.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    from sam_med.series import Series
    from sam_med.stack import Stack

LEFT_OUT = frozenset({"not-dicom", "not-an-image", "unreadable-header"})
"""What a scan says about files that do not belong to the series."""


def read_series(
    source: Path, *, series: int | str | None = None, time: int | None = None
) -> Volume:
    """Read one series, or one time point of it.

    Slices are ordered by position along the normal. Values are rescaled: to an integer type where
    all slices share an integer slope and intercept, else each slice to float32 by its own. PET is
    read as SUVbw where all its fields are there.

    Args:
        source: A DICOM file, a folder, a zip archive, or a DICOMDIR.
        series: Number from 1 in the list of `sam_med.scan.scan`, or a SeriesInstanceUID.
        time: Number of the time point, from 1.

    Raises:
        InputError: No DICOM images, or no such series or time point.
        RefusedError: Several series or time points and no choice, or a diagnostic that is an
            error; its `diagnostics` say which.
    """
    found = scan(source)
    chosen = found.choose(series)
    stack = _time_point(chosen, time)
    voxels = read_voxels(stack.slices, factor=chosen.suv_factor)
    about = [d for d in found.diagnostics if d.code in LEFT_OUT]
    told = (*about, *_settled(chosen, stack, time))
    head = stack.slices[0]
    one_file = len({header.path for header in stack.slices}) == 1
    return Volume(
        array=voxels,
        frame=stack.frame,
        modality=head.modality or None,
        source=source,
        files=(head.path,) if one_file else tuple(header.path for header in stack.slices),
        frame_numbers=tuple(header.frame_number for header in stack.slices)
        if head.frame_number
        else (),
        origins_lps=stack.origins_lps,
        notes=tuple(d.line for d in told),
        diagnostics=told,
        inverted=head.facts.photometric == "MONOCHROME1",
        units=_units(chosen),
    )


def _time_point(series: Series, time: int | None) -> Stack:
    """The stack of a time point.

    Raises:
        RefusedError: The series is refused, or 4-D and no time point is chosen.
        InputError: No such time point.
    """
    errors = [d for d in errors_of(series.diagnostics) if d.code != REPEATED]
    if errors:
        raise RefusedError(errors)
    times = len(series.stacks)
    if time is None:
        if times > 1:
            raise RefusedError([d for d in series.diagnostics if d.code == REPEATED])
        return series.stacks[0]
    check_time(times, time)
    return series.stacks[time - 1]


def _settled(series: Series, stack: Stack, time: int | None) -> list[Diagnostic]:
    """Diagnostics of the series, with the places of the chosen time point."""
    first = set(map(id, series.stacks[0].diagnostics))
    own = [d for d in series.diagnostics if id(d) not in first and d.code != REPEATED]
    chosen = [
        chosen_time(d, time) for d in series.diagnostics if d.code == REPEATED and time is not None
    ]
    return [*chosen, *stack.diagnostics, *own]


def _units(series: Series) -> str | None:
    """What the values are, where the file says so."""
    if series.suv_factor is not None:
        return "SUVbw g/ml"
    if series.modality == "CT":
        return "HU"
    return series.slices[0].facts.units or None
