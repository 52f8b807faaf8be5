"""Linked windows: the parts of all windows, linked neighbourhood by neighbourhood, here or there.

```
executor    command: packed parts of a neighbourhood  ->  worker: masks, overlaps, groups
            command: groups, and what reaches beyond  <-  numbers alone
```
A worker is sent the bytes of the parts, as windows were sent to the command: it needs no folder in
common with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.executors.executor import Item
from sam_common.stitching.link import find_groups
from sam_common.stitching.neighbourhood import SIDE, joined, linked_within, neighbourhoods
from sam_common.stitching.overlap import LINK_IOU
from sam_common.tiled_job.parts import unpack
from sam_common.tiled_job.work import WORK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sam_common.executors.executor import Executor
    from sam_common.masks.instance import Instance
    from sam_common.stitching.groups import Groups
    from sam_common.stitching.layout import Layout
    from sam_common.stitching.neighbourhood import Linked, Neighbourhood
    from sam_common.tiled_job.parts import PartStore
    from sam_common.tiled_job.work import JobReport

KIND = "link"
"""What names of tasks begin with."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The masks of each window, with those that were asked for from its neighbours."""

    stores: tuple[tuple[PartStore, Mapping[int, int] | None], ...]
    """The parts of the windows, then those of each round: a store, and for each window of the grid
    that it knows the number of its part; None where they are the same."""
    windows: int = 0
    """Windows that were looked at again, over all rounds."""
    failures: tuple[str, ...] = ()
    """One message for each of them that failed."""

    def load(self, n: int) -> Sequence[Instance]:
        """The masks of a window of the grid in raster indices; those of later rounds come last."""
        found: list[Instance] = []
        for store, k in self._known(n):
            found += store.load(k)
        return found

    def packed(self, n: int) -> list[bytes]:
        """The same as the bytes of the parts."""
        parts = (store.packed(k) for store, k in self._known(n))
        return [data for data in parts if data is not None]

    def with_more(self, windows: Sequence[int], store: PartStore, report: JobReport) -> Joined:
        """Add the masks of another round, numbered after those of the rounds before.

        Args:
            windows: Numbers in the grid of the windows that were looked at again.
            store: The parts of the round, in the order of `windows`.
            report: Windows of the round that failed.
        """
        at = {m: k for k, m in enumerate(windows)}
        return Joined(
            (*self.stores, (store, at)),
            self.windows + len(windows),
            self.failures + tuple(report.messages),
        )

    def _known(self, n: int) -> list[tuple[PartStore, int]]:
        """The stores that have a part of a window, each with the number of that part."""
        return [
            (store, n if at is None else at[n])
            for store, at in self.stores
            if at is None or n in at
        ]


@dataclass(frozen=True, slots=True, eq=False)
class PackedNeighbourhood:
    """A neighbourhood with everything that it takes to link it."""

    place: Neighbourhood
    parts: Sequence[Sequence[bytes]]
    """For each of its windows the packed parts."""


def link_packed(question: PackedNeighbourhood) -> Linked:
    """Link one neighbourhood, in this or another process."""
    at = {n: k for k, n in enumerate(question.place.numbers)}

    return linked_within(question.place, lambda n: unpacked(question.parts[at[n]]), LINK_IOU)


def unpacked(parts: Sequence[bytes]) -> list[Instance]:
    """The masks of some packed parts, one part after the other."""
    each = [unpack(data) for data in parts]
    return [instance for part in each if part is not None for instance in part.instances]


def linked_windows(
    layout: Layout,
    masks: Joined,
    executor: Executor | None,
    *,
    side: int = SIDE,
    advance: Callable[[int], None],
) -> Groups:
    """Find out which masks of all windows are one object.

    Args:
        layout: The windows of the grid.
        masks: Their parts.
        executor: Links neighbourhoods in other processes; this one does where None.
        side: Rows and columns of windows in a neighbourhood; no group depends on it.
        advance: Called with the number of windows that were gone through since the last call.

    Raises:
        SuiteError: A neighbourhood could not be linked elsewhere, or the executor is lost.
    """
    if executor is None:
        return find_groups(layout, masks.load, side=side, advance=advance)
    items = (
        Item(k, PackedNeighbourhood(place, [masks.packed(n) for n in place.numbers]))
        for k, place in enumerate(neighbourhoods(layout, side))
    )
    found: list[Linked] = []
    for outcome in executor.run(
        link_packed, items, kind=KIND, retried=WORK_ERRORS, speculative=True
    ):
        if outcome.error is not None:
            raise outcome.error
        found.append(outcome.result)
        advance(len(outcome.result.own))
    return joined(len(layout.windows), found)
