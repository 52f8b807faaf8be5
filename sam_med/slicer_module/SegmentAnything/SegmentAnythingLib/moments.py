"""Moments: what the segments were after each edit, to know again what Segment Editor brings back.

Segment Editor's Undo and Redo put voxels back that they saved, and the server does not hear of it.
From the voxels it is found after which edit the segments looked like that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .segments import SegmentationView, Shown

KEPT = 24
"""Most moments; Segment Editor keeps 10 states."""


@dataclass(frozen=True)
class Moment:
    """The segments after an edit."""

    cursor: int
    """Number of edits that counted on the server."""
    segment_of: Mapping[str, str]
    """Object on the server to segment ID."""
    shown: Mapping[str, Shown]
    """Segment ID to what the server had found."""

    def is_in(self, view: SegmentationView, segment_id: str, now: Shown) -> bool:
        """Whether the scene shows this moment, as far as it is not what is shown today.

        Args:
            view: The segmentation as the server believes it to be.
            segment_id: A segment that is not as the server believes.
            now: Voxels of that segment in the scene.
        """
        if segment_id not in self.shown or not now.same(self.shown[segment_id]):
            return False
        for other, believed in view.shown.items():
            before = self.shown.get(other)
            if other == segment_id or believed is before or not view.has(other):
                continue
            there = view.as_it_is(other)
            # an object that was not there yet had no voxels
            if there.array.size if before is None else not there.same(before):
                return False
        return True


@dataclass
class Moments:
    """The last moments of a session, by the number of edits that counted."""

    kept: dict[int, Moment] = field(default_factory=dict)

    def add(self, moment: Moment, edits: int) -> None:
        """Keep a moment.

        Args:
            moment: After the edits that count now.
            edits: All edits of the session, undone ones too; moments beyond are gone for good.
        """
        self.kept = {at: one for at, one in self.kept.items() if at <= edits}
        self.kept[moment.cursor] = moment
        for at in sorted(self.kept)[:-KEPT]:
            del self.kept[at]

    def find(self, cursor: int, view: SegmentationView, segment_id: str) -> Moment | None:
        """The moment nearest to a cursor that the scene shows; None where it shows none."""
        now = view.as_it_is(segment_id)
        near = sorted(self.kept.values(), key=lambda one: (abs(one.cursor - cursor), one.cursor))
        return next((one for one in near if one.is_in(view, segment_id, now)), None)
