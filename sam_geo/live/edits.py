"""Edits of a live raster: what a client sends, checked and in raster indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import check_prompts
from sam_geo.live.windows import MOST_PIXELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.frame import Frame
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.history import Edit


@dataclass(frozen=True, slots=True)
class Edits:
    """Reads edits for one raster and one model."""

    frame: Frame
    size_hw: tuple[int, int]
    segmenter: Segmenter

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """The edit in raster indices.

        Raises:
            PromptError: It is none of a raster, or not inside of it.
            CapabilityError: The model was not trained for it.
        """
        ready = {k: v for k, v in edit.items() if v is not None and k != "space"}
        if edit.get("axis") is not None or (edit.get("mask") or {}).get("axis") is not None:
            raise PromptError("axis and index are for volumes: this is a raster")
        if edit["op"] == "propagated":
            raise PromptError("only volumes are propagated: this is a raster")
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
        if len(point) != 2:  # noqa: PLR2004
            raise PromptError(f"a point of a raster is [x, y], got {len(point)} numbers")
        return self._indices([point])[0] if in_world else [float(v) for v in point]

    def _box(self, box: Sequence[float], *, in_world: bool) -> list[float]:
        if len(box) != 4:  # noqa: PLR2004
            raise PromptError(f"a box of a raster is [x0, y0, x1, y1], got {len(box)} numbers")
        x0, y0, x1, y1 = box
        corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        xs, ys = zip(*(self._indices(corners) if in_world else corners), strict=True)
        return [float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))]

    def _indices(self, world: Sequence[Sequence[float]]) -> list[list[float]]:
        """World (x, y) to raster indices (x, y)."""
        found = self.frame.to_index(np.array(world, dtype=np.float64))[:, ::-1]
        if not np.isfinite(found).all():
            raise PromptError(f"coordinates are too far from the raster: {list(world[0])}")
        return [[float(v) for v in xy] for xy in found]

    def _mask(self, mask: Mapping[str, Any]) -> dict[str, Any]:
        (top, left), (bottom, right) = mask["window"]
        rows, cols = self.size_hw
        if bottom > rows or right > cols:
            raise PromptError(f"the mask reaches to {bottom, right}, the raster has {rows, cols}")
        if (bottom - top) * (right - left) > MOST_PIXELS:
            raise PromptError(f"a mask has at most {MOST_PIXELS} pixels")
        kept = {"window": [[top, left], [bottom, right]], "size": [bottom - top, right - left]}
        return {**kept, "counts": list(mask["counts"])}

    def _check_kind(self, edit: Mapping[str, Any]) -> None:
        if edit["op"] in {"add_point", "move_point"}:
            wanted = Prompts.from_points([[0.0, 0.0]])
        elif edit["op"] == "set_box":
            wanted = Prompts.from_boxes([0, 0, 1, 1])
        elif edit["op"] == "set_mask":
            wanted = Prompts(mask_logits=np.zeros((1, 256, 256), dtype=np.float32))
        else:
            return
        check_prompts(self.segmenter.name, self.segmenter.capabilities, wanted)
