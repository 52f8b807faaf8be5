"""Chooser: a list of nodes of the scene, in plain Qt."""

from __future__ import annotations

from typing import Any

import qt
import slicer


class NodeChooser:
    """A list of the nodes of a class in the scene.

    Args:
        class_name: Class of the nodes.
        none: What to call no node, the first of the list; where not given, some node is chosen.
    """

    def __init__(self, class_name: str, none: str = "") -> None:
        self.class_name = class_name
        self.box = qt.QComboBox()
        self._first = [("", none)] if none else []
        self._shown: list[tuple[str, str]] = []

    @property
    def node(self) -> Any:
        """The one that is chosen; None where there is none."""
        at = self.box.currentIndex
        return slicer.mrmlScene.GetNodeByID(self._shown[at][0]) if at >= 0 else None

    def choose(self, node: Any) -> None:
        """Choose a node, unless it is none of those that are offered."""
        self.refresh()
        ids = [one for one, _ in self._shown]
        if node.GetID() in ids:
            self.box.currentIndex = ids.index(node.GetID())

    def refresh(self) -> None:
        """Follow the scene; what is chosen stays so."""
        nodes = slicer.mrmlScene.GetNodesByClass(self.class_name)
        nodes.UnRegister(None)
        found = [nodes.GetItemAsObject(n) for n in range(nodes.GetNumberOfItems())]
        # subclasses count as their parent, but a label map is no image
        now = self._first + [
            (n.GetID(), n.GetName())
            for n in found
            if n.GetClassName() == self.class_name and not n.GetHideFromEditors()
        ]
        if now == self._shown:
            return
        before = self._shown[self.box.currentIndex][0] if self.box.currentIndex >= 0 else ""
        self._shown = now
        self.box.clear()
        for _, name in now:
            self.box.addItem(name)
        ids = [one for one, _ in now]
        other = 0 if self._first else len(ids) - 1
        self.box.currentIndex = ids.index(before) if before in ids else other
