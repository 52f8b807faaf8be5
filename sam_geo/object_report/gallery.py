"""Gallery: of the objects that pass by, those that a person should look at first.

Millions may pass: of each only its score is kept, and of the doubtful ones their row and outline.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas
    import numpy.typing as npt
    import shapely

MOST = 48
"""Objects with an outline that are shown."""
MISSING = 12
"""Rows without an outline that are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Doubtful:
    """An object that is shown: its row of the table and its outline."""

    row: Mapping[str, Any]
    """Columns of the table without the geometry."""
    shape: shapely.Geometry | None
    """Outline in the reference system of the raster; None where nothing was found."""


@dataclass(slots=True, eq=False)
class Gallery:
    """Keeps what a report says of the rows of a table."""

    most: int = MOST
    counts: Counter[str] = field(default_factory=Counter)
    """Rows by status."""
    area_px: float = 0.0
    """Area of all objects in pixels."""
    area_m2: float | None = None
    """True area of all objects; None where the raster has no reference system."""
    _missing: list[Doubtful] = field(default_factory=list)
    _scores: list[npt.NDArray[np.float32]] = field(default_factory=list)
    _worst: list[tuple[float, int, Doubtful]] = field(default_factory=list)
    _seen: int = 0

    def add(self, table: geopandas.GeoDataFrame, shapes: Sequence[shapely.Geometry | None]) -> None:
        """Take the rows of a table, in any number of calls.

        Args:
            table: Rows in the order of their numbers, in any reference system.
            shapes: Their outlines in the reference system of the raster.
        """
        self.counts.update(table["status"].tolist())
        self.area_px += float(table["area_px"].sum())
        areas = table["area_m2"]
        if areas.notna().any():
            self.area_m2 = (self.area_m2 or 0.0) + float(areas.sum())
        scores = table["score"].to_numpy(dtype=np.float32, na_value=np.nan)
        found = np.array([shape is not None for shape in shapes], dtype=np.bool_)
        self._scores.append(scores[found])
        plain = table.drop(columns=table.geometry.name)

        def doubtful(n: int) -> Doubtful:
            return Doubtful(plain.iloc[n].to_dict(), shapes[n])

        lacking = np.flatnonzero(~found)[: MISSING - len(self._missing)]
        self._missing += [doubtful(n) for n in lacking.tolist()]
        # a score that is unknown is doubtful too
        keys = np.where(found, np.nan_to_num(scores, nan=-1.0), np.inf)
        limit = -self._worst[0][0] if len(self._worst) == self.most else np.inf
        for n in np.flatnonzero(keys < limit).tolist():
            # of equal scores the first one stays
            entry = (-float(keys[n]), -(self._seen + n))
            if len(self._worst) < self.most:
                heapq.heappush(self._worst, (*entry, doubtful(n)))
            elif entry > self._worst[0][:2]:
                heapq.heapreplace(self._worst, (*entry, doubtful(n)))
        self._seen += len(table)

    def __len__(self) -> int:
        return self._seen

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """Scores of all objects that were found."""
        return np.concatenate([np.empty(0, dtype=np.float32), *self._scores])

    @property
    def worst(self) -> list[Doubtful]:
        """The rows to look at: some without an outline, then by score, the lowest first."""
        found = sorted(self._worst, key=lambda each: (-each[0], -each[1]))
        return [*self._missing, *(one for *_, one in found)]
