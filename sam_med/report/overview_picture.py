"""Overview picture: a label map over its volume on three slices, for people to look at.

An axial, a coronal and a sagittal slice through the middle of the labels are drawn as radiologists
look at them: the patient's left on the right, anterior and superior on top, a millimetre as long in
both directions. Only the picture is turned, not the data.

```
axial          coronal        sagittal
  A              S              S
R   L          R   L          A   P
  P              I              I
```
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sam_common.errors import OutputError
from sam_common.support.files import atomic_output, writing
from sam_med.report.slice_picture import draw_labels

if TYPE_CHECKING:
    from pathlib import Path

    from sam_common.frame import Frame
    from sam_med.geometry.volume import Volume
    from sam_med.objects.labels import LabelMap
    from sam_med.slices.window_level import Stretch

SUFFIX = ".png"
PANEL_PX = 480
"""Height of the picture."""
GAP_PX = 8
LEFT, POSTERIOR, SUPERIOR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class View:
    """How the axes of the patient, 0 to 2 for L, P and S, lie in a picture."""

    across: int
    """Axis at right angles to the picture."""
    rows: int
    """Axis that rows of the picture follow each other along."""
    cols: int
    """Axis that columns of the picture follow each other along."""
    flip_rows: bool
    """Whether the axis of the rows grows upwards in the picture."""


VIEWS = (
    View(SUPERIOR, POSTERIOR, LEFT, flip_rows=False),
    View(POSTERIOR, SUPERIOR, LEFT, flip_rows=True),
    View(LEFT, SUPERIOR, POSTERIOR, flip_rows=True),
)
"""The axial, coronal and sagittal view."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A volume with its labels, and how its array axes lie to the patient."""

    volume: Volume
    labels: LabelMap
    stretch: Stretch
    axes: tuple[int, ...]
    """For each of L, P and S, the array axis that runs along it best."""
    signs: tuple[int, ...]
    """For each of L, P and S, 1 where its array axis runs along it, -1 where it runs against it."""


def draw(volume: Volume, labels: LabelMap, stretch: Stretch) -> npt.NDArray[np.uint8]:
    """Draw the axial, coronal and sagittal slice through the middle of the labels, side by side.

    Args:
        volume: The image.
        labels: Labels on the grid of the volume.
        stretch: Window and level of the values of the volume.

    Returns:
        (H, W, 3) RGB picture.
    """
    shown = _Shown(volume, labels, stretch, *_patient_axes(volume.frame))
    centre = _middle(labels.array)
    panels = [_panel(shown, view, centre) for view in VIEWS]
    gap = np.zeros((PANEL_PX, GAP_PX, 3), dtype=np.uint8)
    parts = [part for panel in panels for part in (panel, gap)][:-1]
    return np.concatenate(parts, axis=1)


def check_picture(path: Path) -> None:
    """Raise `OutputError` where the path of a picture does not end in .png; before the work."""
    if path.suffix.lower() != SUFFIX:
        raise OutputError(f"a picture is written as {SUFFIX}, got {path.suffix or 'no suffix'}")


def save_png(picture: npt.NDArray[np.uint8], path: Path) -> None:
    """Write an (H, W, 3) picture as PNG, which appears whole or not at all.

    It is read back before it appears.

    Raises:
        OutputError: The disk does not take the file, or another picture was read back.
    """

    def verify(part: Path) -> None:
        try:
            with Image.open(part) as image:
                found = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise OutputError(f"cannot write {path}: the picture cannot be read again") from error
        if not np.array_equal(found, picture):
            raise OutputError(f"cannot write {path}: another picture was read back")

    with writing(path), atomic_output(path, verify=verify) as part:
        Image.fromarray(picture).save(part, format="PNG")


def _patient_axes(frame: Frame) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each of L, P and S, the array axis that runs along it best, and its sign."""
    cosines = frame.array[:3, :3] / np.linalg.norm(frame.array[:3, :3], axis=0)
    axes = max(
        itertools.permutations(range(3)),
        key=lambda order: sum(abs(cosines[world, axis]) for world, axis in enumerate(order)),
    )
    signs = tuple(1 if cosines[world, axis] > 0 else -1 for world, axis in enumerate(axes))
    return axes, signs


def _middle(labels: npt.NDArray[Any]) -> tuple[int, ...]:
    """Median index (k, j, i) of the labelled voxels; the middle of the volume without any."""
    found = np.nonzero(labels)
    if not found[0].size:
        return tuple(n // 2 for n in labels.shape)
    return tuple(int(np.median(index)) for index in found)


def _panel(image: _Shown, view: View, centre: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """One view of a volume with its labels through a voxel (k, j, i), `PANEL_PX` high."""
    axes, signs = image.axes, image.signs

    def cut(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        part = np.take(array, centre[axes[view.across]], axis=axes[view.across])
        if axes[view.rows] > axes[view.cols]:
            part = part.T
        grows_up = (signs[view.rows] < 0) != view.flip_rows
        turned: npt.NDArray[Any] = part[:: -1 if grows_up else 1, :: signs[view.cols]]
        return turned

    spacing = image.volume.spacing_mm
    grey, labels = image.stretch.apply(cut(image.volume.array)), cut(image.labels.array)
    height_mm = grey.shape[0] * spacing[axes[view.rows]]
    width_mm = grey.shape[1] * spacing[axes[view.cols]]
    size = (max(1, round(PANEL_PX * width_mm / height_mm)), PANEL_PX)
    values = [label.value for label in image.labels.labels]
    return draw_labels(grey, labels, values, size, alpha=0.3)[1]
