"""Frame places: positions of frames in multi-frame files that state only one position for all.

```
nuclear medicine, RECON TOMO   the detector's place, plus SpacingBetweenSlices (which may be
                               negative) times the number in SliceVector       PS3.3, C.8.4.15
SliceLocationVector            the first place, plus the difference of locations along the normal
SpacingBetweenSlices           the first place, plus the step times the frame, along the normal
a pointer to times             all frames at the one place: time points
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sam_med.dicom import tag_values as tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from sam_med.headers.slice_header import Places, SliceHeader

TOMOGRAMS = frozenset({"RECON TOMO", "RECON GATED TOMO"})
"""Image types of nuclear medicine whose frames are slices, not views."""
KIND_VECTORS = ("EnergyWindowVector", "DetectorVector")
"""Tags that tell frames at the same position apart."""
TIME_VECTORS = ("PhaseVector", "RRIntervalVector", "TimeSlotVector", "TimeSliceVector")
"""Tags that number the time points of frames."""
FRAME_VECTORS = ("SliceVector", *KIND_VECTORS, *TIME_VECTORS)
"""All tags of nuclear medicine that hold one number for each frame."""
TIMES = frozenset({0x00181063, 0x00181065, 0x00181066})
"""Tags that FrameIncrementPointer names in a film: FrameTime, FrameTimeVector, FrameDelay."""


@dataclass(frozen=True, slots=True)
class FramePlace:
    """The position of one frame, and what tells it from others at the same position."""

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    places: Places
    kind: str = ""
    """Words for the energy window and the detector, where a file has several; else ""."""
    time: tuple[float, ...] = ()


def is_tomogram(base: SliceHeader) -> bool:
    """Whether a file is a tomogram of nuclear medicine, whose frames are slices."""
    return base.modality == "NM" and bool(TOMOGRAMS & set(base.facts.image_type))


def places_of(dataset: Dataset, base: SliceHeader) -> list[FramePlace] | None:
    """The position of each frame; None where the header states neither positions nor a film.

    Args:
        dataset: Header of a file whose frames have no positions of their own.
        base: The header of the file, as if it were one slice.
    """
    if base.modality == "NM":
        return _of_tomogram(dataset, base)
    frames = base.facts.frames
    if not _has_axes(base.position, base.orientation):
        return None
    steps = tags.numbers_or_none(dataset, "SliceLocationVector", frames)
    if steps:
        return _along(base.position, base.orientation, np.subtract(steps, steps[0]), "by step")
    if _is_film(dataset):
        return [
            FramePlace(base.position, base.orientation, "stated", time=(float(n),))
            for n in range(frames)
        ]
    step = tags.number(dataset, "SpacingBetweenSlices")
    if not step:
        return None
    return _along(base.position, base.orientation, step * np.arange(frames), "by step")


def _of_tomogram(dataset: Dataset, base: SliceHeader) -> list[FramePlace] | None:
    """Positions of the frames of nuclear medicine; None for views, or without a step."""
    position, orientation = _of_detector(dataset, base)
    frames = base.facts.frames
    stated = tags.number(dataset, "SpacingBetweenSlices")
    step = stated or base.thickness_mm
    numbers = _slice_numbers(dataset, frames)
    if not is_tomogram(base) or not _has_axes(position, orientation):
        return None
    if frames > 1 and (not step or not numbers):
        return None
    steps = (step or 0.0) * np.subtract(numbers or (1,), 1)
    # slices without a stated step are taken to touch, which a diagnostic says
    places: Places = "stated" if stated or frames == 1 else "by step"
    placed = _along(position, orientation, steps, places)
    kinds = [tags.numbers_or_none(dataset, tag, frames) for tag in KIND_VECTORS]
    times = [tags.numbers_or_none(dataset, tag, frames) for tag in TIME_VECTORS]
    return [
        FramePlace(
            one.position,
            orientation,
            places,
            kind=" ".join(
                f"{word} {values[n]:g}"
                for word, values in zip(("energy window", "detector"), kinds, strict=True)
                if len(set(values)) > 1
            ),
            time=tuple(values[n] for values in times if values),
        )
        for n, one in enumerate(placed)
    ]


def _slice_numbers(dataset: Dataset, frames: int) -> tuple[float, ...]:
    """The number of the slice of each frame, from 1; empty where the header does not tell."""
    if stated := tags.numbers_or_none(dataset, "SliceVector", frames):
        return stated
    slices = tags.number(dataset, "NumberOfSlices")
    return tuple(float(n) for n in range(1, frames + 1)) if slices in {None, frames} else ()


def _of_detector(
    dataset: Dataset, base: SliceHeader
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Position and orientation, which nuclear medicine states in the item of its detector."""
    detector = (tags.value(dataset, "DetectorInformationSequence") or [dataset])[0]
    return (
        tags.numbers_or_none(detector, "ImagePositionPatient", 3) or base.position,
        tags.numbers_or_none(detector, "ImageOrientationPatient", 6) or base.orientation,
    )


def _along(
    position: Sequence[float],
    orientation: tuple[float, ...],
    distances_mm: npt.ArrayLike,
    places: Places,
) -> list[FramePlace]:
    """Places at distances from a position along the normal."""
    across = np.cross(orientation[:3], orientation[3:])
    normal = across / np.linalg.norm(across)
    return [
        FramePlace(tuple((np.asarray(position) + normal * mm).tolist()), orientation, places)
        for mm in np.asarray(distances_mm, dtype=np.float64).tolist()
    ]


def _is_film(dataset: Dataset) -> bool:
    """Whether the frames follow each other in time."""
    pointers = tags.value(dataset, "FrameIncrementPointer")
    listed = pointers if isinstance(pointers, list | tuple) else [pointers]
    try:
        return any(int(tag) in TIMES for tag in listed if tag is not None)
    except tags.UNPARSABLE:
        return False


def _has_axes(position: tuple[float, ...], orientation: tuple[float, ...]) -> bool:
    """Whether there is a position, and an orientation that spans a plane."""
    if not position or not orientation:
        return False
    return bool(np.linalg.norm(np.cross(orientation[:3], orientation[3:])))
