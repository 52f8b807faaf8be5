"""Image times: the order in time of images at the same position, by the values of their tags.

```
place 0   TriggerTime 900, 100, 500      time points in the order 100, 500, 900
place 2   TriggerTime 110, 510, 905
```
Images are compared by the tags of `COLUMNS`, in that order, as numbers. A tag counts only where
every image of a series has it. File names are not used.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sam_med.dicom import tag_values as tags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom.dataset import Dataset

    from sam_med.headers.slice_header import SliceHeader

Times: TypeAlias = "tuple[float | None, ...]"
"""One number for each of `COLUMNS`; None where a header lacks its tags."""


class _Column(NamedTuple):
    """Tags of one meaning, for frames and for files; the first one that is there counts."""

    group: str
    """Functional group that holds the tags in enhanced files; "" where no group does."""
    of_frame: tuple[str, ...]
    of_file: tuple[str, ...]


def _in_group(group: str, tag: str) -> _Column:
    """A column of one tag, in a functional group or in the file itself."""
    return _Column(group, (tag,), (tag,))


COLUMNS = (
    _Column(
        "FrameContentSequence",
        ("TemporalPositionIndex",),
        ("TemporalPositionIdentifier", "TemporalPositionIndex"),
    ),
    _Column("FrameContentSequence", ("FrameAcquisitionNumber",), ("AcquisitionNumber",)),
    _Column(
        "CardiacSynchronizationSequence",
        ("NominalCardiacTriggerDelayTime", "ActualCardiacTriggerDelayTime"),
        ("TriggerTime", "NominalCardiacTriggerDelayTime", "ActualCardiacTriggerDelayTime"),
    ),
    _in_group("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    _in_group("RespiratorySynchronizationSequence", "NominalRespiratoryTriggerDelayTime"),
    _in_group("RespiratorySynchronizationSequence", "NominalPercentageOfRespiratoryPhase"),
    _in_group("TemporalPositionSequence", "TemporalPositionTimeOffset"),
    _Column("", (), ("FrameReferenceTime",)),
    _Column("FrameContentSequence", ("FrameReferenceDateTime",), ("FrameReferenceDateTime",)),
    _Column(
        "FrameContentSequence",
        ("FrameAcquisitionDateTime",),
        (
            "AcquisitionDateTime",
            "AcquisitionDate AcquisitionTime",
            "ContentDate AcquisitionTime",
        ),
    ),
    _Column("", (), ("AcquisitionTime",)),
    _Column("", (), ("InstanceNumber",)),
    # settings of the scanner, and when pixels were made or stored: copies may differ in these
    _Column("", (), ("ImageIndex",)),
    _Column("", (), ("TriggerTimeOffset",)),
    _Column("", (), ("InversionTime",)),
    _Column("", (), ("RepetitionTime",)),
    _Column("", (), ("FlipAngle",)),
    _Column("", (), ("ContentDate ContentTime", "ContentTime")),
    _Column("", (), ("InstanceCreationDate InstanceCreationTime", "InstanceCreationTime")),
    _Column("", (), ("SeriesDate SeriesTime", "SeriesTime")),
)
"""What orders images at one position, best first; a date and a time are one moment."""
CREATION_COLUMNS = 8
"""Number of the last columns, in which two copies of one image may differ."""
TAGS = tuple(dict.fromkeys(tag for one in COLUMNS for name in one.of_file for tag in name.split()))
"""All tags of a file that are compared."""
CLOCKS = frozenset({"AcquisitionTime", "ContentTime", "InstanceCreationTime", "SeriesTime"})
"""Tags of a time of day (TM); those of a moment (DT) end with DateTime, the others are numbers."""
SECONDS_A_DAY = 86400.0
_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_CLOCK = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(\.\d*)?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)$")


def times_of_file(dataset: Dataset) -> Times:
    """The times in the header of a file."""
    return tuple(_first(dataset, one.of_file) for one in COLUMNS)


def times_of_frame(group: Callable[[str], Dataset | None], of_file: Times) -> Times:
    """The times in the functional groups of a frame; where a group has none, that of the file.

    Args:
        group: Returns the item of a functional group by the group's name, or None.
        of_file: The times of the file, from `times_of_file`.
    """
    own = []
    for column, known in zip(COLUMNS, of_file, strict=True):
        item = group(column.group) if column.group else None
        found = None if item is None else _first(item, column.of_frame)
        own.append(known if found is None else found)
    return tuple(own)


def time_key(
    members: Sequence[SliceHeader], *, of_pixels: bool = True
) -> Callable[[SliceHeader], tuple[float, ...]]:
    """A key function that sorts the images at one position by their time.

    Args:
        members: All images of a series.
        of_pixels: Whether settings, and the times at which pixels were made or stored, count too.

    Returns:
        A function from a header to its numbers in the order of `COLUMNS`, then of its frame.
    """
    width = len(COLUMNS) + 1 - (0 if of_pixels else CREATION_COLUMNS)
    columns = zip(*(_row(header)[:width] for header in members), strict=False)
    known = [n for n, values in enumerate(columns) if None not in values]

    def key(header: SliceHeader) -> tuple[float, ...]:
        row = _row(header)
        return (*(row[n] or 0.0 for n in known), float(header.frame_number))

    return key


def times_disagree(places: Sequence[Sequence[SliceHeader]]) -> bool:
    """Whether the positions of a series have images of different temporal positions.

    Temporal positions are compared only where they differ between the images of one position, and
    where positions share some of them: else the scanner may number them across positions.
    """
    sets = [{header.time[:1] for header in place} for place in places]
    if any(len(one) < len(place) for one, place in zip(sets, places, strict=True)):
        return False
    whole = set.union(*sets)
    if whole & {(), (None,)} or len(whole) == sum(map(len, sets)):
        return False
    return any(one != whole for one in sets)


def _row(header: SliceHeader) -> Times:
    """The numbers of a header by column, with the number of the image or frame among them."""
    made = len(COLUMNS) - CREATION_COLUMNS
    instance = None if header.instance is None else float(header.instance)
    return (*header.time[:made], instance, *header.time[made:])


def _first(dataset: Dataset, names: Sequence[str]) -> float | None:
    """The number of the first tag that has one."""
    for name in names:
        if (found := _number(dataset, name)) is not None:
            return found
    return None


def _number(dataset: Dataset, name: str) -> float | None:
    """A tag as a number: seconds since the year 1 for a moment, since midnight for a time."""
    date, _, time = name.rpartition(" ")
    if date:
        return moment(tags.text(dataset, date), tags.text(dataset, time))
    if name.endswith("DateTime"):
        text = tags.text(dataset, name)
        return moment(text[:8], text[8:])
    if name in CLOCKS:
        return seconds(tags.text(dataset, name))
    return tags.number(dataset, name)


def moment(date: str, clock_time: str) -> float | None:
    """Seconds from the year 1 to a date (DA) and time (TM), in UTC where the time has an offset.

    >>> moment("00010102", "000001.5+0000")
    86401.5
    """
    day = _DATE.fullmatch(date.strip())
    since = seconds(_OFFSET.sub("", clock_time.strip()))
    if day is None or since is None:
        return None
    try:
        ordinal = dt.date(*map(int, day.groups())).toordinal() - 1
    except ValueError:
        return None
    return ordinal * SECONDS_A_DAY + since - (offset_s(clock_time) or 0.0)


def offset_s(clock_time: str) -> float | None:
    """The offset from UTC at the end of a time, in seconds; None where there is none.

    >>> offset_s("101530+0130"), offset_s("-0100"), offset_s("101530")
    (5400.0, -3600.0, None)
    """
    if (found := _OFFSET.search(clock_time.strip())) is None:
        return None
    sign, hours, minutes = found.groups()
    return (int(hours) * 60 + int(minutes)) * (60.0 if sign == "+" else -60.0)


def seconds(clock_time: str) -> float | None:
    """Seconds from midnight to a time (TM), which may lack its seconds or minutes.

    >>> seconds("101530.25"), seconds("10"), seconds("noon")
    (36930.25, 36000.0, None)
    """
    if (found := _CLOCK.fullmatch(clock_time.strip())) is None:
        return None
    hours, minutes, whole, part = found.groups(default="0")
    return int(hours) * 3600.0 + int(minutes) * 60.0 + int(whole) + float(part + "0")
