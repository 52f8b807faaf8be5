"""Answers: objects and masks in the JSON of protocol 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.rle import encode
from sam_common.server.sessions.object_state import BoxState, ChoiceState, MarkState
from sam_common.window import Window

if TYPE_CHECKING:
    from sam_common.server.sessions.live_source import PlacedMask, Result
    from sam_common.server.sessions.object_state import ObjectState


def object_json(state: ObjectState, result: Result) -> dict[str, Any]:
    """An object with its prompts, and the figures of its mask."""
    asked = state.asked
    return {
        "object": state.object,
        "name": state.name,
        "class": state.class_name,
        "code": None if state.code is None else dict(state.code),
        "points": [{"point": list(p.point), "label": p.label} for p in asked.points],
        "boxes": [
            {
                "box": list(b.box),
                "axis": b.place and b.place[0],
                "index": b.place and b.place[1],
            }
            for b in (*asked.boxes, *asked.corrections)
            if isinstance(b, BoxState)
        ],
        "marks": [
            {
                "mark": m.mark,
                "points": [list(p) for p in m.points],
                "label": m.label,
                "axis": m.axis,
            }
            for m in asked.corrections
            if isinstance(m, MarkState)
        ],
        "propagated": asked.method,
        "candidate": next(
            (c.candidate for c in reversed(asked.corrections) if isinstance(c, ChoiceState)), None
        ),
        "window": window_json(result.window),
        **figures(result),
    }


def mask_json(mask: PlacedMask) -> dict[str, Any]:
    """A mask as its window and column-major run lengths, background first."""
    size = mask.array.shape
    region = MaskRegion(Window.full(size), mask.array)
    runs = encode(region, (size[0], size[1])).counts
    placed = {} if mask.axis is None else {"axis": mask.axis, "index": mask.index}
    return {
        "window": window_json(mask.window),
        "size": list(size),
        "counts": runs.tolist(),
        **placed,
    }


def figures(result: Result) -> dict[str, Any]:
    """Score, confidence, status and area of an object."""
    return {
        "score": result.score,
        "confidence": result.confidence,
        "status": result.status,
        "area": result.area,
    }


def window_json(window: Window | None) -> list[list[int]] | None:
    """A window as [start, stop], each with one index an axis."""
    return None if window is None else [list(window.start), list(window.stop)]
