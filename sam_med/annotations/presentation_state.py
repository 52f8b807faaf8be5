"""Presentation state: graphic annotations of a DICOM GSPS as drawings (PS3.3, C.10.5).

```
item of GraphicAnnotationSequence    an object; its name is its text, where that is no number
  ReferencedImageSequence            the image; all of the state where it is missing
  GraphicObjectSequence              points, lines, outlines
```
Graphics in units of the display (DISPLAY) move with zoom and window size, and lie nowhere on the
image.
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

MEASURED = re.compile(r"\W*\d")
"""Beginning of a text that states a measurement, not a name."""


def read_presentation_state(dataset: Dataset, places: ImagePlaces) -> AnnotationFile:
    """Read the points, lines and outlines of a presentation state.

    Args:
        dataset: The presentation state.
        places: The images of the volume that they are wanted on.
    """
    everything = [
        reference
        for series in dataset.get("ReferencedSeriesSequence", None) or ()
        for reference in series.get("ReferencedImageSequence", None) or ()
    ]
    notes: list[str] = []
    annotations = []
    for item in dataset.get("GraphicAnnotationSequence", None) or ():
        images = item.get("ReferencedImageSequence", None) or everything
        drawn = tuple(_drawings(item, images, places, notes))
        if drawn:
            annotations.append(Annotation(_name(item), drawn))
    return AnnotationFile(tuple(annotations), tuple(dict.fromkeys(notes)))


def _drawings(
    item: Dataset, images: Sequence[Dataset], places: ImagePlaces, notes: list[str]
) -> Iterator[Drawing]:
    """The drawings of an annotation; a note for each that is left out."""
    for graphic in item.get("GraphicObjectSequence", None) or ():
        try:
            yield _drawing(graphic, images, places)
        except LeftOutError as error:  # noqa: PERF203  # the others of the file may be used
            notes.append(f"left out of the presentation state: {error}")


def _drawing(graphic: Dataset, images: Sequence[Dataset], places: ImagePlaces) -> Drawing:
    """The drawing of a graphic object."""
    units = str(graphic.get("GraphicAnnotationUnits", "") or "")
    if units != "PIXEL":
        raise LeftOutError(f"a graphic in units of {units or 'nothing'}, not of pixels")
    points = rows_of(graphic.get("GraphicData", None), 2)
    kind = str(graphic.get("GraphicType", "") or "")
    if kind == "CIRCLE":
        kind, points = "ELLIPSE", circle_as_ellipse(points)
    return Drawing(kind_of(kind, points), places.on_image(points, _image_of(images, places)))


def _image_of(images: Sequence[Dataset], places: ImagePlaces) -> Dataset:
    """The one image of the volume among those that an annotation refers to.

    Raises:
        LeftOutError: None of them is a slice of the volume, or several are.
    """
    found: dict[int, Dataset] = {}
    told = LeftOutError("a graphic that refers to no image")
    for image in images:
        try:
            found.setdefault(places.slice_of(image), image)
        except LeftOutError as error:  # noqa: PERF203  # a state may refer to many images
            told = error
    if not found:
        raise told
    if len(found) > 1:
        raise LeftOutError(f"a drawing that lies on {len(found)} slices at once")
    return next(iter(found.values()))


def _name(item: Dataset) -> str | None:
    """The name of an annotation: a tracking identifier of its graphics, else its text."""
    for graphic in item.get("GraphicObjectSequence", None) or ():
        if tracked := plain_name(str(graphic.get("TrackingID", None) or "")):
            return tracked
    for text in item.get("TextObjectSequence", None) or ():
        said = plain_name(str(text.get("UnformattedTextValue", None) or ""))
        if said and not MEASURED.match(said):
            return said
    return None
