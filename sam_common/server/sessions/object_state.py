"""States of objects: what is asked for of each, and how an edit changes it.

Nothing here reads pixels: an object's mask follows from its state alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from sam_common.errors import PromptError

Edit: TypeAlias = Mapping[str, Any]
"""One edit in the JSON of protocol 1, in pixel space."""
Slice: TypeAlias = "tuple[int, int] | None"
"""(axis, index) of a slice of a volume; None for a prompt that is not on one slice."""


@dataclass(frozen=True, slots=True)
class PointState:
    """One point of an object."""

    point: tuple[float, ...]
    """(x, y) or (i, j, k)."""
    label: int
    """1 for the object, 0 for the background."""


@dataclass(frozen=True, slots=True)
class BoxState:
    """One box of an object."""

    box: tuple[float, ...]
    """(x0, y0, x1, y1) in a raster or slice, or (i0, j0, k0, i1, j1, k1) in a volume."""
    place: Slice = None


@dataclass(frozen=True, slots=True)
class MaskState:
    """A painted mask of an object as run lengths."""

    window: tuple[tuple[int, ...], tuple[int, ...]]
    """Half-open start and stop (row, col)."""
    counts: tuple[int, ...]
    """Column-major run lengths within the window, background first."""
    place: Slice = None
    is_final: bool = False
    """Whether the object is this mask, as long as it has no other prompt."""


@dataclass(frozen=True, slots=True)
class MarkState:
    """A click, scribble, lasso or line on a propagated object, or that a slice of it is wrong."""

    mark: str
    """Kind of the mark."""
    points: tuple[tuple[float, ...], ...]
    """(i, j, k) of each point."""
    label: int
    """1 for the object, 0 for the background."""
    axis: int | None = None
    """Array axis of the slice that was drawn on, where it is known."""

    @property
    def place(self) -> Slice:
        """None: a mark takes the place of no other correction."""
        return None


@dataclass(frozen=True, slots=True)
class ChoiceState:
    """Another of the answers that a propagated object was chosen from."""

    candidate: int
    """Number of the answer, from 1, which is the one that the suite chose."""

    @property
    def place(self) -> Slice:
        """None: a choice takes the place of no other correction."""
        return None


CorrectionState: TypeAlias = BoxState | MaskState | MarkState | ChoiceState
"""One correction of a propagated object."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that decides an object's mask: objects with equal values have equal masks."""

    points: tuple[PointState, ...] = ()
    boxes: tuple[BoxState, ...] = ()
    masks: tuple[MaskState, ...] = ()
    method: str | None = None
    """Method by which the prompts were propagated through the volume; None where they were not."""
    corrections: tuple[CorrectionState, ...] = ()
    """Slices that a person has corrected, marks and choices, since the propagation, in order."""

    @property
    def is_empty(self) -> bool:
        """Whether the object has no prompts."""
        return not (self.points or self.boxes or self.masks)


@dataclass(frozen=True, slots=True)
class ObjectState:
    """One object of a session."""

    object: str
    name: str
    class_name: str | None = None
    code: tuple[tuple[str, str], ...] | None = None
    """Coding scheme, value and meaning, as sorted (key, value) pairs."""
    asked: Asked = field(default_factory=Asked)


State: TypeAlias = "Mapping[str, ObjectState]"
"""Objects by identifier, in the order in which they were added."""


def fold(state: State, edit: Edit) -> dict[str, ObjectState]:
    """The state after an edit; the given state is not changed.

    Raises:
        PromptError: The edit names an object, point, box or mask that does not exist.
    """
    op = edit["op"]
    objects = dict(state)
    if op == "add_object":
        objects[edit["object"]] = _added(state, edit)
        return objects
    if op == "add_objects":
        for each in edit["objects"]:
            mask = replace(_mask_of(each["mask"]), is_final=True)
            objects[each["object"]] = replace(_added(objects, each), asked=Asked(masks=(mask,)))
        return objects
    if op == "propagated":
        for name in edit["objects"]:
            known = _known(state, name)
            asked = replace(known.asked, method=edit["method"], corrections=())
            objects[name] = replace(known, asked=asked)
        return objects
    known = _known(state, edit["object"])
    if op == "remove_object":
        del objects[known.object]
    elif op == "rename_object":
        kept = edit["class"] if edit.get("class") is not None else known.class_name
        objects[known.object] = replace(known, name=edit["name"], class_name=kept)
    else:
        objects[known.object] = replace(known, asked=_CHANGES[op](known.asked, edit))
    return objects


def _known(state: State, name: str) -> ObjectState:
    """An object of a state; raises `PromptError` where it is not there."""
    if name not in state:
        raise PromptError(f"no object {name!r} in this session: add it first")
    return state[name]


def _added(state: State, edit: Edit) -> ObjectState:
    """A new object; raises `PromptError` where its identifier is taken."""
    if edit["object"] in state:
        raise PromptError(f"there is an object {edit['object']!r} already: give another id")
    code = edit.get("code")
    return ObjectState(
        edit["object"],
        edit["name"],
        edit.get("class"),
        None if code is None else tuple(sorted(code.items())),
    )


def _place(edit: Edit) -> Slice:
    """The slice of an edit."""
    if edit.get("axis") is None:
        return None
    return int(edit["axis"]), int(edit["index"])


def _prompted(asked: Asked, **changes: Any) -> Asked:
    """Prompts with changes; the propagation of the earlier prompts no longer holds."""
    return replace(asked, method=None, corrections=(), **changes)


def _add_point(asked: Asked, edit: Edit) -> Asked:
    """Prompts with one more point."""
    point = PointState(tuple(edit["point"]), edit["label"])
    return _prompted(asked, points=(*asked.points, point))


def _nth(asked: Asked, edit: Edit) -> int:
    """Index of the point of an edit; raises `PromptError` where there is none."""
    if not 0 <= edit["index"] < len(asked.points):
        raise PromptError(f"the object has {len(asked.points)} points, got index {edit['index']}")
    return int(edit["index"])


def _move_point(asked: Asked, edit: Edit) -> Asked:
    """Prompts with one point at another place."""
    n = _nth(asked, edit)
    moved = replace(asked.points[n], point=tuple(edit["point"]))
    return _prompted(asked, points=(*asked.points[:n], moved, *asked.points[n + 1 :]))


def _remove_point(asked: Asked, edit: Edit) -> Asked:
    """Prompts without one point."""
    n = _nth(asked, edit)
    return _prompted(asked, points=(*asked.points[:n], *asked.points[n + 1 :]))


def _set(asked: Asked, new: BoxState | MaskState) -> Asked:
    """Prompts with a box or mask, or a propagated object with that of a slice as its correction.

    It takes the place of the one that was on the same slice.
    """
    name = _FIELDS[type(new)]
    if asked.method is not None and new.place is not None:
        kept = tuple(old for old in asked.corrections if old.place != new.place)
        return replace(asked, corrections=(*kept, new))
    return _prompted(asked, **{name: (*_elsewhere(asked, name, new.place), new)})


def _set_box(asked: Asked, edit: Edit) -> Asked:
    """An object with the box of an edit."""
    return _set(asked, BoxState(tuple(edit["box"]), _place(edit)))


def _set_mask(asked: Asked, edit: Edit) -> Asked:
    """An object with the mask of an edit."""
    return _set(asked, _mask_of(edit["mask"]))


def _mask_of(given: Mapping[str, Any]) -> MaskState:
    """The mask of an edit."""
    start, stop = given["window"]
    return MaskState((tuple(start), tuple(stop)), tuple(given["counts"]), _place(given))


def _add_mark(asked: Asked, edit: Edit) -> Asked:
    """A propagated object with one more mark; raises `PromptError` where it is not propagated."""
    if asked.method is None:
        raise PromptError("a mark corrects an object that was propagated: propagate it first")
    points = tuple(tuple(point) for point in edit["points"])
    mark = MarkState(edit["mark"], points, edit["label"], edit.get("axis"))
    return replace(asked, corrections=(*asked.corrections, mark))


def _choose(asked: Asked, edit: Edit) -> Asked:
    """A propagated object as another answer; raises `PromptError` where it is not propagated."""
    if asked.method is None:
        raise PromptError("there are no answers to choose from yet: propagate the object first")
    return replace(asked, corrections=(*asked.corrections, ChoiceState(edit["candidate"])))


def _remove(asked: Asked, edit: Edit, kind: type) -> Asked:
    """An object without a correction on a slice, or else without its box or mask there.

    Raises:
        PromptError: There is neither.
    """
    name, place = _FIELDS[kind], _place(edit)
    kept = tuple(o for o in asked.corrections if o.place != place or not isinstance(o, kind))
    if len(kept) < len(asked.corrections):
        return replace(asked, corrections=kept)
    rest = _elsewhere(asked, name, place)
    if len(rest) == len(getattr(asked, name)):
        raise PromptError(f"the object has no {edit['op'].removeprefix('remove_')} {_named(place)}")
    return _prompted(asked, **{name: rest})


def _elsewhere(asked: Asked, name: str, place: Slice) -> tuple[Any, ...]:
    """The boxes or masks of an object that are not on a slice."""
    return tuple(old for old in getattr(asked, name) if old.place != place)


def _named(place: Slice) -> str:
    """A slice in the words of an error message."""
    return "of its own" if place is None else f"on slice {place[1]} of axis {place[0]}"


_FIELDS: Mapping[type, str] = {BoxState: "boxes", MaskState: "masks"}
_CHANGES: Mapping[str, Callable[[Asked, Edit], Asked]] = {
    "add_point": _add_point,
    "move_point": _move_point,
    "remove_point": _remove_point,
    "set_box": _set_box,
    "remove_box": lambda asked, edit: _remove(asked, edit, BoxState),
    "set_mask": _set_mask,
    "remove_mask": lambda asked, edit: _remove(asked, edit, MaskState),
    "add_mark": _add_mark,
    "choose_candidate": _choose,
    "clear": lambda _asked, _edit: Asked(),
}
