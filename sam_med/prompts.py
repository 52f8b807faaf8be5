"""3-D box prompts: from voxel indices or LPS millimetres to a voxel box inside the volume.

Users name voxels as file formats do, (i, j, k) with inclusive ends; inside, a box is a half-open
`Window` in array order (k, j, i), like everything else.

```
--box-ijk 10,21,82,43,57,111   ->   Window((82, 21, 10), (112, 58, 44))
```
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med import frame as frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sam_med.volume import Volume

NUMBERS = 6
MAX_VALUE = 65535
"""Largest value of a label: uint16."""


@dataclass(frozen=True, slots=True)
class BoxPrompt:
    """One object: its name, its value in the label map, and a box around it."""

    label: str
    value: int
    """1 to 65535; 0 is background."""
    window: Window
    """(k, j, i) voxels of the box."""

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise PromptError("a label needs a name, got an empty one")
        if not 1 <= self.value <= MAX_VALUE:
            raise PromptError(
                f"the value of label {self.label} must be 1 to {MAX_VALUE}, got {self.value}"
            )

    @classmethod
    def from_ijk(cls, label: str, value: int, box: Sequence[float]) -> BoxPrompt:
        """From inclusive voxel indices (i0, j0, k0, i1, j1, k1).

        Raises:
            PromptError: Not six whole, finite numbers, or min > max.
        """
        _check_corners("ijk", box)
        if any(not float(v).is_integer() for v in box):
            raise PromptError(f"box-ijk must be whole voxel indices, got {_text(box)}")
        whole = [int(v) for v in box]
        # inclusive (i, j, k) to half-open (k, j, i)
        return cls(label, value, Window(tuple(whole[2::-1]), tuple(v + 1 for v in whole[:2:-1])))

    @classmethod
    def from_lps(cls, label: str, value: int, box: Sequence[float], volume: Volume) -> BoxPrompt:
        """From outer edges (x0, y0, z0, x1, y1, z1) in LPS mm: the smallest voxel box around it.

        On an oblique grid all eight corners count; see `frame.enclosing_window`.

        Raises:
            PromptError: Not six finite numbers, or min > max.
        """
        _check_corners("lps", box)
        return cls(label, value, frames.enclosing_window(volume.frame, box[:3], box[3:]))

    @property
    def ijk(self) -> tuple[int, ...]:
        """Inclusive voxel indices (i0, j0, k0, i1, j1, k1)."""
        return (*self.window.start[::-1], *(v - 1 for v in self.window.stop[::-1]))

    def clip(self, volume: Volume) -> BoxPrompt:
        """The part of the box that lies in the volume.

        Raises:
            PromptError: None of it does; the message names the volume's extent.
        """
        inside = self.window.intersect(volume.window)
        if inside is None:
            low, high = frames.bounds_lps(volume.frame, volume.window)
            last_i, last_j, last_k = (n - 1 for n in volume.shape[::-1])
            raise PromptError(
                f"box of label {self.label} lies outside the volume: ijk {_text(self.ijk)}, but "
                f"the volume has i 0 to {last_i}, j 0 to {last_j}, k 0 to {last_k} "
                f"(LPS mm x {low[0]:.1f} to {high[0]:.1f}, y {low[1]:.1f} to {high[1]:.1f}, "
                f"z {low[2]:.1f} to {high[2]:.1f})"
            )
        return dataclasses.replace(self, window=inside)


def parse_box(option: str, text: str) -> list[float]:
    """Six numbers separated by commas.

    Args:
        option: Name of the option, for the message.
        text: What was given, e.g. "10,21,82,43,57,111".

    Raises:
        PromptError: Something else.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != NUMBERS:
        raise PromptError(f"{option} must be six numbers separated by commas, got {text!r}")
    return numbers


def pair_labels(boxes: int, labels: Sequence[str]) -> list[str]:
    """A name for each box: the given ones by order, or object_1, object_2 where none is given.

    Raises:
        PromptError: Another number of labels than of boxes, or a name that occurs twice.
    """
    if not labels:
        return [f"object_{n}" for n in range(1, boxes + 1)]
    if len(labels) != boxes:
        raise PromptError(
            f"labels are paired with boxes by order, got {boxes} box(es) and {len(labels)} label(s)"
        )
    twice = sorted({label for label in labels if list(labels).count(label) > 1})
    if twice:
        raise PromptError(f"each object needs a label of its own, got {twice[0]} more than once")
    return list(labels)


def _check_corners(kind: str, box: Sequence[float]) -> None:
    if len(box) != NUMBERS:
        raise PromptError(f"box-{kind} must be six numbers, got {len(box)}")
    if not all(math.isfinite(v) for v in box):
        raise PromptError(f"box-{kind} must be finite, got {_text(box)}")
    if any(low > high for low, high in zip(box[:3], box[3:], strict=True)):
        order = "i0,j0,k0,i1,j1,k1" if kind == "ijk" else "x0,y0,z0,x1,y1,z1"
        raise PromptError(f"box-{kind} must have min <= max as {order}, got {_text(box)}")


def _text(box: Sequence[float]) -> str:
    return ",".join(f"{v:.12g}" if math.isfinite(v) else str(v) for v in box)
