"""Edits of a live raster: points, boxes and masks of a client, checked, in raster indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_common.segmenter.capabilities import check_kinds
from sam_geo.live.windows import MOST_PIXELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.frame import Frame
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.object_state import Edit


KINDS: Mapping[str, PromptKind] = {
    "add_point": "points", "move_point": "points", "set_box": "boxes", "set_mask": "masks",
}  # fmt: skip
"""Kind of prompt that an edit brings, by its `op`."""
REFUSED: Mapping[str, str] = {
    "add_mark": "marks correct objects of volumes: this is a raster, add points",
    "choose_candidate": "objects of volumes are chosen from answers: this is a raster, add points",
    "propagated": "only volumes are propagated: this is a raster",
}
"""What is told of edits that are for volumes, by their `op`."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Converts the edits that a client sends for one raster and one model."""

    frame: Frame
    """Raster indices (row, col) to world coordinates (x, y)."""
    size_hw: tuple[int, int]
    """Rows and columns of the raster."""
    segmenter: Segmenter

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """Check an edit and convert its coordinates to raster indices.

        Args:
            edit: As `sam_common.server.sessions.protocol` describes it: its `op`, and a `point`,
                `box` or `mask` in raster indices or, where `space` is `world`, in the raster's
                reference system (masks are always in indices).

        Returns:
            The edit without `space` and without members that are None; points (x, y) and boxes
            (x0, y0, x1, y1) in raster indices, where the centre of the first pixel is (0, 0).

        Raises:
            PromptError: The edit is for volumes, has a wrong number of coordinates, or a mask that
                is too large or reaches beyond the raster.
            CapabilityError: The model was not trained for this kind of prompt.
        """
        ready = {k: v for k, v in edit.items() if v is not None and k != "space"}
        if (told := REFUSED.get(edit["op"])) is not None:
            raise PromptError(told)
        if edit["op"] == "add_objects":
            objects = [{**each, "mask": self._mask(each["mask"])} for each in edit["objects"]]
            return {**ready, "objects": objects}
        if edit.get("axis") is not None:
            raise PromptError("axis and index are for volumes: this is a raster")
        in_world = edit.get("space") == "world"
        if "point" in ready:
            ready["point"] = self._point(ready["point"], in_world=in_world)
        if "box" in ready:
            ready["box"] = self._box(ready["box"], in_world=in_world)
        if "mask" in ready:
            ready["mask"] = self._mask(ready["mask"])
        self._check_kind(ready)
        return ready

    def _point(self, point: Sequence[float], *, in_world: bool) -> list[float]:
        """A point as raster indices (x, y)."""
        if len(point) != 2:  # noqa: PLR2004
            raise PromptError(f"a point of a raster is [x, y], got {len(point)} numbers")
        return self._indices([point])[0] if in_world else [float(v) for v in point]

    def _box(self, box: Sequence[float], *, in_world: bool) -> list[float]:
        """A box as raster indices; a turned one becomes the upright box around it."""
        if len(box) != 4:  # noqa: PLR2004
            raise PromptError(f"a box of a raster is [x0, y0, x1, y1], got {len(box)} numbers")
        x0, y0, x1, y1 = box
        corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        xs, ys = zip(*(self._indices(corners) if in_world else corners), strict=True)
        return [float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))]

    def _indices(self, world: Sequence[Sequence[float]]) -> list[list[float]]:
        """World coordinates (x, y) converted to raster indices (x, y)."""
        found = self.frame.to_index(np.array(world, dtype=np.float64))[:, ::-1]
        if not np.isfinite(found).all():
            raise PromptError(f"coordinates are too far from the raster: {list(world[0])}")
        return [[float(v) for v in xy] for xy in found]

    def _mask(self, mask: Mapping[str, Any]) -> dict[str, Any]:
        """A painted mask with its window in the raster, its size and its run lengths."""
        if mask.get("axis") is not None:
            raise PromptError("axis and index are for volumes: this is a raster")
        (top, left), (bottom, right) = mask["window"]
        rows, cols = self.size_hw
        if bottom > rows or right > cols:
            raise PromptError(f"the mask reaches to {bottom, right}, the raster has {rows, cols}")
        if (bottom - top) * (right - left) > MOST_PIXELS:
            raise PromptError(f"a mask has at most {MOST_PIXELS} pixels")
        kept = {"window": [[top, left], [bottom, right]], "size": [bottom - top, right - left]}
        return {**kept, "counts": list(mask["counts"])}

    def _check_kind(self, edit: Mapping[str, Any]) -> None:
        """Raise `CapabilityError` where the model was not trained for the prompt of an edit."""
        if (kind := KINDS.get(edit["op"])) is not None:
            check_kinds(self.segmenter.name, self.segmenter.capabilities.kinds, frozenset({kind}))
