"""Structured report: spatial coordinates of a DICOM SR as drawings (PS3.3, C.18.6 and C.18.9).

```
Measurement Group             an object; its name is the tracking identifier, or the finding
  NUM Long axis
    SCOORD POLYLINE           a line on the image that it was selected from
  SCOORD Image Region         an outline
  SCOORD3D                    the same in LPS mm
SCOORD outside of any group   an object of its own
```
The tree is walked whatever its template is: viewers write groups of templates 1410, 1411 and 1501,
and some none of these. Groups with one Tracking Unique Identifier are one object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sam_med.annotations.drawing import (
    Annotation,
    AnnotationFile,
    Drawing,
    LeftOutError,
    circle_as_ellipse,
    kind_of,
    rows_of,
)
from sam_med.segmentations.objects import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import Dataset

    from sam_med.annotations.image_places import ImagePlaces

GROUP = "125007"
TRACKING_ID, TRACKING_UID = "112039", "112040"
FINDING, FINDING_SITES = "121071", ("363698007", "G-C0E3")
SEGMENT = ("121191", "121214")
"""Codes of content items that refer to a segment, or to a frame of one."""
TOOL = re.compile(r"[\w. -]+@[\w^.*~-]+:\w+|web annotation", re.IGNORECASE)
"""Tracking identifiers that name the tool of a viewer, not an object."""
DEEPEST = 100
"""Levels of content items; no template has as many."""


def read_report(dataset: Dataset, places: ImagePlaces) -> AnnotationFile:
    """Read the points, lines and outlines of a structured report.

    Args:
        dataset: The report.
        places: The images of the volume that they are wanted on.
    """
    found: dict[str, list[Drawing]] = {}
    names: dict[str, str | None] = {}
    segmented: set[str] = set()
    notes: list[str] = []
    for number, group in enumerate(_groups(dataset)):
        items = list(_below(group))
        key = _text(items, TRACKING_UID) or f"group {number}"
        found.setdefault(key, []).extend(_drawings(items, dataset, places, notes))
        names[key] = names.get(key) or _name(items)
        if any(_concept(item) in SEGMENT for item in items):
            segmented.add(key)
    if bare := sum(not found[key] for key in segmented):
        notes.append(
            f"{bare} measurements of segments have no lines of their own: give the DICOM SEG that "
            "they were made of"
        )
    annotations = [Annotation(names[key], tuple(drawn)) for key, drawn in found.items() if drawn]
    return AnnotationFile(tuple(annotations), tuple(dict.fromkeys(notes)))


def _groups(dataset: Dataset) -> Iterator[Dataset]:
    """Measurement groups, and coordinates outside of any group."""
    rest = [(dataset, 0)]
    while rest:
        item, depth = rest.pop(0)
        if _concept(item) == GROUP or _is_coordinates(item):
            yield item
        elif depth < DEEPEST:
            rest += [(child, depth + 1) for child in _children(item)]


def _below(item: Dataset) -> Iterator[Dataset]:
    """A content item and all items below it, in their order."""
    rest = [(item, 0)]
    while rest:
        one, depth = rest.pop(0)
        yield one
        if depth < DEEPEST:
            rest[:0] = [(child, depth + 1) for child in _children(one)]


def _children(item: Dataset) -> Sequence[Dataset]:
    """The content items right below one."""
    return tuple(item.get("ContentSequence", None) or ())


def _concept(item: Dataset) -> str:
    """The code of the concept name of a content item; empty where it has none."""
    named = (item.get("ConceptNameCodeSequence", None) or ())[:1]
    return str(named[0].get("CodeValue", "") or "") if named else ""


def _is_coordinates(item: Dataset) -> bool:
    """Whether a content item holds spatial coordinates."""
    return str(item.get("ValueType", "")) in {"SCOORD", "SCOORD3D"}


def _drawings(
    items: Sequence[Dataset], root: Dataset, places: ImagePlaces, notes: list[str]
) -> Iterator[Drawing]:
    """The drawings among some content items; a note for each that is left out."""
    for item in items:
        if _is_coordinates(item):
            try:
                yield _drawing(item, root, places)
            except LeftOutError as error:
                notes.append(f"left out of the report: {error}")


def _drawing(item: Dataset, root: Dataset, places: ImagePlaces) -> Drawing:
    """The drawing of a content item with spatial coordinates."""
    graphic = str(item.get("GraphicType", "") or "")
    if item.ValueType == "SCOORD3D":
        points = rows_of(item.get("GraphicData", None), 3)
        stated = str(item.get("ReferencedFrameOfReferenceUID", None) or "")
        return Drawing(kind_of(graphic, points), places.in_patient(points, stated))
    points = rows_of(item.get("GraphicData", None), 2)
    if graphic == "CIRCLE":
        graphic, points = "ELLIPSE", circle_as_ellipse(points)
    kind = kind_of(graphic, points)
    return Drawing(kind, places.on_image(points, _image_of(item, root)))


def _image_of(item: Dataset, root: Dataset) -> Dataset:
    """The item that refers to the image that coordinates were selected from.

    Raises:
        LeftOutError: There is none.
    """
    for child in _children(item):
        place = child.get("ReferencedContentItemIdentifier", None)
        target = child if place is None else _at(root, [int(n) for n in place])
        references = () if target is None else target.get("ReferencedSOPSequence", None) or ()
        if references:
            return references[0]
    raise LeftOutError("coordinates that do not say on which image they lie")


def _at(root: Dataset, place: Sequence[int]) -> Dataset | None:
    """The content item at a place in the tree, which counts from 1 at each level, root first."""
    item: Dataset | None = root
    for n in place[1:]:
        children = () if item is None else _children(item)
        item = children[n - 1] if 0 < n <= len(children) else None
    return item


def _text(items: Sequence[Dataset], code: str) -> str:
    """The first text or identifier with a concept among content items; empty where none has it."""
    for item in items:
        if _concept(item) == code:
            return str(item.get("TextValue", None) or item.get("UID", None) or "")
    return ""


def _name(items: Sequence[Dataset]) -> str | None:
    """The name of a group: its tracking identifier, else its finding or the site of it."""
    tracked = plain_name(_text(items, TRACKING_ID))
    if tracked and not TOOL.fullmatch(tracked):
        return tracked
    for codes in ((FINDING,), FINDING_SITES):
        for item in items:
            values = (item.get("ConceptCodeSequence", None) or ())[:1]
            if _concept(item) in codes and values:
                return plain_name(str(values[0].get("CodeMeaning", "") or "")) or None
    return None
