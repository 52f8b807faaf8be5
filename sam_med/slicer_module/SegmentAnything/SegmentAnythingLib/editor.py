"""Editor: what is asked in Segment Editor, on the module's server and in its one queue.

```
Segment Editor               this module
source volume, segmentation  the volume that is open: opened where it is not
Undo, Redo                   the server goes where they have put the voxels
selected segment             an object on the server: made where it is none
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .segments import NO_SEGMENT
from .steps import TOLD, Step
from .volumes import SceneError, VolumeImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from .panel import Panel
    from .work import VolumeWork


@dataclass(frozen=True)
class Selection:
    """What is chosen in Segment Editor."""

    volume: Any
    """The source volume, vtkMRMLScalarVolumeNode."""
    segmentation: Any
    """vtkMRMLSegmentationNode."""
    segment_id: str

    @classmethod
    def of(cls, parameters: Any) -> Selection:
        """From the parameters of Segment Editor, vtkMRMLSegmentEditorNode.

        Raises:
            SceneError: No segment is selected.
        """
        segmentation = parameters.GetSegmentationNode()
        segment_id = parameters.GetSelectedSegmentID()
        if segmentation is None or not segment_id:
            raise SceneError(NO_SEGMENT)
        return cls(parameters.GetSourceVolumeNode(), segmentation, segment_id)

    def image(self) -> VolumeImage:
        """The source volume; raises `SceneError` where it is none."""
        return VolumeImage.from_node(self.volume)


class EditorRequests:
    """Asks for the selected segment, in the queue of the module's window.

    Args:
        effect: The scripted effect.
        panel: Of the module's window: its queue, its model and its messages.
    """

    def __init__(self, effect: Any, panel: Panel) -> None:
        self._effect, self.panel = effect, panel

    def ask(
        self,
        make: Callable[[VolumeWork, str], Step],
        told: str,
        then: Callable[[Any], None] | None = None,
        *,
        of_painting: bool = False,
    ) -> None:
        """Ask for the selected segment, after all that has to be done first.

        Args:
            make: Makes the step from the open volume and the segment.
            told: What to say when it is done.
            then: Called with what the step gave.
            of_painting: Whether the answer is about what was painted, and so may replace it.
        """
        try:
            selected = Selection.of(self._effect.parameterSetNode())
        except TOLD as error:
            self.panel.tell(error)
            return
        segment_id = selected.segment_id

        def open_volume() -> None:
            if self.is_open(selected):
                follow(None)
            else:
                self.panel.open(selected.volume, selected.segmentation, then=follow)

        def follow(_node: Any) -> None:
            self.panel.run(lambda: self._work.following(segment_id), "", adopt)

        def adopt(_followed: Any) -> None:
            self.panel.run(lambda: self._work.adopting(segment_id), "", last)

        def last(_adopted: Any) -> None:
            self.panel.choose(segment_id)
            self.panel.run(
                lambda: self._undoable(make, segment_id, of_painting=of_painting), told, then
            )

        open_volume()

    def is_open(self, selected: Selection) -> bool:
        """Whether the server has what is selected, as it is, by the model that is chosen."""
        logic = self.panel.logic
        work = logic.work
        if work is None or logic.client is None or not logic.client.is_running:
            return False
        if work.view.node is not selected.segmentation or work.image.node is not selected.volume:
            return False
        try:
            work.view.check()
        except SceneError:
            # such as another grid: to be opened anew
            return False
        return work.session.model == self.panel.model.currentText

    @property
    def _work(self) -> VolumeWork:
        return self.panel.logic.current

    def _undoable(
        self, make: Callable[[VolumeWork, str], Step], segment_id: str, *, of_painting: bool
    ) -> Step:
        """The step, before whose answer Segment Editor keeps what its Undo brings back."""
        work = self._work
        step = make(work, segment_id)
        is_kept = False

        def keep(shown_id: str) -> None:
            nonlocal is_kept
            if not of_painting:
                # with another effect, while the server was busy
                work.check_painted([shown_id])
            if (
                not is_kept
                and self._effect.parameterSetNode().GetSegmentationNode() is work.view.node
            ):
                self._effect.saveStateForUndo()
            is_kept = True

        def apply(answer: Any) -> Any:
            before = work.view.before_show
            work.view.before_show = keep
            try:
                return step.apply(answer)
            finally:
                work.view.before_show = before

        return Step(step.ask, apply)
