"""Multi-frame files: one `SliceHeader` for each frame.

Enhanced files (CT, MR, PET) state the position, the kind and the scale of each frame in functional
groups, of the frame or shared (PS3.3, C.7.6.16). Some classic files state how their frames follow
each other in space (`sam_med.headers.frame_places`). The others (ultrasound, angiography) are
films: frames without positions of their own, read as time points of one slice.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from sam_med.dicom import tag_values as tags
from sam_med.headers.frame_places import is_tomogram, places_of
from sam_med.headers.image_times import times_of_frame
from sam_med.headers.real_world import SEQUENCE as MAPPINGS
from sam_med.headers.real_world import values_of

if TYPE_CHECKING:
    from sam_med.headers.frame_places import FramePlace
    from sam_med.headers.slice_header import Places, SliceHeader

FRAME_TYPES = (
    "MRImageFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XAXRFFrameTypeSequence",
    "USImageDescriptionSequence",
    "ParametricMapFrameTypeSequence",
    "MRSpectroscopyFrameTypeSequence",
)
"""Functional groups that hold the FrameType, by modality."""
VOLUME_POSITION = "PlanePositionVolumeSequence"
POSITIONS = ("PlanePositionSequence", VOLUME_POSITION)
"""Functional groups that hold the position of a frame, in the patient or in ultrasound."""
GEOMETRY = (
    (VOLUME_POSITION, "ImagePositionVolume", "position", 3),
    ("PlaneOrientationVolumeSequence", "ImageOrientationVolume", "orientation", 6),
    ("PlanePositionSequence", "ImagePositionPatient", "position", 3),
    ("PlaneOrientationSequence", "ImageOrientationPatient", "orientation", 6),
)
"""Functional group, tag, field of `SliceHeader`, count of numbers; later rows win."""


def enhanced_slices(base: SliceHeader, dataset: Dataset) -> list[SliceHeader]:
    """The frames of a file with functional groups.

    Args:
        base: The header of the file, which holds where no functional group states a value.
        dataset: A header with PerFrameFunctionalGroupsSequence.

    Raises:
        RefusedError: "unreadable-header": there are more or fewer groups than frames.
    """
    shared = (dataset.get("SharedFunctionalGroupsSequence", None) or [None])[0]
    frames = dataset.PerFrameFunctionalGroupsSequence
    if len(frames) != base.facts.frames:
        raise tags.unreadable("NumberOfFrames and the functional groups disagree")
    groups = [_Groups(frame, shared) for frame in frames]
    slices = [_slice(base, one, number) for number, one in enumerate(groups, start=1)]
    own = [any(one.get(name) is not None for name in POSITIONS) for one in groups]
    if len(frames) == 1 or all(own) or not (any(own) or base.position):
        return slices
    if any(own):  # the position of the file holds for no frame that lacks its own
        return [
            one if stated else dataclasses.replace(one, position=())
            for one, stated in zip(slices, own, strict=True)
        ]
    # the one position beside the groups is not that of each frame
    places = places_of(dataset, base)
    return [_placed(one, None if places is None else places[n]) for n, one in enumerate(slices)]


def classic_slices(base: SliceHeader, dataset: Dataset) -> list[SliceHeader]:
    """The frames of a file without functional groups.

    Args:
        base: The header of the file, as if it were one slice.
        dataset: The header of the file.
    """
    places = places_of(dataset, base)
    if base.facts.frames == 1:
        return [_placed(base, places[0])] if places and base.modality == "NM" else [base]
    frames = (
        dataclasses.replace(base, frame_number=number, instance=number)
        for number in range(1, base.facts.frames + 1)
    )
    return [_placed(one, None if places is None else places[n]) for n, one in enumerate(frames)]


def _placed(header: SliceHeader, place: FramePlace | None) -> SliceHeader:
    """A frame at its position; without one for a film, or where its position is not known."""
    if place is None:
        slices = (header.cross_sectional and header.placed) or is_tomogram(header)
        where: Places = "nowhere" if slices else "stated"
        return dataclasses.replace(header, position=(), orientation=(), places=where)
    kinds = " ".join(word for word in (header.stack[1], place.kind) if word)
    return dataclasses.replace(
        header,
        position=place.position,
        orientation=place.orientation,
        places=place.places,
        damaged=(),
        stack=(header.stack[0], kinds, *header.stack[2:]),
        time=place.time or header.time,
    )


class _Groups:
    """The functional groups of one frame: its own, else the shared ones."""

    def __init__(self, own: Dataset, shared: Dataset | None) -> None:
        self._places = [place for place in (own, shared) if place is not None]

    def get(self, sequence: str) -> Any:
        """The item of a functional group by its name; None where the frame has none."""
        items = self.all_of(sequence)
        return items[0] if items else None

    def all_of(self, sequence: str) -> Any:
        """The items of a functional group that may have several."""
        return next((items for one in self._places if (items := one.get(sequence, None))), ())


def _slice(base: SliceHeader, groups: _Groups, number: int) -> SliceHeader:
    """The header of a frame, by its number from 1."""
    changes: dict[str, Any] = {"frame_number": number, "instance": number}
    damaged = set(base.damaged)
    for name, tag, field, count in GEOMETRY:
        if (item := groups.get(name)) is None:
            continue
        changes[field] = tags.numbers_or_none(item, tag, count)
        damaged.discard(tag)
        if tags.holds_nonsense(item, tag, count):
            damaged.add(tag)
    if groups.get(VOLUME_POSITION) is not None and groups.get("PlanePositionSequence") is None:
        changes["places"] = "in a volume"
    if (measures := groups.get("PixelMeasuresSequence")) is not None:
        if spacing := tags.numbers_or_none(measures, "PixelSpacing", 2):
            changes["pixel_spacing_mm"] = spacing
        changes["thickness_mm"] = tags.positive(measures, "SliceThickness")
        changes["step_mm"] = tags.positive(measures, "SpacingBetweenSlices")
    scale, mappings = groups.get("PixelValueTransformationSequence"), groups.all_of(MAPPINGS)
    if scale is not None or mappings:
        scale = Dataset() if scale is None else scale
        changes |= values_of(scale, mappings, base.modality)._asdict()
    changes["damaged"] = tuple(sorted(damaged))
    changes["stack"] = _stack(base, groups)
    changes["time"] = times_of_frame(groups.get, base.time)
    return dataclasses.replace(base, **changes)


def _stack(base: SliceHeader, groups: _Groups) -> tuple[str, ...]:
    """What tells stacks at the same position apart, see `SliceHeader.stack`."""
    content, echo = groups.get("FrameContentSequence"), groups.get("MREchoSequence")
    diffusion = groups.get("MRDiffusionSequence")
    kinds = [kind for name in FRAME_TYPES if (kind := groups.get(name)) is not None]
    frame_type = [str(word) for kind in kinds for word in tags.value(kind, "FrameType") or ()]
    echo_ms = None if echo is None else tags.number(echo, "EffectiveEchoTime")
    b_value = None if diffusion is None else tags.number(diffusion, "DiffusionBValue")
    if (data := groups.get("ImageDataTypeSequence")) is not None:
        frame_type.append(tags.text(data, "DataType"))
    return (
        "" if content is None else tags.text(content, "StackID"),
        tags.kind_of(frame_type or base.facts.image_type),
        "" if echo_ms is None else f"echo {echo_ms:g} ms",
        "" if b_value is None else f"b {b_value:g}",
    )
