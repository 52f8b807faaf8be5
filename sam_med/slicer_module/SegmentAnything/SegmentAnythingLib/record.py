"""Record: what the scene keeps of the work on a volume, so that a scene loaded again goes on.

A hidden node of the scene holds the log of all edits, from which the server makes its objects
again, and the segment of each. It refers to the volume and the segmentation, and Slicer follows
references when it gives nodes other IDs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import slicer

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASS = "vtkMRMLScriptedModuleNode"
MODULE = "SegmentAnything"
VOLUME, SEGMENTATION = "volume", "segmentation"
"""Roles of the references."""
LOG, SEGMENTS, NAMES = "log", "segments", "names"
"""Names of the parameters."""


@dataclass(frozen=True)
class SceneRecord:
    """The record of one segmentation.

    Args:
        node: vtkMRMLScriptedModuleNode.
    """

    node: Any

    @classmethod
    def find(cls, segmentation: Any) -> SceneRecord | None:
        """The record of a segmentation node, None where the scene has none."""
        nodes = slicer.mrmlScene.GetNodesByClass(CLASS)
        nodes.UnRegister(None)
        for n in range(nodes.GetNumberOfItems()):
            node = nodes.GetItemAsObject(n)
            if node.GetModuleName() != MODULE:
                continue
            if node.GetNodeReferenceID(SEGMENTATION) == segmentation.GetID():
                return cls(node)
        return None

    @classmethod
    def of(cls, volume: Any, segmentation: Any) -> SceneRecord:
        """The record of a segmentation of a volume, an empty one where the scene has none."""
        found = cls.find(segmentation)
        if found is None:
            node = slicer.mrmlScene.AddNewNodeByClass(CLASS, f"{MODULE} {segmentation.GetName()}")
            node.SetModuleName(MODULE)
            node.SetHideFromEditors(True)
            node.SetNodeReferenceID(SEGMENTATION, segmentation.GetID())
            found = cls(node)
        found.node.SetNodeReferenceID(VOLUME, volume.GetID())
        return found

    def write(
        self, log: Mapping[str, Any], segment_of: Mapping[str, str], names: Mapping[str, str]
    ) -> None:
        """Keep the edits that were made so far.

        Args:
            log: From `Session.log`.
            segment_of: Object on the server to segment ID.
            names: Object to its name.
        """
        for name, value in ((LOG, log), (SEGMENTS, segment_of), (NAMES, names)):
            self.node.SetParameter(name, json.dumps(value))

    @property
    def volume(self) -> Any:
        """The volume node, None where it is not in the scene."""
        return self.node.GetNodeReference(VOLUME)

    @property
    def log(self) -> dict[str, Any] | None:
        """The log of the edits, None where nothing was done yet."""
        text = self.node.GetParameter(LOG)
        return json.loads(text) if text else None

    @property
    def segment_of(self) -> dict[str, str]:
        """Object on the server to segment ID."""
        return json.loads(self.node.GetParameter(SEGMENTS) or "{}")

    @property
    def names(self) -> dict[str, str]:
        """Object to its name."""
        return json.loads(self.node.GetParameter(NAMES) or "{}")
