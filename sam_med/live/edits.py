"""Edits of a live volume: prompts that a client sends, checked and brought to voxel indices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sam_common.errors import PromptError
from sam_common.prompts import Prompts
from sam_common.segmenter.capabilities import check_prompts
from sam_common.server.sessions.object_state import MarkState
from sam_med.geometry.slice_box import Axis, SliceBox
from sam_med.geometry.voxel_box import box_from_ijk, box_from_lps, window_ijk
from sam_med.live.marks import mark_of
from sam_med.prompts.object_prompt import VoxelPoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.sessions.object_state import Edit
    from sam_common.window import Window
    from sam_med.geometry.volume import Volume
    from sam_med.slices.embedded_slices import SliceEmbeddings

POINT_NUMBERS, PLANE_NUMBERS, BOX_NUMBERS = 3, 4, 6


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """Checks edits for one volume and one network."""

    volume: Volume
    slices: SliceEmbeddings
    segmenter: Segmenter

    def normalised(self, edit: Edit) -> dict[str, Any]:
        """An edit with its point, box or mask in voxel indices.

        Raises:
            PromptError: The prompt has not the numbers of a volume's, or lies outside of it.
            CapabilityError: The network was not trained for this kind of prompt.
        """
        ready = {k: v for k, v in edit.items() if v is not None and k != "space"}
        in_world = edit.get("space") == "world"
        if ready["op"] == "add_objects":
            raise PromptError("objects with their masks are added to rasters: this is a volume")
        if ready["op"] == "add_mark":
            return self._mark(ready, in_world=in_world)
        if "point" in ready:
            ready["point"] = self._point(ready["point"], in_world=in_world)
        if "box" in ready:
            ready["box"] = self._box(ready, in_world=in_world)
        if "mask" in ready:
            self._check_mask(ready["mask"])
        self._check_kind(ready)
        return ready

    def _point(self, point: Sequence[float], *, in_world: bool) -> list[float]:
        """A point inside the volume as (i, j, k)."""
        if len(point) != POINT_NUMBERS:
            raise PromptError(f"a point of a volume is [i, j, k], got {len(point)} numbers")
        kji = self.volume.to_index(point) if in_world else np.array(point[::-1], dtype=np.float64)
        index = VoxelPoint((float(kji[0]), float(kji[1]), float(kji[2])))
        if not self.volume.window.contains(index.window_kji):
            raise PromptError(
                f"the point lies outside the volume of {self.volume.shape[::-1]} voxels (i, j, k)"
            )
        return list(index.index_kji[::-1])

    def _mark(self, edit: dict[str, Any], *, in_world: bool) -> dict[str, Any]:
        """A mark with its points in voxel indices, which lies on a slice of the volume."""
        points = []
        for point in edit["points"]:
            if len(point) != POINT_NUMBERS:
                raise PromptError(f"a point of a volume is [i, j, k], got {len(point)} numbers")
            kji = self.volume.to_index(point) if in_world else np.array(point[::-1], dtype=float)
            points.append([float(v) for v in kji[::-1]])
        ready = {**edit, "points": points}
        mark = mark_of(
            MarkState(
                ready["mark"], tuple(map(tuple, points)), ready.get("label", 1), ready.get("axis")
            )
        )
        mark.on_slice(self.volume, mark.place(self.volume))
        return ready

    def _box(self, edit: Mapping[str, Any], *, in_world: bool) -> list[float]:
        """A 3-D box as inclusive (i, j, k) voxels, or a box on a slice as (x0, y0, x1, y1)."""
        box, axis = edit["box"], edit.get("axis")
        if axis is None:
            if len(box) != BOX_NUMBERS:
                raise PromptError(
                    f"a box of a volume is [i0, j0, k0, i1, j1, k1], got {len(box)} numbers: "
                    "give axis and index with a box on a slice"
                )
            window = box_from_lps(box, self.volume) if in_world else _voxels(box)
            return [float(v) for v in window_ijk(self._inside(window))]
        if in_world and len(box) == BOX_NUMBERS:
            corners = np.reshape(box, (2, 3))
            found = SliceBox.from_corners(cast("Axis", axis), corners, self.volume)
            if found.index != edit["index"]:
                raise PromptError(f"the box lies on slice {found.index}, not {edit['index']}")
            box = found.ijk
        elif in_world or len(box) != PLANE_NUMBERS:
            wanted = "two corners in mm, [x, y, z, x, y, z]" if in_world else "[x0, y0, x1, y1]"
            raise PromptError(f"a box on a slice is {wanted}, got {len(box)} numbers")
        return self._on_slice(box, axis, edit["index"])

    def _on_slice(self, box: Sequence[float], axis: int, index: int) -> list[float]:
        """A box cut to its slice, as inclusive (x0, y0, x1, y1) voxels."""
        self._check_slice(axis, index)
        x0, x1 = sorted((box[0], box[2]))
        y0, y1 = sorted((box[1], box[3]))
        rows, cols = self.slices.plane(axis).size_hw
        left, right = max(0, whole_number(x0)), min(cols - 1, whole_number(x1))
        top, bottom = max(0, whole_number(y0)), min(rows - 1, whole_number(y1))
        if left > right or top > bottom:
            raise PromptError(f"the box lies outside the slice of {rows} x {cols} voxels")
        return [float(v) for v in (left, top, right, bottom)]

    def _inside(self, window: Window) -> Window:
        """The part of a (k, j, i) window inside the volume, which must not be empty."""
        if (inside := window.intersect(self.volume.window)) is None:
            raise PromptError(
                f"the box ijk {window_ijk(window)} lies outside the volume of "
                f"{self.volume.shape[::-1]} voxels"
            )
        return inside

    def _check_slice(self, axis: int, index: int) -> None:
        """Raise `PromptError` where an axis has no such slice."""
        if not 0 <= index < self.volume.shape[axis]:
            raise PromptError(
                f"axis {axis} has the slices 0 to {self.volume.shape[axis] - 1}, got {index}"
            )

    def _check_mask(self, mask: Mapping[str, Any]) -> None:
        """Raise `PromptError` where a painted mask names no slice, or reaches beyond it."""
        if mask.get("axis") is None:
            raise PromptError("a painted mask of a volume names its slice: axis and index")
        self._check_slice(mask["axis"], mask["index"])
        rows, cols = self.slices.plane(mask["axis"]).size_hw
        _, (bottom, right) = mask["window"]
        if bottom > rows or right > cols:
            raise PromptError(f"the mask reaches to {bottom, right}, the slice has {rows, cols}")

    def _check_kind(self, edit: Mapping[str, Any]) -> None:
        """Raise `CapabilityError` where the network does not take points, or boxes."""
        segmenter = self.segmenter
        if edit["op"] in {"add_point", "move_point"}:
            check_prompts(segmenter.name, segmenter.capabilities, Prompts.from_points([[0.0, 0.0]]))
        elif edit["op"] == "set_box":
            check_prompts(segmenter.name, segmenter.capabilities, Prompts.from_boxes([0, 0, 1, 1]))


def whole_number(value: float) -> int:
    """The voxel that an index with a fraction lies in; a half counts up."""
    return math.floor(value + 0.5)


def _voxels(box: Sequence[float]) -> Window:
    """The window of a box of inclusive (i, j, k) voxels, with corners in any order."""
    low = [whole_number(min(a, b)) for a, b in zip(box[:3], box[3:], strict=True)]
    high = [whole_number(max(a, b)) for a, b in zip(box[:3], box[3:], strict=True)]
    return box_from_ijk([*low, *high])
