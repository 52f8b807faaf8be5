"""Reading a DICOM series of a file, folder, zip or DICOMDIR as a `Volume`.

Where there are several series or time points and no choice, nothing is guessed: the error lists
what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sam_med.geometry.diagnostics import Diagnostic, RefusedError, errors_of, found
from sam_med.geometry.time_points import REPEATED, as_chosen, check_time
from sam_med.geometry.volume import HOUNSFIELD, Volume, in_range
from sam_med.headers.image_checks import GREY
from sam_med.pixel_data.pixels import read_voxels
from sam_med.series.find import MIXED, scan
from sam_med.series.joining import SPLIT

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from sam_med.headers.slice_header import SliceHeader
    from sam_med.headers.stack import Stack
    from sam_med.series.grouping import Series


def read_series(
    source: Path,
    *,
    series: int | str | None = None,
    time: int | None = None,
    join_series: bool = False,
) -> Volume:
    """Read one series, or one time point of it.

    Slices are ordered by position along the normal. Values are rescaled: to an integer type where
    all slices share an integer slope and intercept, else each slice to float32 by its own rescale.
    PET becomes SUVbw (g/ml) where the header states all that this needs.

    Args:
        source: A DICOM file, a folder, a zip archive, or a DICOMDIR.
        series: Number from 1 in the list of `sam_med.find_series`, or a SeriesInstanceUID.
        time: Number of the time point, from 1.
        join_series: Join slices that differ in their series or frame of reference only, see
            `sam_med.series.find.scan`.

    Raises:
        InputError: There are no DICOM images, or no such series or time point.
        RefusedError: There are several series or time points and no choice, or a diagnostic is an
            error; `diagnostics` of the exception says which.
    """
    listed = scan(source, join_series=join_series)
    chosen = listed.choose(series)
    stack = _time_point(chosen, time)
    voxels = read_voxels(stack.slices, factor=chosen.suv_factor)
    # who has chosen a series knows that there are several
    about = [d for d in listed.diagnostics if d.code not in {MIXED, SPLIT}]
    padding = _padding(stack, chosen.suv_factor, voxels.dtype)
    told = (*about, *_settled(chosen, stack, time), *_padded(voxels, padding))
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
        padding=padding,
    )


def _time_point(series: Series, time: int | None) -> Stack:
    """The stack of the chosen time point.

    Raises:
        RefusedError: The series is refused, or 4-D without a choice.
        InputError: There is no such time point.
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


def _padding(
    stack: Stack, factor: float | None, dtype: np.dtype[Any]
) -> tuple[tuple[float, float] | None, ...]:
    """The padding of each slice, rescaled like its voxels; empty where no slice has any."""
    found = tuple(padding_of(header, factor, dtype) for header in stack.slices)
    return found if any(found) else ()


def padding_of(
    header: SliceHeader, factor: float | None, dtype: np.dtype[Any]
) -> tuple[float, float] | None:
    """Smallest and largest padding value of a slice, rescaled like its voxels; None for none.

    Args:
        header: The slice.
        factor: A number by which the rescaled values are multiplied, e.g. for SUV.
        dtype: Type of the voxels.
    """
    ends = header.facts.padding
    if ends is None or header.facts.photometric not in GREY:
        return None
    slope, intercept = header.rescale
    values = (np.array(ends) * slope + intercept) * (factor or 1.0)
    if dtype.kind == "f":  # rounded like the voxels
        values = values.astype(dtype).astype(np.float64)
    return float(values.min()), float(values.max())


def _padded(
    voxels: npt.NDArray[Any], padding: tuple[tuple[float, float] | None, ...]
) -> list[Diagnostic]:
    """The diagnostic of how many voxels are padding."""
    count = sum(
        int(np.count_nonzero(in_range(plane, ends)))
        for plane, ends in zip(voxels, padding, strict=bool(padding))
        if ends is not None
    )
    if not count:
        return []
    ranges = {ends for ends in padding if ends is not None}
    low, high = min(ends[0] for ends in ranges), max(ends[1] for ends in ranges)
    values = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    message = f"{count} voxels, {count / voxels.size:.1%}, are padding ({values})"
    return [found("padding", message, voxels=count, share=count / voxels.size)]


def _settled(series: Series, stack: Stack, time: int | None) -> list[Diagnostic]:
    """Diagnostics of the series, with those of the stack of the chosen time point."""
    first = set(map(id, series.stacks[0].diagnostics))
    own = [d for d in series.diagnostics if id(d) not in first and d.code != REPEATED]
    chosen = [
        as_chosen(d, time) for d in series.diagnostics if d.code == REPEATED and time is not None
    ]
    return [*chosen, *stack.diagnostics, *own]


def _units(series: Series) -> str | None:
    """The unit of the values; None where it is not stated."""
    if series.suv_factor is not None:
        return "SUVbw g/ml"
    said = {header.units for header in series.slices}
    if series.modality != "CT":
        return said.pop() or None if len(said) == 1 else None
    # a single slice in another unit makes windows in HU wrong for the volume
    return max(said, key=lambda units: (units != HOUNSFIELD, units)) or None
