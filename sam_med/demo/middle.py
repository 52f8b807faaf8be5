"""Middle: the planes of a scan that show most of its organs, by the labels that come with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.objects.segments import Segment


def middle_slice(truth: Sequence[Segment]) -> int:
    """The slice on which the organs together are largest, counted by the truth."""
    counts: dict[int, list[float]] = {}
    for segment in truth:
        areas = segment.mask.sum(axis=(1, 2))
        for n, area in enumerate(areas.tolist()):
            counts.setdefault(segment.window.start[0] + n, []).append(area / areas.max())
    # as many organs as possible, then as much of each as possible
    return max(counts, key=lambda k: (sum(share > 0 for share in counts[k]), sum(counts[k])))


def middle_row(truth: Sequence[Segment]) -> int:
    """The row j through the middle of the organs together."""
    ends = [(segment.window.start[1], segment.window.stop[1]) for segment in truth]
    return (max(start for start, _ in ends) + min(stop for _, stop in ends)) // 2
