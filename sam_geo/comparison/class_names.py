"""ClassNames: the classes of two maps by their names, whatever value each map gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from sam_common.errors import InputError
from sam_geo.class_maps.class_map import MOST_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from sam_geo.class_maps.class_map import ClassMap

    IntArray: TypeAlias = npt.NDArray[np.int64]
    Codes: TypeAlias = npt.NDArray[np.int16]


@dataclass(slots=True, eq=False)
class ClassNames:
    """The classes of two maps: numbered in the order in which they are met, until sorted."""

    before: ClassMap
    after: ClassMap
    names: list[str] = field(default_factory=list)
    """Names of the classes that were met in either map: index to name."""
    values: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    """Value of each name in the first and in the second map, where the map has it."""

    @property
    def borrowed(self) -> ClassMap | None:
        """The map whose values are taken to be those of the other map, which has names; or None."""
        if (self.before.names is None) == (self.after.names is None):
            return None
        return self.before if self.before.names is None else self.after

    def codes(self, side: int, values: IntArray, valid: npt.NDArray[np.bool_]) -> Codes:
        """Index of the class of every pixel; -1 where it is not valid.

        Args:
            side: 0 for the first map, 1 for the second.
            values: (h, w) values of the map.
            valid: (h, w) pixels that have a class.

        Raises:
            InputError: A value is no class of its map, or there are too many classes.
        """
        found = np.sort(pd.unique(values[valid]))
        if not len(found):
            return np.full(values.shape, -1, dtype=np.int16)
        index = np.array([self._index(side, value) for value in found.tolist()], dtype=np.int16)
        codes = index[np.minimum(np.searchsorted(found, values), len(found) - 1)]
        codes[~valid] = -1
        return codes

    def order(self) -> IntArray:
        """Positions of the classes, sorted by their value in the first map, then in the second."""
        last = float("inf")
        first, second = self.values
        keys = [(first.get(name, last), second.get(name, last), name) for name in self.names]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)

    def sort(self) -> None:
        """Number the classes in their final order, once all of them were met."""
        self.names = [self.names[n] for n in self.order()]

    def check(self) -> None:
        """Raise `InputError` where the two maps have no class in common."""
        first, second = self.values
        known = [set(found) | set((one.names or {}).values()) for found, one in self._maps()]
        if known[0] & known[1] or not first or not second:
            return
        raise InputError(
            f"the maps have no class in common where they overlap: {self.before.source.path} has "
            f"{', '.join(sorted(first))}, and {self.after.source.path} has "
            f"{', '.join(sorted(second))} (classes are compared by their names, which the record "
            f"beside a map gives)"
        )

    def notes(self) -> list[str]:
        """What a user should know of the classes, one sentence each."""
        first, second = self.values
        told = []
        if self.borrowed is not None:
            named = self.after if self.borrowed is self.before else self.before
            told.append(
                f"nothing names the classes of {self.borrowed.source.path}: its values are taken "
                f"to be those of {named.source.path}"
            )
        other = {name: (first[name], second[name]) for name in self._sorted(first.keys() & second)}
        if moved := [f"{name} is {a} and {b}" for name, (a, b) in other.items() if a != b]:
            told.append(
                f"the maps number their classes differently, and are compared by name: "
                f"{', '.join(moved)}"
            )
        for mine, theirs, one in (
            (first, second, self.before),
            (second, first, self.after),
        ):
            if alone := self._sorted(mine.keys() - theirs):
                told.append(f"only {one.source.path} has {', '.join(alone)} where both have pixels")
        return told

    def _maps(self) -> tuple[tuple[dict[str, int], ClassMap], tuple[dict[str, int], ClassMap]]:
        return (self.values[0], self.before), (self.values[1], self.after)

    def _sorted(self, names: Iterable[str]) -> list[str]:
        """Names in the order of the classes."""
        wanted = set(names)
        return [self.names[n] for n in self.order() if self.names[n] in wanted]

    def _index(self, side: int, value: int) -> int:
        """The index of the class that a map means by a value; a new one where it is new."""
        name = self._name(side, value)
        if name not in self.names:
            self.names.append(name)
        if len(self.names) > MOST_CLASSES:
            raise InputError(
                f"{self._maps()[side][1].source.path} has more than {MOST_CLASSES} different "
                f"values: it is no class map"
            )
        if self.values[side].setdefault(name, value) != value:
            raise InputError(
                f"{self._maps()[side][1].source.path} calls two values {name}: "
                f"{self.values[side][name]} and {value} (one class has one value)"
            )
        return self.names.index(name)

    def _name(self, side: int, value: int) -> str:
        """What a map calls a value."""
        one, other = self._maps()[side][1], self._maps()[1 - side][1]
        if one.names is None and other.names is not None:
            return other.names.get(value, str(value))
        return one.name_of(value)
