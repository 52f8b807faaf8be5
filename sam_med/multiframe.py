"""Multi-frame files: one `SliceHeader` for each frame.

Enhanced files (CT, MR, PET …) say for each frame, or once for all, where it is, what kind of image
it is and how its values scale (functional groups, PS3.3, C.7.6.16). Classic ones (ultrasound,
angiography) are films: frames without places of their own, read as time points of one slice.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sam_med import tag_values as tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from sam_med.slice_header import SliceHeader

FRAME_TYPES = (
    "MRImageFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XAXRFFrameTypeSequence",
    "USImageDescriptionSequence",
    "ParametricMapFrameTypeSequence",
    "MRSpectroscopyFrameTypeSequence",
)
"""Where the kind of a frame stands, by modality."""


def enhanced_slices(base: SliceHeader, dataset: Dataset) -> Iterator[SliceHeader]:
    """The frames of a file with functional groups.

    Args:
        base: What holds for all frames where no functional group says otherwise.
        dataset: With `SharedFunctionalGroupsSequence` and `PerFrameFunctionalGroupsSequence`.
    """
    shared = (dataset.get("SharedFunctionalGroupsSequence", None) or [None])[0]
    frames = dataset.PerFrameFunctionalGroupsSequence
    if len(frames) != base.facts.frames:
        raise ValueError("NumberOfFrames and the functional groups disagree")
    for number, frame in enumerate(frames, start=1):
        yield _slice(base, _Groups(frame, shared), number)


def classic_slices(base: SliceHeader) -> Iterator[SliceHeader]:
    """The frames of a film, which have no place of their own."""
    for number in range(1, base.facts.frames + 1):
        yield dataclasses.replace(
            base, frame_number=number, instance=number, position=(), orientation=()
        )


class _Groups:
    """The functional groups of one frame: its own first, then the shared ones."""

    def __init__(self, own: Dataset, shared: Dataset | None) -> None:
        self._places = [place for place in (own, shared) if place is not None]

    def get(self, sequence: str) -> Any:
        """The item of a functional group; None where neither has it."""
        for place in self._places:
            if items := place.get(sequence, None):
                return items[0]
        return None


def _slice(base: SliceHeader, groups: _Groups, number: int) -> SliceHeader:
    changes: dict[str, Any] = {"frame_number": number, "instance": number}
    if (plane := groups.get("PlanePositionSequence")) is not None:
        changes["position"] = tags.numbers(plane, "ImagePositionPatient", 3)
    if (plane := groups.get("PlaneOrientationSequence")) is not None:
        changes["orientation"] = tags.numbers(plane, "ImageOrientationPatient", 6)
    if (measures := groups.get("PixelMeasuresSequence")) is not None:
        if spacing := tags.numbers(measures, "PixelSpacing", 2):
            changes["pixel_spacing_mm"] = spacing
        changes["thickness_mm"] = tags.positive(measures, "SliceThickness")
        changes["step_mm"] = tags.positive(measures, "SpacingBetweenSlices")
    if (values := groups.get("PixelValueTransformationSequence")) is not None:
        changes["rescale"] = tags.rescale(values)
    changes["stack"] = _stack(base, groups)
    changes["time"] = _time(groups)
    return dataclasses.replace(base, **changes)


def _stack(base: SliceHeader, groups: _Groups) -> tuple[str, ...]:
    content, echo = groups.get("FrameContentSequence"), groups.get("MREchoSequence")
    diffusion = groups.get("MRDiffusionSequence")
    kinds = [kind for name in FRAME_TYPES if (kind := groups.get(name)) is not None]
    frame_type = [str(word) for kind in kinds for word in kind.get("FrameType", None) or ()]
    echo_ms = None if echo is None else echo.get("EffectiveEchoTime", None)
    b_value = None if diffusion is None else diffusion.get("DiffusionBValue", None)
    return (
        "" if content is None else str(content.get("StackID", None) or ""),
        tags.kind_of(frame_type or base.facts.image_type),
        "" if echo_ms is None else f"echo {float(echo_ms):g} ms",
        "" if b_value is None else f"b {float(b_value):g}",
    )


def _time(groups: _Groups) -> tuple[float, ...]:
    content = groups.get("FrameContentSequence")
    if content is None:
        return ()
    return tuple(
        float(content.get(tag, None) or 0)
        for tag in ("TemporalPositionIndex", "FrameAcquisitionNumber")
    )
