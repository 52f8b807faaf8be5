"""Repetitions: images at the same positions are copies or time points; others are refused.

```
positions 0 0 0  2 2 2  4 4 4        3 slices x 3 time points
positions 0 0  2  4                  a copy of the first slice, or a different one: refused
```
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found
from sam_med.geometry.frame import mm
from sam_med.headers.image_times import time_key, times_disagree
from sam_med.headers.stack import place_tolerance_mm, position_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_med.headers.slice_header import SliceHeader


def placed_numbers(
    members: Sequence[SliceHeader],
) -> tuple[list[SliceHeader], list[int]]:
    """Slices sorted along the normal, and the number from 0 of the position of each."""
    if not np.linalg.norm(np.cross(members[0].orientation[:3], members[0].orientation[3:])):
        return list(members), list(range(len(members)))  # damaged axes, which `stack` refuses
    along = np.array([header.position for header in members]) @ members[0].normal
    order = np.argsort(along, kind="stable")
    return [members[n] for n in order], position_numbers(
        along[order], place_tolerance_mm(members[0])
    )


def time_points(
    members: list[SliceHeader], digest: Callable[[SliceHeader], bytes]
) -> tuple[list[list[SliceHeader]], list[Diagnostic]]:
    """The slices of each time point, and diagnostics about repetitions.

    Args:
        members: All slices of a series.
        digest: A hash of the pixels of a slice.

    Raises:
        RefusedError: Slices at one position are neither copies nor time points.
    """
    head = members[0]
    film = not head.cross_sectional and head.places != "nowhere"
    if film and not any(header.placed for header in members):
        times = sorted(members, key=time_key(members))
        return [[header] for header in times], _repeated(1, len(times))
    if not all(header.placed for header in members):
        return [members], []  # `stack` refuses them
    places = _by_place(members)
    copies = 0
    if _suspicious(places, time_key(members, of_pixels=False)):
        places, copies = _without_copies(places, digest, time_key(members))
    told = []
    if copies:
        told = [found("duplicate-slices", f"{copies} slice(s) are stored twice", copies=copies)]
    counts = {len(place) for place in places}
    if counts == {1}:
        return [[place[0] for place in places]], told
    if len(counts) > 1:
        raise RefusedError([*told, _irregular(places)])
    if odd := _in_order(places, time_key(members)):
        raise RefusedError([*told, odd])
    times_of = [list(time) for time in zip(*places, strict=True)]
    return times_of, [*told, *_repeated(len(places), len(times_of))]


def _repeated(places: int, times: int) -> list[Diagnostic]:
    """The diagnostic of 4-D data; none for one time point."""
    if times == 1:
        return []
    message = f"each of {places} position(s) occurs {times} times ({times} time points)"
    return [found("repeated-positions", message, positions=places, time_points=times)]


def _by_place(members: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """The slices at each distinct position, in order along the normal."""
    ordered, numbers = placed_numbers(members)
    places: list[list[SliceHeader]] = [[] for _ in range(numbers[-1] + 1)]
    for header, number in zip(ordered, numbers, strict=True):
        places[number].append(header)
    return places


def _suspicious(
    places: Sequence[list[SliceHeader]], when: Callable[[SliceHeader], tuple[float, ...]]
) -> bool:
    """Whether some slices may be copies: of equal times, or not equally many at each position."""
    if len({len(place) for place in places}) > 1:
        return True
    return any(
        len(set(map(when, place))) < len(place)
        or len({header.instance_uid or header.path for header in place}) < len(place)
        for place in places
        if not place[0].frame_number
    )


def _without_copies(
    places: Sequence[list[SliceHeader]],
    digest: Callable[[SliceHeader], bytes],
    when: Callable[[SliceHeader], tuple[float, ...]],
) -> tuple[list[list[SliceHeader]], int]:
    """The first by time of each set of identical slices, and the number of those left out."""
    kept: list[list[SliceHeader]] = []
    copies = 0
    for place in places:
        if len(place) == 1:
            kept.append(place)
            continue
        different: dict[bytes, SliceHeader] = {}
        for header in sorted(place, key=lambda h: (when(h), str(h.path))):
            different.setdefault(digest(header), header)
        copies += len(place) - len(different)
        kept.append(list(different.values()))
    return kept, copies


def _irregular(places: Sequence[list[SliceHeader]]) -> Diagnostic:
    """The diagnostic of positions that hold different numbers of images."""
    counts = Counter(len(place) for place in places)
    repeated = sum(count for times, count in counts.items() if times > 1)
    usual = counts.most_common(1)[0][0]
    if len(places) > 2 and usual > 1:  # noqa: PLR2004  # two places have no usual one
        off = len(places) - counts[usual]
        message = f"{off} of {len(places)} positions do not occur {usual} times as the others do"
        return found("incomplete-time-points", message, positions=len(places), time_points=usual)
    head = next(place[0] for place in places if len(place) > 1)
    at = float(np.dot(head.position, head.normal))
    many = max(counts)
    message = (
        f"{repeated} position(s) hold up to {many} different images, the first at {mm(at)} "
        "along the normal"
    )
    return found("conflicting-slices", message, positions=repeated, images=many)


def _in_order(
    places: Sequence[list[SliceHeader]], when: Callable[[SliceHeader], tuple[float, ...]]
) -> Diagnostic | None:
    """Sort each position by time, in place; a diagnostic where the order is not certain."""
    for place in places:
        place.sort(key=when)
    if any(len(set(map(when, place))) < len(place) for place in places):
        return _timeless(places)
    return _other_times(places) if times_disagree(places) else None


def _timeless(places: Sequence[list[SliceHeader]]) -> Diagnostic:
    """The diagnostic of images that no tag puts in order."""
    many = len(places[0])
    message = (
        f"each of {len(places)} position(s) holds {many} different images, and no tag that all of "
        "them have says which was taken first"
    )
    return found("unordered-images", message, positions=len(places), images=many)


def _other_times(places: Sequence[list[SliceHeader]]) -> Diagnostic:
    """The diagnostic of positions that state different temporal positions."""
    stated = {header.time[0] for place in places for header in place}
    message = (
        f"each of {len(places)} positions occurs {len(places[0])} times, but they state "
        f"{len(stated)} temporal positions"
    )
    return found("incomplete-time-points", message, positions=len(places), time_points=len(stated))
