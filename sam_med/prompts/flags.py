"""Flags: prompts as options of the command line.

```
--box-ijk        10,21,82,43,57,111        voxel numbers i0,j0,k0,i1,j1,k1, ends included
--box-lps        -62.5,-20,91,10,48.5,150  outer edges x0,y0,z0,x1,y1,z1 in mm (--box-ras too)
--slice-box      k=89:75,59,87,75          a slice, then i0,j0,i1,j1 on it
--slice-box-lps  k:12,-30,91,48,-2,91      an axis, then two opposite corners in mm
--point-ijk      81,67,89                  in the object; 81,67,89,0 is a point outside of it
liver@...                                  any of these, for the object of that name
```
Each box without a name is an object, named by `--label` in the order of the boxes. A box on a slice
or a point without a name belongs to the only object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import PromptError
from sam_med.geometry.slice_box import SliceBox, axis_of
from sam_med.geometry.voxel_box import NUMBERS, SPACES, Space, box_from_ijk, box_from_lps, to_lps
from sam_med.prompts.object_prompt import ObjectPrompt, VoxelPoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_common.window import Window
    from sam_med.geometry.volume import Volume

POINT_NUMBERS = (3, 4)
"""Numbers of a point, without and with a fourth one: 1 for the object, 0 for the background."""
NAME_END = "@"


@dataclass(frozen=True, slots=True)
class PromptFlags:
    """Prompts on the command line as texts, by the space of their numbers, in the order given."""

    boxes: Mapping[Space, Sequence[str]] = field(default_factory=dict)
    slice_boxes: Mapping[Space, Sequence[str]] = field(default_factory=dict)
    points: Mapping[Space, Sequence[str]] = field(default_factory=dict)
    labels: Sequence[str] = ()

    @property
    def given(self) -> bool:
        """Whether any prompt was given."""
        kinds = (self.boxes, self.slice_boxes, self.points)
        return any(texts for kind in kinds for texts in kind.values())


@dataclass(slots=True)
class _Parts:
    """The prompts of one object while options are read."""

    boxes: list[Window] = field(default_factory=list)
    slice_boxes: list[SliceBox] = field(default_factory=list)
    points: list[VoxelPoint] = field(default_factory=list)


def prompts_from_flags(flags: PromptFlags, volume: Volume, *, first: int = 1) -> list[ObjectPrompt]:
    """The objects of the options, with values that count up in the order of their appearance.

    Args:
        flags: The options.
        volume: The volume that mm are converted with; prompts are not clipped to it yet.
        first: The value of the first object.

    Raises:
        PromptError: There is no prompt, a text cannot be read, or it is not clear which object a
            prompt belongs to.
    """
    if not flags.given:
        raise PromptError("give at least one box, box on a slice or point")
    objects = _objects(flags)
    for space, text, name in _each(flags.boxes):
        if name:
            objects[name].boxes.append(_box(space, text, volume))
    for space, text, name in _each(flags.slice_boxes):
        option = _option("slice-box", space, bare_ijk=True)
        home = _home(option, name, objects)
        home.slice_boxes.append(parse_slice_box(option, text, volume, space))
    for space, text, name in _each(flags.points):
        option = _option("point", space)
        _home(option, name, objects).points.append(parse_point(option, text, volume, space))
    _fill_unnamed(flags, objects, volume)
    return [
        _finish(name, value, parts)
        for value, (name, parts) in enumerate(objects.items(), start=first)
    ]


def parse_box(option: str, text: str) -> list[float]:
    """Parse six numbers separated by commas.

    Args:
        option: Name of the option, for the message.
        text: The value of the option, e.g. "10,21,82,43,57,111".

    Raises:
        PromptError: The text is something else.
    """
    numbers = _numbers(text)
    if len(numbers) != NUMBERS:
        raise PromptError(f"{option} must be six numbers separated by commas, got {text!r}")
    return numbers


def parse_slice_box(option: str, text: str, volume: Volume, space: Space = "ijk") -> SliceBox:
    """Parse a box on a slice: "k=89:75,59,87,75", or "k:x0,y0,z0,x1,y1,z1" in mm.

    Args:
        option: Name of the option, for the message.
        text: The value of the option.
        volume: The volume that mm are converted with.
        space: Space of the numbers.

    Raises:
        PromptError: The text is something else.
    """
    head, _, tail = text.partition(":")
    letter, equals, index = head.partition("=")
    numbers = _numbers(tail)
    if space != "ijk":
        if equals or len(numbers) != NUMBERS:
            raise PromptError(
                f"{option} must be an axis and two corners, as k:x0,y0,z0,x1,y1,z1, got {text!r}"
            )
        corners = to_lps(np.reshape(numbers, (2, 3)), space)
        return SliceBox.from_corners(axis_of(letter), corners, volume)
    try:
        slice_index = int(index)
    except ValueError as error:
        raise PromptError(
            f"{option} must be a slice and four voxel numbers, as k=89:i0,j0,i1,j1, got {text!r}"
        ) from error
    return SliceBox.from_ijk(axis_of(letter), slice_index, numbers)


def parse_point(option: str, text: str, volume: Volume, space: Space = "ijk") -> VoxelPoint:
    """Parse a point "x,y,z", or "x,y,z,0" for a point of the background.

    Args:
        option: Name of the option, for the message.
        text: The value of the option.
        volume: The volume that mm are converted with.
        space: Space of the numbers.

    Raises:
        PromptError: The text is something else.
    """
    numbers = _numbers(text)
    kind = numbers[3:] or [1.0]
    if len(numbers) not in POINT_NUMBERS or kind[0] not in {0.0, 1.0}:
        raise PromptError(
            f"{option} must be three numbers separated by commas, and 0 or 1 as a fourth for the "
            f"background or the object, got {text!r}"
        )
    return point_at(numbers[:3], volume, space, positive=bool(kind[0]))


def point_at(
    at: Sequence[float], volume: Volume, space: Space, *, positive: bool = True
) -> VoxelPoint:
    """The point of three numbers.

    Args:
        at: (i, j, k) voxel index, or (x, y, z) in mm.
        volume: The volume that mm are converted with.
        space: Space of the numbers.
        positive: Whether the point is in the object; False for the background.

    Raises:
        PromptError: A number is not finite.
    """
    if space == "ijk":
        return VoxelPoint((at[2], at[1], at[0]), positive)
    k, j, i = volume.to_index(to_lps(at, space)).tolist()
    return VoxelPoint((k, j, i), positive)


def pair_labels(boxes: int, labels: Sequence[str]) -> list[str]:
    """A name for each box: the labels in their order, or object_1, object_2 ... without labels.

    Raises:
        PromptError: There are more or fewer labels than boxes, or two labels are equal.
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


def _objects(flags: PromptFlags) -> dict[str, _Parts]:
    """An empty record for each object by its name: objects of unnamed boxes first, then the others.

    Raises:
        PromptError: Unnamed boxes are in different spaces, or labels have no unnamed box.
    """
    unnamed = [space for space, _, name in _each(flags.boxes) if not name]
    if len(set(unnamed)) > 1:
        spaces = " and ".join(_option("box", space) for space in SPACES if space in unnamed)
        raise PromptError(
            f"give all boxes without a name in one way, got {spaces}: labels are paired with them "
            "by order (or write NAME@ in front of each)"
        )
    named = [
        name
        for kind in (flags.boxes, flags.slice_boxes, flags.points)
        for _, _, name in _each(kind)
        if name
    ]
    # one object may be given by points or boxes on slices alone
    count = len(unnamed) or (0 if named else 1)
    names = pair_labels(count, flags.labels) if count else []
    if flags.labels and not names:
        raise PromptError(
            f"--label names boxes without a name, got {len(flags.labels)} label(s) and only named "
            "prompts"
        )
    return {name: _Parts() for name in [*names, *named]}


def _fill_unnamed(flags: PromptFlags, objects: dict[str, _Parts], volume: Volume) -> None:
    """Give each box without a name to its object, which come first in the same order."""
    unnamed = [(space, text) for space, text, name in _each(flags.boxes) if not name]
    for parts, (space, text) in zip(objects.values(), unnamed, strict=False):
        parts.boxes.insert(0, _box(space, text, volume))


def _finish(name: str, value: int, parts: _Parts) -> ObjectPrompt:
    """The prompt of an object of which all options were read."""
    if len(parts.boxes) > 1:
        raise PromptError(f"label {name} has {len(parts.boxes)} boxes: an object takes one")
    return ObjectPrompt(
        label=name,
        value=value,
        box=parts.boxes[0] if parts.boxes else None,
        slice_boxes=tuple(parts.slice_boxes),
        points=tuple(parts.points),
    )


def _home(option: str, name: str, objects: dict[str, _Parts]) -> _Parts:
    """The object that a prompt belongs to: that of its name, or the only one.

    Raises:
        PromptError: The prompt has no name, and there are several objects.
    """
    if name:
        return objects[name]
    if len(objects) != 1:
        raise PromptError(
            f"{option} belongs to which of {', '.join(objects)}? write its name in front, as "
            f"{next(iter(objects))}{NAME_END}..."
        )
    return next(iter(objects.values()))


def _box(space: Space, text: str, volume: Volume) -> Window:
    """The (k, j, i) window of a box option."""
    numbers = parse_box(_option("box", space), text)
    if space == "ijk":
        return box_from_ijk(numbers)
    return box_from_lps(numbers, volume, space=space)


def _each(texts: Mapping[Space, Sequence[str]]) -> list[tuple[Space, str, str]]:
    """Space, text and name of each prompt; the name is empty for a prompt without one."""
    found: list[tuple[Space, str, str]] = []
    for space in SPACES:
        for text in texts.get(space, ()):
            name, at, rest = text.rpartition(NAME_END)
            if at and not name.strip():
                raise PromptError(f"a label needs a name, got an empty one in {text!r}")
            found.append((space, rest, name.strip()))
    return found


def _option(kind: str, space: Space, *, bare_ijk: bool = False) -> str:
    """The name of an option, e.g. "--box-lps"."""
    return f"--{kind}" if bare_ijk and space == "ijk" else f"--{kind}-{space.lower()}"


def _numbers(text: str) -> list[float]:
    """Numbers separated by commas; an empty list where a part is no number."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []
