"""Object prompts: a box, boxes on slices, points or a mask for each object to be segmented.

Users name voxels as file formats do, (i, j, k) with inclusive ends. In this package, a box is a
half-open `Window` in array order (k, j, i).

```
--box-ijk 10,21,82,43,57,111   ->   Window((82, 21, 10), (112, 58, 44))
```
Prompts are made from options by `sam_med.prompts.flags`, and from files by `sam_med.prompts.files`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.errors import PromptError
from sam_common.window import Window
from sam_med.geometry.slice_box import AXIS_NAMES, SliceBox
from sam_med.geometry.voxel_box import box_from_ijk, box_from_lps, extents, text_of, window_ijk
from sam_med.objects.labels import MAX_VALUE
from sam_med.objects.segments import crop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_med.geometry.volume import Volume
    from sam_med.objects.snomed import Code


@dataclass(frozen=True, slots=True)
class VoxelPoint:
    """A point in the object or in the background."""

    index_kji: tuple[float, float, float]
    """Fractional array index (k, j, i); whole numbers are centres of voxels."""
    positive: bool = True
    """Whether the point is in the object; False for the background."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in self.index_kji):
            raise PromptError(f"a point must be finite, got {text_of(self.index_kji[::-1])}")
        k, j, i = (float(v) for v in self.index_kji)
        object.__setattr__(self, "index_kji", (k, j, i))

    @property
    def window_kji(self) -> Window:
        """The voxel that holds the point, as a window of one voxel."""
        start = tuple(math.floor(v + 0.5) for v in self.index_kji)
        return Window(start, tuple(v + 1 for v in start))


@dataclass(frozen=True, slots=True)
class VoxelMask:
    """A mask to be refined, packed so that masks can be compared and used as keys.

    Law:
        `VoxelMask.from_array(m.mask, m.window.start) == m`
    """

    window: Window
    """(k, j, i) part of the volume that the mask covers."""
    bits: bytes
    """The voxels in C order, eight in a byte, the first voxel in the highest bit."""

    def __post_init__(self) -> None:
        wanted = -(-math.prod(self.window.shape) // 8)
        if len(self.bits) != wanted:
            raise PromptError(
                f"a mask of {self.window.shape} voxels takes {wanted} bytes, got {len(self.bits)}"
            )

    @classmethod
    def from_array(
        cls, mask: npt.NDArray[Any], start_kji: tuple[int, ...] = (0, 0, 0)
    ) -> VoxelMask:
        """The voxels of an array that are not 0, in the smallest window around them.

        Args:
            mask: (k, j, i) array of any type.
            start_kji: Index of the first voxel of the array in the volume.

        Raises:
            PromptError: All voxels are 0.
        """
        tight, part = crop(np.asarray(mask) != 0)
        if not part.any():
            raise PromptError("a mask to refine needs at least one voxel, got an empty one")
        return cls(tight.shift(start_kji), np.packbits(part).tobytes())

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The mask as an array of `window.shape`."""
        count = math.prod(self.window.shape)
        flat = np.unpackbits(np.frombuffer(self.bits, dtype=np.uint8), count=count)
        return np.asarray(flat.reshape(self.window.shape).astype(np.bool_))


@dataclass(frozen=True, slots=True)
class ObjectPrompt:
    """One object to be segmented: its name, its value in label maps, and its prompts."""

    label: str
    value: int
    """Value in label maps, 1 to 65535; 0 is background."""
    box: Window | None = None
    """(k, j, i) voxels of a box around the object."""
    slice_boxes: tuple[SliceBox, ...] = ()
    """Boxes around the object on single slices along any axis."""
    points: tuple[VoxelPoint, ...] = ()
    """Points in the object and in the background."""
    mask: VoxelMask | None = None
    """An earlier mask of the object, to be refined."""
    code: Code | None = None
    """SNOMED CT code of the structure; None where it is not known."""

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise PromptError("a label needs a name, got an empty one")
        if not 1 <= self.value <= MAX_VALUE:
            raise PromptError(
                f"the value of label {self.label} must be 1 to {MAX_VALUE}, got {self.value}"
            )
        only_points = self.box is None and not self.slice_boxes and self.mask is None
        if only_points and not self.points:
            raise PromptError(
                f"label {self.label} needs a box, a box on a slice, a point or a mask, got none"
            )
        if only_points and not any(point.positive for point in self.points):
            raise PromptError(f"label {self.label} has points of the background only")
        # a repeated point or box would count twice
        object.__setattr__(self, "points", tuple(dict.fromkeys(self.points)))
        object.__setattr__(self, "slice_boxes", tuple(dict.fromkeys(self.slice_boxes)))

    @classmethod
    def from_ijk(cls, label: str, value: int, box: Sequence[float]) -> ObjectPrompt:
        """A prompt by a box of voxel indices (i0, j0, k0, i1, j1, k1), ends included.

        Raises:
            PromptError: The box is not six whole, finite numbers, or a minimum is above a maximum.
        """
        return cls(label, value, box_from_ijk(box))

    @classmethod
    def from_lps(cls, label: str, value: int, box: Sequence[float], volume: Volume) -> ObjectPrompt:
        """A prompt by a box of outer edges (x0, y0, z0, x1, y1, z1) in LPS mm, see `box_from_lps`.

        Raises:
            PromptError: The box is not six finite numbers, or a minimum is above a maximum.
        """
        return cls(label, value, box_from_lps(box, volume))

    @property
    def ijk(self) -> tuple[int, ...]:
        """Inclusive voxel indices (i0, j0, k0, i1, j1, k1) of `window`."""
        return window_ijk(self.window)

    @property
    def is_boxed(self) -> bool:
        """Whether a 3-D box says where the object ends, and no earlier mask is refined."""
        return self.box is not None and self.mask is None

    @property
    def window(self) -> Window:
        """The smallest (k, j, i) window around all prompts of the object."""
        parts = [
            *([self.box] if self.box is not None else []),
            *(part.window_kji for part in self.slice_boxes),
            *(point.window_kji for point in self.points),
            *([self.mask.window] if self.mask is not None else []),
        ]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.union(part)
        return whole

    def check_parts(self) -> None:
        """Raise `PromptError` where prompts of the object contradict each other.

        Contradictions are a point of the object and one of the background in one voxel, two boxes
        on one slice, and a point, a box on a slice or a mask outside of the 3-D box. A label of
        several lines is refused as well, because no format of results holds one.
        """
        if not self.label.isprintable():
            raise PromptError(f"a label is one line of text, got {self.label!r}")
        kinds: dict[Window, bool] = {}
        for point in self.points:
            if kinds.setdefault(point.window_kji, point.positive) != point.positive:
                raise PromptError(
                    f"label {self.label} has a point of the object and one of the background in "
                    f"one voxel: ijk {text_of(window_ijk(point.window_kji)[:3])}"
                )
        slices = [(part.axis, part.index) for part in self.slice_boxes]
        for axis, index in slices:
            if slices.count((axis, index)) > 1:
                raise PromptError(
                    f"label {self.label} has two boxes on slice {AXIS_NAMES[axis]}={index}: join "
                    "them, or give each a name of its own"
                )
        if self.box is not None:
            self._check_inside(self.box)

    def clip(self, volume: Volume) -> ObjectPrompt:
        """The prompt with its boxes and its mask cut to the volume.

        Raises:
            PromptError: A box, the mask or a point lies outside of the volume; the message states
                the extent of the volume.
        """
        return dataclasses.replace(
            self,
            box=None if self.box is None else self._inside("box", self.box, volume),
            slice_boxes=tuple(
                SliceBox.from_window(
                    part.axis, self._inside(_name_of(part), part.window_kji, volume)
                )
                for part in self.slice_boxes
            ),
            points=tuple(self._point_inside(point, volume) for point in self.points),
            mask=None if self.mask is None else self._mask_inside(self.mask, volume),
        )

    def _check_inside(self, box: Window) -> None:
        """Raise `PromptError` where a point, a slice box or the mask is outside of a 3-D box."""
        parts = [
            *(("point", point.window_kji) for point in self.points if point.positive),
            *((_name_of(part), part.window_kji) for part in self.slice_boxes),
            *([("mask", self.mask.window)] if self.mask is not None else []),
        ]
        for kind, window in parts:
            if box.intersect(window) is None:
                raise PromptError(
                    f"{kind} of label {self.label} lies outside of its own box: ijk "
                    f"{text_of(window_ijk(window))}, but the box is {text_of(window_ijk(box))}"
                )

    def _inside(self, kind: str, window: Window, volume: Volume) -> Window:
        """The part of a window that lies in the volume; `kind` names the prompt in the message."""
        inside = window.intersect(volume.window)
        if inside is None:
            raise PromptError(
                f"{kind} of label {self.label} lies outside the volume: "
                f"ijk {text_of(window_ijk(window))}, but {extents(volume)}"
            )
        return inside

    def _point_inside(self, point: VoxelPoint, volume: Volume) -> VoxelPoint:
        """A point after a check that it lies in the volume."""
        if not volume.window.contains(point.window_kji):
            raise PromptError(
                f"point of label {self.label} lies outside the volume: "
                f"ijk {text_of(point.index_kji[::-1])}, but {extents(volume)}"
            )
        return point

    def _mask_inside(self, mask: VoxelMask, volume: Volume) -> VoxelMask:
        """The part of a mask that lies in the volume."""
        inside = self._inside("mask", mask.window, volume)
        if inside == mask.window:
            return mask
        part = mask.mask[inside.within(mask.window).slices]
        if not part.any():
            raise PromptError(
                f"mask of label {self.label} lies outside the volume: "
                f"ijk {text_of(window_ijk(mask.window))}, but {extents(volume)}"
            )
        return VoxelMask.from_array(part, inside.start)


def clip_notes(before: ObjectPrompt, after: ObjectPrompt) -> list[str]:
    """A sentence for each box and mask that `ObjectPrompt.clip` cut to the volume."""

    def note(kind: str, window: Window) -> str:
        ijk = ",".join(str(v) for v in window_ijk(window))
        return f"{kind} of label {before.label} is cut to the volume: ijk {ijk}"

    notes = []
    if after.box is not None and after.box != before.box:
        notes.append(note("box", after.box))
    notes.extend(
        note(_name_of(new), new.window_kji)
        for old, new in zip(before.slice_boxes, after.slice_boxes, strict=True)
        if old != new
    )
    if after.mask is not None and after.mask != before.mask:
        notes.append(note("mask", after.mask.window))
    return notes


def with_codes(
    prompts: Sequence[ObjectPrompt], find_code: Callable[[str], Code | None]
) -> list[ObjectPrompt]:
    """The prompts, those without a code with the code of their name, where it has one."""
    return [
        prompt if prompt.code else dataclasses.replace(prompt, code=find_code(prompt.label))
        for prompt in prompts
    ]


def check_objects(prompts: Sequence[ObjectPrompt]) -> None:
    """Raise `PromptError` where two objects have one name or one value."""
    for name, given in (
        ("label", [prompt.label for prompt in prompts]),
        ("value", [prompt.value for prompt in prompts]),
    ):
        twice = [item for n, item in enumerate(given) if item in given[:n]]
        if twice:
            raise PromptError(f"each object needs a {name} of its own, got {twice[0]} twice")


def _name_of(part: SliceBox) -> str:
    """What messages call a box on a slice."""
    return f"box on slice {AXIS_NAMES[part.axis]}={part.index}"
