"""Prompts: a frozen batch of points, boxes and low-resolution masks for one image.

Coordinates are array indices of the image, x before y, with sample centres at integers (decision
0001): (0, 0) is the centre of the top-left pixel, and the outer edge of the image is at -0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import PromptError

if TYPE_CHECKING:
    from sam_common.window import Window

PromptKind: TypeAlias = Literal["points", "boxes", "masks"]

POSITIVE, NEGATIVE, PADDING = 1, 0, -1
"""Labels of points, as published: object, background, and padding that is no point."""
TOP_LEFT, BOTTOM_RIGHT = 2, 3
"""Labels of the corners of a box for a prompt encoder, as published for ONNX."""


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """N prompts for one object each, by points, boxes, masks or any of them together.

    Prompts with fewer points than others may be padded with points of label -1. The padding takes
    part in the attention, so exact results need prompts with the same number of points.

    Raises:
        PromptError: If all three kinds are missing, or an array is malformed.
    """

    boxes_xyxy: npt.NDArray[np.float64] | None = None
    """(N, 4) corners (x0, y0, x1, y1), x0 <= x1 and y0 <= y1."""
    points_xy: npt.NDArray[np.float64] | None = None
    """(N, P, 2) point positions."""
    point_labels: npt.NDArray[np.int64] | None = None
    """(N, P) labels: 1 object, 0 background, -1 padding."""
    mask_logits: npt.NDArray[np.float32] | None = None
    """(N, 256, 256) logits of an earlier decoding, in the model's own low-resolution grid."""

    def __post_init__(self) -> None:
        _set(self, "boxes_xyxy", self.boxes_xyxy, np.float64)
        _set(self, "points_xy", self.points_xy, np.float64)
        _set(self, "point_labels", self.point_labels, np.int64)
        _set(self, "mask_logits", self.mask_logits, np.float32)
        _check_boxes(self.boxes_xyxy)
        _check_points(self.points_xy, self.point_labels)
        _check_masks(self.mask_logits)
        counts = {len(part) for part in self._parts() if part is not None}
        if not counts:
            raise PromptError("a prompt needs points, a box or a mask, got none of them")
        if len(counts) > 1:
            raise PromptError(
                f"points, boxes and masks must have one row per prompt, got {sorted(counts)} rows"
            )

    @classmethod
    def from_boxes(cls, boxes_xyxy: npt.ArrayLike) -> Prompts:
        """Make prompts of one box each.

        Args:
            boxes_xyxy: (N, 4) corners (x0, y0, x1, y1), or (4,) for one prompt.
        """
        return cls(boxes_xyxy=np.atleast_2d(np.asarray(boxes_xyxy, dtype=np.float64)))

    @classmethod
    def from_points(cls, points_xy: npt.ArrayLike, labels: npt.ArrayLike | None = None) -> Prompts:
        """Make prompts of points.

        Args:
            points_xy: (N, 2) for N prompts of one point each, or (N, P, 2).
            labels: (N,) for N prompts of one point each, or (N, P); None where all points are
                positive.
        """
        points = np.asarray(points_xy, dtype=np.float64)
        array = np.ones(points.shape[:-1]) if labels is None else np.asarray(labels)
        if points.ndim == 2:  # noqa: PLR2004
            points = points[:, None, :]
            array = array[:, None] if array.ndim == 1 else array
        return cls(points_xy=points, point_labels=array.astype(np.int64))

    def __len__(self) -> int:
        return next(len(part) for part in self._parts() if part is not None)

    def __getitem__(self, rows: slice | npt.NDArray[np.intp]) -> Prompts:
        """Some of the prompts, by a slice or an index array."""
        boxes, points, labels, masks = self._parts()
        return Prompts(
            boxes_xyxy=None if boxes is None else boxes[rows],
            points_xy=None if points is None else points[rows],
            point_labels=None if labels is None else labels[rows],
            mask_logits=None if masks is None else masks[rows],
        )

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of prompts that are present."""
        given: dict[PromptKind, object] = {
            "points": self.points_xy,
            "boxes": self.boxes_xyxy,
            "masks": self.mask_logits,
        }
        return frozenset(kind for kind, part in given.items() if part is not None)

    def into_window(self, window: Window) -> Prompts:
        """The same prompts in the indices of `image[window.slices]`, for a window of (row, col)."""
        row, col = window.start
        offset = np.array([col, row], dtype=np.float64)
        return Prompts(
            boxes_xyxy=None if self.boxes_xyxy is None else self.boxes_xyxy - np.tile(offset, 2),
            points_xy=None if self.points_xy is None else self.points_xy - offset,
            point_labels=self.point_labels,
            mask_logits=self.mask_logits,
        )

    def as_points(
        self, scale_xy: npt.NDArray[np.float64], *, always_padded: bool = False
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Points and boxes in the form that a prompt encoder takes.

        Args:
            scale_xy: Pixels of the network's input for one pixel of the image, along x and y.
            always_padded: Whether a point of label -1 ends prompts with a box too, and two stand
                for prompts that are masks alone, as SAM 2 was trained.

        Returns:
            Positions (N, T, 2) and labels (N, T). The points come first; then the two corners of
            the box, or, as published, a point of label -1 where there are points and no box. T is 0
            for prompts that are masks alone.
        """
        points = np.empty((len(self), 0, 2))
        labels = np.empty((len(self), 0), dtype=np.int64)
        if self.points_xy is not None and self.point_labels is not None:
            points, labels = self.points_xy, self.point_labels
            if self.boxes_xyxy is None:
                points = np.pad(points, ((0, 0), (0, 1), (0, 0)))
                labels = np.pad(labels, ((0, 0), (0, 1)), constant_values=PADDING)
        if self.boxes_xyxy is not None:
            corners = self.boxes_xyxy.reshape(-1, 2, 2)
            points = np.concatenate([points, corners], axis=1)
            kinds = np.tile([TOP_LEFT, BOTTOM_RIGHT], (len(self), 1))
            labels = np.concatenate([labels, kinds], axis=1)
        if always_padded and (self.boxes_xyxy is not None or self.points_xy is None):
            more = 1 if labels.shape[1] else 2
            points = np.pad(points, ((0, 0), (0, more), (0, 0)))
            labels = np.pad(labels, ((0, 0), (0, more)), constant_values=PADDING)
        # as published, coordinates are scaled in float64 before they become float32
        return (points * scale_xy).astype(np.float32), labels

    def _parts(
        self,
    ) -> tuple[
        npt.NDArray[np.float64] | None,
        npt.NDArray[np.float64] | None,
        npt.NDArray[np.int64] | None,
        npt.NDArray[np.float32] | None,
    ]:
        return self.boxes_xyxy, self.points_xy, self.point_labels, self.mask_logits


def _set(prompts: Prompts, name: str, value: npt.ArrayLike | None, dtype: npt.DTypeLike) -> None:
    if value is None:
        return
    array = np.array(value, dtype=dtype)
    array.flags.writeable = False
    object.__setattr__(prompts, name, array)


def _check_boxes(boxes: npt.NDArray[np.float64] | None) -> None:
    if boxes is None:
        return
    if boxes.ndim != 2 or boxes.shape[1] != 4:  # noqa: PLR2004
        raise PromptError(f"boxes_xyxy must have shape (N, 4), got {boxes.shape}")
    for box in boxes:
        check_box(box.tolist())


def check_box(box: list[float]) -> None:
    """Raise `PromptError` unless (x0, y0, x1, y1) is finite and its corners are in order."""
    x0, y0, x1, y1 = box
    if not np.isfinite(box).all():
        raise PromptError(f"box must be finite, got {box}")
    if x0 > x1 or y0 > y1:
        raise PromptError(f"box must have min <= max as (x0, y0, x1, y1), got {box}")


def _check_points(
    points: npt.NDArray[np.float64] | None, labels: npt.NDArray[np.int64] | None
) -> None:
    if points is None and labels is None:
        return
    if points is None or labels is None:
        raise PromptError("points_xy and point_labels go together, got only one of them")
    if points.ndim != 3 or points.shape[2] != 2 or points.shape[1] < 1:  # noqa: PLR2004
        raise PromptError(f"points_xy must have shape (N, P, 2), got {points.shape}")
    if labels.shape != points.shape[:2]:
        raise PromptError(f"point_labels must have shape {points.shape[:2]}, got {labels.shape}")
    if not np.isfinite(points).all():
        raise PromptError(f"points must be finite, got {points[~np.isfinite(points)][0]}")
    if not np.isin(labels, (POSITIVE, NEGATIVE, PADDING)).all():
        raise PromptError(
            f"point labels are 1 (object), 0 (background) or -1 (padding), "
            f"got {sorted(set(labels.ravel().tolist()))}"
        )


def _check_masks(masks: npt.NDArray[np.float32] | None) -> None:
    if masks is None:
        return
    if masks.ndim != 3 or masks.shape[1:] != (256, 256):  # noqa: PLR2004
        raise PromptError(f"mask_logits must have shape (N, 256, 256), got {masks.shape}")
    if not np.isfinite(masks).all():
        raise PromptError("mask_logits must be finite, got NaN or infinity")
