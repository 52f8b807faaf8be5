"""Segments: the segmentation of the scene that shows what the server found, voxel by voxel."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import slicer.util

from .suite_client import Mask
from .terminology import entry_of
from .volumes import SceneError, VolumeImage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CLASS = "vtkMRMLSegmentationNode"
LOCKED = "SegmentAnything.Locked"
"""Tag of a segment that is finished: nothing takes voxels of it, and nothing adds to it."""
NO_SEGMENT = "no segment is chosen: choose one, or add one"
GOLDEN_RATIO = 0.618033988749895
"""Steps of this fraction of the hue circle never come close to an earlier hue."""


@dataclass(frozen=True)
class Painted:
    """A slice of a segment that a person changed."""

    axis: int
    """Array axis that the slice is fixed on."""
    index: int
    window: tuple[tuple[int, int], tuple[int, int]]
    """Half-open (row, column) part of the slice, around what was and what is."""
    mask: np.ndarray
    """Boolean, of the window's shape."""


@dataclass(frozen=True)
class Shown:
    """What the server found, inside the smallest window that holds it."""

    start: tuple[int, int, int]
    """(k, j, i) of the window's first voxel."""
    array: np.ndarray
    """Boolean (k, j, i)."""

    @classmethod
    def of(cls, whole: np.ndarray) -> Shown:
        """Of a mask in the whole volume."""
        start, stop = [], []
        for axis in range(3):
            index = np.flatnonzero(whole.any(axis=tuple({0, 1, 2} - {axis})))
            start.append(int(index[0]) if len(index) else 0)
            stop.append(int(index[-1]) + 1 if len(index) else 0)
        part = whole[tuple(slice(a, b) for a, b in zip(start, stop))]
        return cls(tuple(start), part.astype(bool))

    def same(self, other: Shown) -> bool:
        """Whether both have the same voxels."""
        return self is other or (
            self.start == other.start and np.array_equal(self.array, other.array)
        )

    def full(self, shape: tuple[int, ...]) -> np.ndarray:
        """In the whole volume."""
        whole = np.zeros(shape, dtype=bool)
        place = tuple(slice(a, a + n) for a, n in zip(self.start, self.array.shape))
        whole[place] = self.array
        return whole


def _nothing(_segment_id: str) -> None:
    """Nobody wants to know."""


@dataclass
class SegmentationView:
    """A segmentation node on the grid of a volume."""

    image: VolumeImage
    node: Any
    """vtkMRMLSegmentationNode."""
    shown: dict[str, Shown] = field(default_factory=dict)
    """By segment ID what the server found, to see what a person has changed."""
    before_show: Callable[[str], None] = _nothing
    """Called with a segment ID before its voxels are replaced; what it raises prevents that."""

    @classmethod
    def make(cls, image: VolumeImage, node: Any = None) -> SegmentationView:
        """On the grid of a volume, under the same transform; in a new node where none is given."""
        image.check()
        cls.check_place(image, node)
        if node is None:
            name = slicer.mrmlScene.GenerateUniqueName(f"{image.node.GetName()} segmentation")
            node = slicer.mrmlScene.AddNewNodeByClass(CLASS, name)
            node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(image.node)
        node.SetAndObserveTransformNodeID(image.node.GetTransformNodeID())
        return cls(image, node)

    @staticmethod
    def check_place(image: VolumeImage, node: Any) -> None:
        """Raise `SceneError` where a segmentation lies under another transform than the volume."""
        if node is not None and node.GetTransformNodeID() != image.node.GetTransformNodeID():
            raise SceneError(
                f"the segmentation {node.GetName()} lies under another transform than the volume "
                f"{image.node.GetName()}: put both under the same one, or take a new segmentation"
            )

    def check(self) -> None:
        """Raise `SceneError` unless volume and segmentation are there."""
        self.image.check()
        if slicer.mrmlScene.GetNodeByID(self.node.GetID() or "") is not self.node:
            raise SceneError(
                f"the segmentation {self.node.GetName()} is no longer in the scene: start again"
            )

    def add(self, name: str, wanted_id: str) -> str:
        """An empty segment with the name's terminology; gives its ID."""
        number = self.node.GetSegmentation().GetNumberOfSegments()
        segment_id = self.node.GetSegmentation().AddEmptySegment(wanted_id, name)
        segment = self._segment(segment_id)
        # bright, and as `sam-med` colours the same object in a file
        segment.SetColor(*colorsys.hsv_to_rgb((number * GOLDEN_RATIO) % 1.0, 0.8, 1.0))
        segment.SetTag(segment.GetTerminologyEntryTagName(), entry_of(name))
        self.shown[segment_id] = Shown((0, 0, 0), np.zeros((0, 0, 0), dtype=bool))
        return segment_id

    def remove(self, segment_id: str) -> None:
        """A segment goes; one that the user has removed already is no matter."""
        self.node.GetSegmentation().RemoveSegment(segment_id)
        self.shown.pop(segment_id, None)

    def rename(self, segment_id: str, name: str) -> None:
        """Another name, and the terminology of that."""
        segment = self._segment(segment_id)
        if segment.GetName() == name:
            return
        segment.SetName(name)
        segment.SetTag(segment.GetTerminologyEntryTagName(), entry_of(name))

    def has(self, segment_id: str) -> bool:
        """Whether a segment is there; the user may have removed it."""
        return self.node.GetSegmentation().GetSegment(segment_id) is not None

    def name(self, segment_id: str) -> str:
        """As the user sees it."""
        return self._segment(segment_id).GetName()

    def lock(self, segment_id: str, *, locked: bool) -> None:
        """A segment keeps its voxels from now on, or does so no longer; saved with the scene."""
        segment = self._segment(segment_id)
        if locked:
            segment.SetTag(LOCKED, "1")
        else:
            segment.RemoveTag(LOCKED)

    def is_locked(self, segment_id: str) -> bool:
        """Whether a segment keeps its voxels, whatever is found beside it."""
        return bool(self._segment(segment_id).HasTag(LOCKED))

    def check_unlocked(self, segment_id: str) -> None:
        """Raise `SceneError` where a segment is locked."""
        if self.is_locked(segment_id):
            raise SceneError(f"{self.name(segment_id)} is locked: unlock it to change it")

    def all_ids(self) -> list[str]:
        """The segments of the segmentation, also those that a person drew."""
        segmentation = self.node.GetSegmentation()
        count = segmentation.GetNumberOfSegments()
        return [segmentation.GetNthSegmentID(n) for n in range(count)]

    def all_locked(self) -> list[str]:
        """The locked segments of the segmentation."""
        return [one for one in self.all_ids() if self.is_locked(one)]

    def masks(self, segment_ids: Sequence[str] | None = None) -> dict[str, Mask]:
        """A copy of segments that have voxels, by name, each in its window.

        Args:
            segment_ids: All of the segmentation where None.

        Raises:
            SceneError: None has voxels.
        """
        self.check()
        found: dict[str, Mask] = {}
        for one in self.all_ids() if segment_ids is None else segment_ids:
            part = Shown.of(self.array(one))
            if part.array.size:
                stop = tuple(a + n for a, n in zip(part.start, part.array.shape))
                name = self.name(one)
                # names need not differ, identifiers do
                key = f"{name} ({one})" if name in found else name
                found[key] = Mask((part.start, stop), pixels=part.array)
        if not found:
            raise SceneError(
                "no segment to learn from: find or paint some, correct them, and lock them where "
                "only locked ones are to be learned"
            )
        return found

    def others_locked(self, segment_id: str) -> list[str]:
        """The locked segments of the segmentation beside one, also those that a person drew."""
        return [one for one in self.all_locked() if one != segment_id]

    def show(self, segment_id: str, masks: Sequence[Mask]) -> None:
        """Put the server's masks in the place of a segment's voxels.

        Voxels of other segments that are locked are left out.
        """
        array = self._without_locked(segment_id, self._whole(segment_id, masks))
        self.before_show(segment_id)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            array, self.node, segment_id, self.image.node
        )
        self.shown[segment_id] = Shown.of(array)

    def adopt(self, segment_id: str, masks: Sequence[Mask]) -> None:
        """Take the server's masks for those of a segment that is there, and leave its voxels.

        What differs was painted by a person, but for voxels of segments that were locked then.
        """
        whole, now = self._whole(segment_id, masks), self.array(segment_id) > 0
        told = self._without_locked(segment_id, whole.copy())
        self.shown[segment_id] = Shown.of(told if np.array_equal(told > 0, now) else whole)

    def _whole(self, segment_id: str, masks: Sequence[Mask]) -> np.ndarray:
        """Masks of the server as one array of the volume, uint8 (k, j, i)."""
        self.check()
        self._segment(segment_id)
        array = np.zeros(self.image.shape, dtype=np.uint8)
        for mask in masks:
            if not mask.array.size:
                # of an object without prompts
                continue
            place = [slice(a, b) for a, b in zip(*mask.window)]
            part = mask.array
            if mask.axis is not None:
                place.insert(mask.axis, slice(mask.index, mask.index + 1))
                part = np.expand_dims(part, mask.axis)
            array[tuple(place)] |= part
        return array

    def _without_locked(self, segment_id: str, array: np.ndarray) -> np.ndarray:
        """An array of the volume without the voxels of other segments that are locked."""
        for other in self.others_locked(segment_id):
            array[self.array(other) > 0] = 0
        return array

    def array(self, segment_id: str) -> np.ndarray:
        """The segment's voxels as they are in the scene, uint8 (k, j, i)."""
        self.check()
        self._segment(segment_id)
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.node, segment_id, self.image.node)

    def is_painted(self, segment_id: str) -> bool:
        """Whether a person changed a segment since the server's last answer."""
        return not self.as_it_is(segment_id).same(self.shown[segment_id])

    def as_it_is(self, segment_id: str) -> Shown:
        """The segment's voxels as they are in the scene, inside their window."""
        return Shown.of(self.array(segment_id))

    def painted(self, segment_id: str) -> list[Painted]:
        """The slices that a person changed since the server's last answer.

        The axis with the fewest changed slices is taken: what was painted on an axial slice changed
        one slice along k and many along j and i.

        Raises:
            SceneError: Nothing was changed.
        """
        now, before = self.array(segment_id) > 0, self.shown[segment_id].full(self.image.shape)
        changed = now != before
        if not changed.any():
            raise SceneError(
                f"nothing of {self.name(segment_id)} was changed: paint or erase on a slice in "
                "'Segment Editor' first"
            )
        along = [np.flatnonzero(changed.any(axis=tuple({0, 1, 2} - {at}))) for at in range(3)]
        axis = min(range(3), key=lambda at: len(along[at]))
        return [
            _painted(axis, int(index), now.take(index, axis), before.take(index, axis))
            for index in along[axis]
        ]

    def centre(self, segment_id: str, axis: int, index: int) -> np.ndarray:
        """World RAS mm of the middle of a segment on a slice, or of all of it where it is empty."""
        shown = self.shown[segment_id]
        places = np.argwhere(shown.array) + shown.start
        on_slice = places[places[:, axis] == index]
        chosen = on_slice if len(on_slice) else places
        middle = chosen.mean(axis=0) if len(chosen) else np.array(self.image.shape) / 2
        middle[axis] = index
        return self.image.to_ras([middle[::-1]])[0]

    def _segment(self, segment_id: str) -> Any:
        segment = self.node.GetSegmentation().GetSegment(segment_id)
        if segment is None:
            raise SceneError(
                f"the segment {segment_id} was removed from the segmentation: choose another, or "
                "undo"
            )
        return segment


def _painted(axis: int, index: int, now: np.ndarray, before: np.ndarray) -> Painted:
    rows = np.flatnonzero((now | before).any(axis=1))
    cols = np.flatnonzero((now | before).any(axis=0))
    window = (int(rows[0]), int(cols[0])), (int(rows[-1]) + 1, int(cols[-1]) + 1)
    (r0, c0), (r1, c1) = window
    return Painted(axis, index, window, np.ascontiguousarray(now[r0:r1, c0:c1]))
