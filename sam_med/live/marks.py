"""Marks of a live volume: from what the server keeps to marks of `sam_med.corrections`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sam_med.corrections.marks import Mark

if TYPE_CHECKING:
    from sam_common.server.sessions.object_state import MarkState
    from sam_med.corrections.marks import Kind
    from sam_med.geometry.slice_box import Axis


def mark_of(state: MarkState) -> Mark:
    """A mark in array order (k, j, i); on the wire its points are (i, j, k).

    Raises:
        PromptError: The mark has too few or too many points, see `Mark`.
    """
    points = tuple((point[2], point[1], point[0]) for point in state.points)
    return Mark(
        cast("Kind", state.mark),
        points,
        positive=state.label == 1,
        axis=cast("Axis | None", state.axis),
    )
