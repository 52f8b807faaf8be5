"""Image times: which of several images at one place was taken first, by what their tags say.

```
place 0   TriggerTime 900, 100, 500      time points in the order 100, 500, 900
place 2   TriggerTime 110, 510, 905
```
Tags count in the order of `COLUMNS`, each as a number, and only where every image of a series has
it: a tag that some lack orders nothing. A file's name says nothing of time.
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
"""One number for each of `COLUMNS`; None where a header does not say it."""


class _Column(NamedTuple):
    """Tags of one meaning, the first that is there counts: of a frame, of a file."""

    group: str
    """Functional group that holds it in enhanced files; "" for the file itself only."""
    of_frame: tuple[str, ...]
    of_file: tuple[str, ...]


def _in_group(group: str, tag: str) -> _Column:
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
    # what was set for an image, and when its pixels were made or stored: copies may differ in it
    _Column("", (), ("ImageIndex",)),
    _Column("", (), ("TriggerTimeOffset",)),
    _Column("", (), ("InversionTime",)),
    _Column("", (), ("RepetitionTime",)),
    _Column("", (), ("FlipAngle",)),
    _Column("", (), ("ContentDate ContentTime", "ContentTime")),
    _Column("", (), ("InstanceCreationDate InstanceCreationTime", "InstanceCreationTime")),
    _Column("", (), ("SeriesDate SeriesTime", "SeriesTime")),
)
"""What orders images of one place, the best first; a date and a time together are one moment."""
MADE = 8
"""The last columns, which do not tell two images from two copies of one."""
TAGS = tuple(dict.fromkeys(tag for one in COLUMNS for name in one.of_file for tag in name.split()))
"""Tags of a file that are looked at."""
CLOCKS = frozenset({"AcquisitionTime", "ContentTime", "InstanceCreationTime", "SeriesTime"})
"""Tags of a time of day (TM); those of a moment (DT) end with DateTime, the others are numbers."""
SECONDS_A_DAY = 86400.0
_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_CLOCK = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(\.\d*)?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)$")


def times_of_file(dataset: Dataset) -> Times:
    """What the header of a file says of its time."""
    return tuple(_first(dataset, one.of_file) for one in COLUMNS)


def times_of_frame(group: Callable[[str], Dataset | None], of_file: Times) -> Times:
    """What the functional groups of a frame say of its time, else its file.

    Args:
        group: The item of a functional group by its name; None where there is none.
        of_file: From `times_of_file`.
    """
    own = []
    for column, known in zip(COLUMNS, of_file, strict=True):
        item = group(column.group) if column.group else None
        found = None if item is None else _first(item, column.of_frame)
        own.append(known if found is None else found)
    return tuple(own)


def clock(
    members: Sequence[SliceHeader], *, of_pixels: bool = True
) -> Callable[[SliceHeader], tuple[float, ...]]:
    """What sorts the images of one place by their time.

    Args:
        members: All images of a series.
        of_pixels: Whether the time at which pixels were made counts too, last of all.

    Returns:
        A key: its numbers in the order of `COLUMNS`, then the number of the image and the frame.
    """
    width = len(COLUMNS) + 1 - (0 if of_pixels else MADE)
    columns = zip(*(_row(header)[:width] for header in members), strict=False)
    known = [n for n, values in enumerate(columns) if None not in values]

    def key(header: SliceHeader) -> tuple[float, ...]:
        row = _row(header)
        return (*(row[n] or 0.0 for n in known), float(header.frame_number))

    return key


def disagree(places: Sequence[Sequence[SliceHeader]]) -> bool:
    """Whether some places have images of other temporal positions than others.

    Only where the positions tell the images of a place apart, and places share some of them:
    elsewhere they may be counted otherwise.
    """
    sets = [{header.time[:1] for header in place} for place in places]
    if any(len(one) < len(place) for one, place in zip(sets, places, strict=True)):
        return False
    whole = set.union(*sets)
    if whole & {(), (None,)} or len(whole) == sum(map(len, sets)):
        return False
    return any(one != whole for one in sets)


def _row(header: SliceHeader) -> Times:
    """Of a header, the number of the image included, wherever it stems from."""
    made = len(COLUMNS) - MADE
    instance = None if header.instance is None else float(header.instance)
    return (*header.time[:made], instance, *header.time[made:])


def _first(dataset: Dataset, names: Sequence[str]) -> float | None:
    for name in names:
        if (found := _number(dataset, name)) is not None:
            return found
    return None


def _number(dataset: Dataset, name: str) -> float | None:
    """A number, or seconds: of a moment since the year 1, of a time since midnight."""
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
    """Seconds from the year 1 to a date (DA) and time (TM), less its offset from UTC if it has one.

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
    """Seconds by which the time of a place is before UTC, where a time ends with it.

    >>> offset_s("101530+0130"), offset_s("-0100"), offset_s("101530")
    (5400.0, -3600.0, None)
    """
    if (found := _OFFSET.search(clock_time.strip())) is None:
        return None
    sign, hours, minutes = found.groups()
    return (int(hours) * 60 + int(minutes)) * (60.0 if sign == "+" else -60.0)


def seconds(clock_time: str) -> float | None:
    """Seconds from midnight to a time (TM), which may end with its hours or minutes.

    >>> seconds("101530.25"), seconds("10"), seconds("noon")
    (36930.25, 36000.0, None)
    """
    if (found := _CLOCK.fullmatch(clock_time.strip())) is None:
        return None
    hours, minutes, whole, part = found.groups(default="0")
    return int(hours) * 3600.0 + int(minutes) * 60.0 + int(whole) + float(part + "0")
