"""VolumeExplorer: a volume in a notebook's output, and its objects as a label map."""

from __future__ import annotations

from typing import cast

import numpy as np

from sam_common.notebook.explorer import Explorer
from sam_common.server.client import VolumeSession
from sam_common.window import Window
from sam_med.objects.labels import LabelMap, paint
from sam_med.objects.segments import Segment


class VolumeExplorer(Explorer[VolumeSession]):
    """A volume in a notebook's output, see `Explorer`; made by `explore`."""

    @property
    def labels(self) -> LabelMap:
        """The objects of the page as they are now, on the grid of the volume.

        Values are 1, 2, … in the order of the page's table. Where objects overlap, the first one
        keeps its voxels, as in the files that the page saves. An object that was not followed
        through the volume has the slices alone that were drawn on. While a job of the page runs,
        this waits for its end.

        Raises:
            ConflictError: The explorer was closed, or its server has ended.
        """
        session = self.session
        segments = [
            self._segment(session, one["object"], one["name"], value)
            for value, one in enumerate(session.objects(), start=1)
        ]
        return paint(cast("tuple[int, int, int]", session.size), segments)

    @staticmethod
    def _segment(session: VolumeSession, identifier: str, name: str, value: int) -> Segment:
        """An object with its mask, of one voxel of background where nothing was found."""
        mask = session.mask(identifier)
        if not mask.array.size:
            one = Window((0, 0, 0), (1, 1, 1))
            return Segment(name, value, one, np.zeros(one.shape, dtype=np.bool_))
        return Segment(name, value, Window(*mask.window), mask.array)
