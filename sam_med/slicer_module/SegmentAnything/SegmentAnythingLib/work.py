"""Work: a volume of the scene, the session on it, and the segmentation that shows its objects.

Each method makes a `Step`; `step.run()` does it here and now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from .moments import Moment, Moments
from .opened import Opened, Sent, model_of, opened
from .prompts import (
    Mark,
    box_of_roi,
    marks_of,
    points_of_fiducials,
    slice_box_of_line,
    slice_box_of_roi,
)
from .record import SceneRecord
from .segments import NO_SEGMENT, SegmentationView
from .steps import Step
from .suite_client import ServerError
from .volumes import SceneError, VolumeImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .prompts import Point, SliceBox
    from .suite_client import Change, Client, VolumeSession

MODEL = "lite_medsam"
TAKE_OVER = "Take over what I painted"


@dataclass(frozen=True)
class ReviewedSlice:
    """A slice to look at."""

    axis: int
    """Array axis: 0 is k, 1 is j, 2 is i."""
    index: int
    confidence: float
    """0 to 1."""
    reasons: tuple[str, ...]
    """What makes it doubtful; empty where nothing does."""
    at_least: float | None = None
    """Dice that nine of ten such slices have; None where there is not enough evidence."""


@dataclass
class VolumeWork:
    """One volume and the objects in it."""

    session: VolumeSession
    view: SegmentationView
    record: SceneRecord
    """Keeps the edits in the scene."""
    segment_of: dict[str, str] = field(default_factory=dict)
    """Object on the server to segment ID; kept for a redo where the segment is gone."""
    names: dict[str, str] = field(default_factory=dict)
    """Object to its name, for a redo."""
    note: str = ""
    """What there is to know of the last prompt."""
    cursor: int = 0
    """Number of edits that count on the server."""
    moments: Moments = field(default_factory=Moments)
    """To follow the Undo of Segment Editor."""

    @classmethod
    def opening(
        cls,
        client: Callable[[], Client],
        volume: Any,
        *,
        model: str | None = None,
        modality: str | None = None,
        segmentation: Any = None,
    ) -> Step:
        """Send a volume; the step gives the work on it.

        A segmentation that the scene has a record of is gone on with: its edits are made again, by
        the model and for the modality of the record. What a person painted since then stays. With
        another model it is added to, and its segments stay as they are.

        Args:
            client: Gives the server; called where the step asks.
            volume: vtkMRMLScalarVolumeNode.
            model: Name of a model; where not given that of the record, else `MODEL`.
            modality: "CT", "MR" and so on.
            segmentation: vtkMRMLSegmentationNode to add to; a new one where not given.

        Raises:
            SceneError: The volume cannot be sent, or the segmentation is that of another one.
        """
        image = VolumeImage.from_node(volume)
        SegmentationView.check_place(image, segmentation)
        record = None if segmentation is None else SceneRecord.find(segmentation)
        if record is not None and record.volume not in {None, volume}:
            raise SceneError(
                f"{segmentation.GetName()} belongs to the volume {record.volume.GetName()}: choose "
                f"that volume, or a new segmentation"
            )
        # copies: the worker sends them while the scene may change
        sent = Sent(image.array().copy(), image.ijk_to_lps(), model or MODEL, modality)
        known = None if record is None else record.log
        log = known if known is not None and model in {None, model_of(known)} else None

        def ask(progress: Callable[[int, int, str], bool | None]) -> Opened:
            return opened(client(), sent, log, progress)

        def apply(found: Opened) -> VolumeWork:
            view = SegmentationView.make(image, segmentation)
            work = cls(found.session, view, SceneRecord.of(volume, view.node))
            if log is not None:
                work._go_on(found)
                work._remember(log)
            elif known is not None:
                work.note = f"Segments that were made with {model_of(known)} stay as they are."
            return work

        return Step(ask, apply)

    @property
    def image(self) -> VolumeImage:
        """The volume."""
        return self.view.image

    @property
    def segment_ids(self) -> list[str]:
        """Of the segments that are there, oldest first."""
        return [one for one in self.segment_of.values() if self.view.has(one)]

    def adding(self, name: str) -> Step:
        """A new object; the step gives its segment ID."""
        self.view.check()
        if not name.strip():
            raise SceneError("a segment needs a name, e.g. spleen")

        def apply(object_id: str) -> str:
            self.names[object_id] = name.strip()
            return self._segment(object_id)

        return self._kept(Step(lambda _progress: self.session.add_object(name.strip()), apply))

    def adopting(self, segment_id: str) -> Step | None:
        """An object for a segment that a person added; None where it has one.

        What the person drew in it stays, as painted.
        """
        self.view.check()
        if segment_id in self.segment_ids:
            return None
        self.view.check_unlocked(segment_id)
        name = self.view.name(segment_id)

        def apply(object_id: str) -> None:
            self.names[object_id], self.segment_of[object_id] = name, segment_id
            self.view.adopt(segment_id, [])

        return self._kept(Step(lambda _progress: self.session.add_object(name), apply))

    def following(self, segment_id: str) -> Step | None:
        """The server goes where Segment Editor's own Undo or Redo has put a segment.

        None where the segment is as the server knows it, or was never so.
        """
        self.view.check()
        if segment_id not in self.view.shown or not self.view.has(segment_id):
            return None
        if not self.view.is_painted(segment_id):
            return None
        moment = self.moments.find(self.cursor, self.view, segment_id)
        if moment is None:
            return None
        ask = self.session.undo if moment.cursor < self.cursor else self.session.redo
        count = abs(moment.cursor - self.cursor)

        def apply(_answer: Any) -> None:
            # the scene has the voxels already
            self.segment_of, self.view.shown = dict(moment.segment_of), dict(moment.shown)

        return self._kept(Step(lambda _progress: [ask() for _ in range(count)], apply))

    def renaming(self, segment_id: str, name: str) -> Step:
        """Another name."""
        object_id = self._object(segment_id)

        def apply(change: Change) -> None:
            self.names[object_id] = name
            self.view.rename(segment_id, name)
            self._show(change)

        return self._kept(
            Step(lambda _progress: self.session.rename_object(object_id, name), apply)
        )

    def lock(self, segment_id: str, *, locked: bool) -> None:
        """A finished segment keeps its voxels: nothing adds to it, nothing takes of it."""
        self._object(segment_id)
        self.view.lock(segment_id, locked=locked)

    def removing(self, segment_id: str) -> Step:
        """An object and its segment go."""
        object_id = self._object(segment_id)
        self.view.check_unlocked(segment_id)
        return self._edit(lambda: self.session.remove_object(object_id))

    def boxing(self, segment_id: str, roi: Any) -> Step:
        """The 3-D box of an object from an ROI node, or from six inclusive voxels (i, j, k)."""
        object_id = self._prompted(segment_id)
        box, self.note = (
            (roi, "") if isinstance(roi, (tuple, list)) else box_of_roi(roi, self.image)
        )
        return self._edit(lambda: self.session.set_box(object_id, box))

    def slice_boxing(self, segment_id: str, found: SliceBox) -> Step:
        """A box on a slice: a prompt before the object is propagated, a correction after."""
        object_id = self._prompted(segment_id)
        self.note = ""
        return self._edit(
            lambda: self.session.set_box(object_id, found.box, axis=found.axis, index=found.index)
        )

    def boxing_by_line(self, segment_id: str, line: Any) -> Step:
        """A box on a slice whose diagonal is a line node."""
        return self.slice_boxing(segment_id, slice_box_of_line(line, self.image))

    def boxing_on_slice(self, segment_id: str, roi: Any, axis: int, index: int) -> Step:
        """A box on a slice where an ROI crosses it."""
        return self.slice_boxing(segment_id, slice_box_of_roi(roi, self.image, axis, index))

    def pointing(self, segment_id: str, fiducials: Any) -> Step:
        """Points in the object and outside of it, from a point list; those it has are left."""
        object_id = self._prompted(segment_id)
        points = points_of_fiducials(fiducials, self.image)

        def edits() -> Iterator[Change]:
            (about,) = (o for o in self.session.objects() if o["object"] == object_id)
            known = {(*np.round(p["point"], 3), bool(p["label"])) for p in about["points"]}
            for point in points:
                if (*np.round(point.ijk, 3), point.positive) not in known:
                    yield self.session.add_point(object_id, point.ijk, positive=point.positive)

        return self._edits(edits)

    def clicking(self, segment_id: str, point: Point) -> Step:
        """A click on a slice: a point before the object is propagated, a correction after."""
        object_id = self._prompted(segment_id)
        self.note = ""

        def ask(_progress: Any) -> Change:
            (about,) = (o for o in self.session.objects() if o["object"] == object_id)
            if about["propagated"]:
                return self.session.add_mark(
                    object_id, "click", [point.ijk], positive=point.positive
                )
            return self.session.add_point(object_id, point.ijk, positive=point.positive)

        return self._kept(Step(ask, self._show))

    def marking(self, segment_id: str, markups: Any) -> Step:
        """Correct a propagated object by points, a curve, a closed curve or a line.

        Marks that it was corrected by already are left.
        """
        object_id = self._prompted(segment_id)
        return self._marks(object_id, marks_of(markups, self.image))

    def refusing(self, segment_id: str, axis: int, index: int) -> Step:
        """Show the next best mask of an object on a slice."""
        object_id = self._prompted(segment_id)
        at = [0.0, 0.0, 0.0]
        at[2 - axis] = float(index)
        mark = Mark("not_this", (tuple(at),), axis=axis)
        return self._edit(
            lambda: self.session.add_mark(object_id, mark.kind, mark.points, axis=mark.axis)
        )

    def painting(self, segment_id: str) -> Step:
        """Take over what a person painted in the segment, slice by slice."""
        object_id = self._object(segment_id)
        self.view.check_unlocked(segment_id)
        slices = self.view.painted(segment_id)

        def edits() -> Iterator[Change]:
            for p in slices:
                yield self.session.set_mask(object_id, p.mask, p.window, axis=p.axis, index=p.index)

        return self._edits(edits)

    def propagating(self, segment_id: str | None = None, method: str = "planes") -> Step:
        """Follow one object, or all, through the volume; the step gives False where cancelled."""
        self.view.check()
        if segment_id is None:
            asked = [one for one in self.segment_ids if not self.view.is_locked(one)]
            # without a locked one the server knows itself which there are
            objects = None if asked == self.segment_ids else [self._object(one) for one in asked]
        else:
            self.view.check_unlocked(segment_id)
            asked, objects = [segment_id], [self._object(segment_id)]
        self.check_painted(asked)

        def ask(progress: Callable[[int, int, str], bool | None]) -> list[Any] | None:
            state = self.session.propagate(objects, method).wait(progress)
            if state["state"] != "done":
                return None
            # a job is an edit of which the session's own marks do not know
            self.session.can_undo, self.session.can_redo = True, False
            found = [each["object"] for each in state["summary"]["objects"]]
            return [(each, self.session.mask(each)) for each in found]

        def apply(answer: list[Any] | None) -> bool:
            for object_id, mask in answer or ():
                self.view.show(self._segment(object_id), [mask])
            return answer is not None

        return self._kept(Step(ask, apply))

    def undoing(self) -> Step:
        """One edit back."""
        return self._moving(self.session.undo, self.session.redo)

    def redoing(self) -> Step:
        """One edit forth."""
        return self._moving(self.session.redo, self.session.undo)

    def reviewing(self, segment_id: str) -> Step:
        """The step gives the slices of a propagated object, the least certain first."""
        object_id = self._object(segment_id)

        def apply(rows: list[dict[str, Any]]) -> list[ReviewedSlice]:
            return [
                ReviewedSlice(
                    r["axis"], r["index"], r["confidence"], tuple(r["reasons"]), r.get("at_least")
                )
                for r in rows
            ]

        return Step(lambda _progress: self.session.review(object_id), apply)

    def jump(self, segment_id: str, axis: int, index: int) -> tuple[float, float, float]:
        """Show a slice of a segment in all slice views; gives its place in RAS mm."""
        self.view.check()
        self._object(segment_id)
        r, a, s = (float(v) for v in self.view.centre(segment_id, axis, index))
        nodes = slicer.mrmlScene.GetNodesByClass("vtkMRMLSliceNode")
        nodes.UnRegister(None)
        for n in range(nodes.GetNumberOfItems()):
            nodes.GetItemAsObject(n).JumpSliceByCentering(r, a, s)
        return r, a, s

    def _marks(self, object_id: str, marks: list[Mark]) -> Step:
        def key(kind: str, points: Any, label: int) -> tuple[Any, ...]:
            return kind, label, tuple(np.round(np.ravel(points), 3))

        def edits() -> Iterator[Change]:
            (about,) = (o for o in self.session.objects() if o["object"] == object_id)
            known = {key(m["mark"], m["points"], m["label"]) for m in about["marks"]}
            for one in marks:
                if key(one.kind, one.points, int(one.positive)) not in known:
                    yield self.session.add_mark(
                        object_id, one.kind, one.points, positive=one.positive
                    )

        return self._edits(edits)

    def _moving(self, ask: Callable[[], Change], back: Callable[[], Change]) -> Step:
        """An edit back or forth, unless it changes a locked segment; `back` is the other way."""
        self.view.check()
        self.check_painted(self.segment_ids)

        def apply(answer: tuple[Change, dict[str, str]]) -> None:
            change, names = answer
            self.names.update(names)
            self._show(change)
            for object_id, name in names.items():
                self.view.rename(self._segment(object_id), name)

        # the scene is looked at here, because a worker asks
        locked = {one for one in self.segment_ids if self.view.is_locked(one)}
        objects = {each: one for each, one in self.segment_of.items() if one in locked}
        told = {each: self.view.name(one) for each, one in objects.items()}

        def both(_progress: Any) -> tuple[Change, dict[str, str]]:
            change = ask()
            for each in change.changed:
                if each.object in told:
                    back()
                    raise SceneError(f"{told[each.object]} is locked: unlock it to change it")
            # a change does not say what the objects are called now
            return change, {each["object"]: each["name"] for each in self.session.objects()}

        return self._kept(Step(both, apply))

    def _edit(self, ask: Callable[[], Change]) -> Step:
        self.view.check()
        return self._kept(Step(lambda _progress: ask(), self._show))

    def _edits(self, edits: Callable[[], Iterator[Change]]) -> Step:
        """Several edits of one object; where one is refused, those before it are shown."""

        def ask(_progress: Any) -> tuple[Change | None, ServerError | None]:
            # each change has the whole object: the last one is what is to be shown
            last = None
            try:
                for change in edits():
                    last = change
            except ServerError as error:
                return last, error
            return last, None

        def apply(answer: tuple[Change | None, ServerError | None]) -> None:
            last, error = answer
            if last is not None:
                self._show(last)
            if error is not None:
                raise error

        return self._kept(Step(ask, apply))

    def _kept(self, step: Step) -> Step:
        """A step after which the scene keeps the edits that were made so far."""

        def ask(progress: Callable[[int, int, str], bool | None]) -> tuple[Any, dict[str, Any]]:
            answer = step.ask(progress)
            return answer, self.session.log()

        def apply(both: tuple[Any, dict[str, Any]]) -> Any:
            answer, log = both
            self.cursor = log["cursor"]
            try:
                applied = step.apply(answer)
            finally:
                # of several edits one may be refused: those before it count
                self.record.write(log, self.segment_of, self.names)
            self._remember(log)
            return applied

        return Step(ask, apply)

    def _remember(self, log: dict[str, Any]) -> None:
        """Keep what the segments are after the edits that count now."""
        self.cursor = log["cursor"]
        moment = Moment(self.cursor, dict(self.segment_of), dict(self.view.shown))
        self.moments.add(moment, len(log["edits"]))

    def _go_on(self, found: Opened) -> None:
        """Take the segments of the record for the objects that the server made again."""
        self.segment_of.update(self.record.segment_of)
        self.names.update({**self.record.names, **found.names})
        for object_id, mask in found.masks.items():
            known = self.segment_of.get(object_id)
            if known is not None and self.view.has(known):
                self.view.adopt(known, [mask])
            else:
                self.view.show(self._segment(object_id), [mask])
        changed = [self.view.name(one) for one in self.segment_ids if self.view.is_painted(one)]
        self.note = f"Gone on with {self.session.model}."
        if changed:
            self.note += f" Painted since then: {', '.join(changed)}."

    def _prompted(self, segment_id: str) -> str:
        object_id = self._object(segment_id)
        self.view.check_unlocked(segment_id)
        self.check_painted([segment_id])
        return object_id

    def check_painted(self, segment_ids: list[str]) -> None:
        """Raise `SceneError` where an answer of the server would take the place of a painting."""
        for one in segment_ids:
            if self.view.is_painted(one):
                raise SceneError(
                    f"{self.view.name(one)} was painted: press '{TAKE_OVER}' first "
                    "(and 'Undo' after it, to be rid of the painting)"
                )

    def _object(self, segment_id: str) -> str:
        self.view.check()
        for object_id, one in self.segment_of.items():
            if one == segment_id and self.view.has(one):
                return object_id
        if not segment_id:
            raise SceneError(NO_SEGMENT)
        raise SceneError(f"no segment {segment_id} of this volume: choose one, or add one")

    def _segment(self, object_id: str) -> str:
        """The segment of an object, made anew where it is not there."""
        known = self.segment_of.get(object_id)
        if known is None or not self.view.has(known):
            name = self.names.get(object_id, object_id)
            known = self.view.add(name, known or self.names.get(object_id, object_id))
            self.segment_of[object_id] = known
        return known

    def _show(self, change: Change) -> None:
        for one in change.changed:
            if not one.removed:
                self.view.show(self._segment(one.object), one.masks)
            elif one.object in self.segment_of:
                self.view.remove(self.segment_of[one.object])
