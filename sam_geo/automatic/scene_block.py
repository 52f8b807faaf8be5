"""Blocks of a scene: the objects that are complete in a row of windows, made in any process.

```
windows in their order     0 1 2 3 4 5 | 6 7 8 9 10 11 | ...     blocks, one after the other, have
                                                                 the objects in the order of all
command   groups that are complete in 6 to 11, packed parts  ->  worker   put together, mended
          of every window that they lie in                       with the cores of the whole grid
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sam_common.stitching.mend import View
from sam_common.tiled_job.parts import Part, pack
from sam_common.tiled_job.plan import Plan
from sam_geo.automatic.linked_windows import unpacked
from sam_geo.automatic.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sam_common.masks.instance import Instance
    from sam_common.stitching.groups import Groups
    from sam_common.stitching.layout import Layout
    from sam_common.stitching.link import LinkedObject
    from sam_common.window import Window
    from sam_geo.automatic.scene import Key


@dataclass(frozen=True, slots=True, eq=False)
class SceneBlock:
    """Everything that it takes to make the objects of a block; windows are numbered anew."""

    numbers: Sequence[int]
    """For each window its number in the grid, ascending."""
    layout: Layout
    """The windows, and those around them, with their cores in the grid."""
    groups: Groups
    """The objects."""
    parts: Sequence[Sequence[bytes]]
    """For each window the packed parts with its masks; none where no object needs them."""
    views: Mapping[Key, Sequence[tuple[Window, bytes]]]
    """For each mended object the moved windows, each with its mask as a packed part."""
    cut: frozenset[Key]
    """Objects that end at a cut, as they are too large for any window."""

    def objects(self) -> Iterator[LinkedObject]:
        """Make the objects, as `Scene.objects` makes them among all others.

        The windows of `members` and `last` are numbered as in the grid.
        """
        scene = Scene(
            Plan(self.layout.image_hw, tuple(self.layout.windows), {}),
            self._load,
            self.groups,
            cut=set(self.cut),
            layout=self.layout,
            views={
                key: [View(window, unpacked([data])[0]) for window, data in seen]
                for key, seen in self.views.items()
            },
        )
        for found in scene.objects():
            members = tuple((self.numbers[n], i) for n, i in found.members)
            yield replace(found, members=members, last=self.numbers[found.last])

    def _load(self, n: int) -> Sequence[Instance]:
        return unpacked(self.parts[n])


def scene_block(scene: Scene, first: int, stop: int) -> SceneBlock:
    """The block of the windows `first` to `stop` of a scene whose objects are mended.

    Args:
        scene: The objects of the whole grid; `packed` gives the parts.
        first: Number of the first window.
        stop: Number of the window after the last one.
    """
    if scene.packed is None:
        raise ValueError("the parts of this scene are in memory: nothing can be sent elsewhere")
    groups = scene.groups
    named = {groups.members_of(group)[0]: group for group in groups.completed_in(first, stop)}
    # looked up in both: their union would be made of all objects, anew for each block
    kept = {k: g for k, g in named.items() if k not in scene.left_out and k not in scene.known}
    needed = {groups.window_of(number) for group in kept.values() for number in group.members}
    # a mask that is cut by its window's core is completed in those around it
    around = {m for n in needed for m in scene.grid.near(n)}
    numbers = sorted(needed | around)
    at = {n: k for k, n in enumerate(numbers)}

    def here(key: Key) -> Key:
        return at[key[0]], key[1]

    seen = {key: scene.seen_again(key) for key in kept}
    return SceneBlock(
        numbers,
        scene.grid.part(numbers),
        groups.part(numbers, list(kept.values())),
        [scene.packed(n) if n in needed else () for n in numbers],
        {
            here(key): [(view.window, pack(Part([view.instance]))) for view in views]
            for key, views in seen.items()
            if views
        },
        frozenset(here(key) for key in kept if key in scene.cut),
    )
