"""SEG frames: the frames of a DICOM SEG, each with its segment, its place and its images.

This module reads segmentations of other programs, and checks the files that
`sam_med.derived_objects.dicom_seg` writes with highdicom. Decision record 0009 says why it does not
use highdicom itself. `sam_med.segmentations.frame_pixels` decodes the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydicom.uid import UID

from sam_common.errors import InputError
from sam_med.dicom import tag_values as tags
from sam_med.dicom.encoding import PLAIN
from sam_med.segmentations.frame_pixels import (
    BINARY,
    FRACTIONAL,
    LABELMAP,
    background,
    frame_masks,
)
from sam_med.segmentations.object_file import check_numbers, open_dicom

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
BITS_OF = {BINARY: (1,), LABELMAP: (8, 16), FRACTIONAL: (8,)}
"""BitsAllocated of each type of segmentation."""
SQUARE = 0.01
"""Tolerance of the lengths and the scalar product of two direction cosines."""
ALIKE = 1e-4
"""Relative tolerance within which cosines and spacings of frames are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class SegFrame:
    """One frame: one segment in one plane."""

    segment: int
    """Number of the segment, from 1."""
    position: tuple[float, ...]
    """LPS mm of the first pixel; empty where the file states no position."""
    mask: npt.NDArray[np.bool_]
    """(rows, columns) array, True for pixels of the segment."""
    sources: tuple[tuple[str, int | None], ...]
    """SOP instance identifier and frame number of each image that the frame was made from."""


@dataclass(frozen=True, slots=True, eq=False)
class SegFile:
    """A DICOM SEG of type BINARY, LABELMAP or FRACTIONAL."""

    dataset: Dataset

    @classmethod
    def of(cls, dataset: Dataset) -> SegFile:
        """Take and check an opened file.

        Raises:
            InputError: The file is no DICOM SEG, is of an unknown type, has compressed bits, or
                contradicts itself: two segments have one number, or the number of frames differs
                from their descriptions.
        """
        stated = UID(str(dataset.get("SOPClassUID", "")))
        if stated not in {SEG_STORAGE, LABELMAP_STORAGE}:
            kind = dataset.get("Modality", None) or "of an unknown kind"
            # surfaces, too, are of modality SEG
            kind = stated.name if kind == "SEG" and stated else f"DICOM {kind}"
            raise InputError(f"no DICOM SEG or RTSTRUCT, but {kind}")
        kind = str(dataset.get("SegmentationType", ""))
        if not kind:
            raise InputError(
                f"the DICOM SEG does not say whether it is {BINARY}, {LABELMAP} or {FRACTIONAL}: "
                "is it whole?"
            )
        if kind not in BITS_OF:
            raise InputError(
                f"a {kind} segmentation: only {BINARY}, {LABELMAP} and {FRACTIONAL} are read "
                "(save it as one of them in 3D Slicer)"
            )
        syntax = dataset.file_meta.get("TransferSyntaxUID", None)
        if kind == BINARY and syntax is not None and syntax not in PLAIN:
            raise InputError("the bits of the DICOM SEG are compressed: only plain ones are read")
        file = cls(dataset)
        file.check()
        return file

    def check(self) -> None:
        """Raise `InputError` where the numbers of segments, frames or bits are contradictory."""
        items = self.dataset.get("SegmentSequence", None) or ()
        check_numbers([int(item.SegmentNumber) for item in items], "segments")
        stated, described = self.dataset.get("NumberOfFrames", None), len(self._per_frame)
        if stated is not None and int(stated) != described:
            raise InputError(
                f"the DICOM SEG states {int(stated)} frames, but says of {described} what they are"
            )
        bits, kind = self.dataset.get("BitsAllocated", None), str(self.dataset.SegmentationType)
        if bits is not None and bits not in BITS_OF[kind]:
            wanted = "8 or 16 bits" if kind == LABELMAP else "8 bits"
            raise InputError(
                f"a {kind} segmentation has {'one bit' if kind == BINARY else wanted} a pixel, and "
                f"this one {bits}: save it anew, as {BINARY} or {LABELMAP}"
            )

    @property
    def seg_type(self) -> str:
        """How the file holds pixels: "binary", "labelmap" or "fractional"."""
        return str(self.dataset.SegmentationType).lower()

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that masks do not show of the file."""
        if self.dataset.SegmentationType != FRACTIONAL:
            return ()
        kind = str(self.dataset.get("SegmentationFractionalType", "") or "fraction").lower()
        return (f"the DICOM SEG is FRACTIONAL: objects are where the {kind} is at least one half",)

    @property
    def names(self) -> dict[int, str]:
        """Label of each segment by its number, without the background of a LABELMAP."""
        return {n: str(item.get("SegmentLabel", "") or "") for n, item in self._described()}

    @property
    def descriptions(self) -> dict[int, str]:
        """Description of each segment by its number; empty where a segment has none."""
        return {n: str(item.get("SegmentDescription", "") or "") for n, item in self._described()}

    @property
    def size(self) -> tuple[int, int]:
        """Number of rows and columns of a frame."""
        return int(self.dataset.Rows), int(self.dataset.Columns)

    @property
    def orientation(self) -> tuple[float, ...]:
        """Six direction cosines, along which column and row index grow; empty where not stated.

        Raises:
            InputError: Frames differ in direction, or the directions are not perpendicular.
        """
        found = self._common("PlaneOrientationSequence", "ImageOrientationPatient", 6)
        if found:
            along = np.reshape(found, (2, 3))
            if np.abs(along @ along.T - np.eye(2)).max() > SQUARE:
                raise InputError(
                    "the ImageOrientationPatient of the DICOM SEG is no pair of perpendicular "
                    f"directions: {', '.join(f'{v:g}' for v in found)}"
                )
        return found

    @property
    def pixel_spacing_mm(self) -> tuple[float, ...]:
        """Distance in mm between rows, then between columns; empty where not stated.

        Raises:
            InputError: Frames differ in pixel spacing.
        """
        return self._common("PixelMeasuresSequence", "PixelSpacing", 2)

    def slice_measure_mm(self, tag: str) -> float | None:
        """SpacingBetweenSlices or SliceThickness of the file; None where not stated.

        Some programs write them to each frame instead of the shared groups.
        """
        items = _first((*self._shared_groups, *self._per_frame[:1]), "PixelMeasuresSequence")
        return tags.positive(items[0], tag) if items else None

    def frames(self) -> Iterator[SegFrame]:
        """All frames in the order of the file; a frame of a LABELMAP once for each of its segments.

        Raises:
            InputError: Pixel data and descriptions of frames do not fit together.
        """
        described = self._per_frame
        # a slice without any object has a place all the same, and an empty mask of the first one
        first = min(self.names, default=None) if self._is_labelmap else None
        for n, number, mask in frame_masks(self.dataset, len(described)):
            groups = described[n]
            if number is None and self._is_labelmap:
                number = first  # noqa: PLW2901
                if number is None:
                    continue
            yield SegFrame(
                segment=self._segment(groups, n) if number is None else number,
                position=self._position(groups),
                mask=mask,
                sources=tuple(_sources(self._of(groups, "DerivationImageSequence"))),
            )

    def _described(self) -> Iterator[tuple[int, Dataset]]:
        """Number and description of each segment, without the background."""
        for item in self.dataset.get("SegmentSequence", None) or ():
            number = int(item.SegmentNumber)
            if not (self._is_labelmap and number == background(self.dataset)):
                yield number, item

    @property
    def _is_labelmap(self) -> bool:
        return str(self.dataset.SegmentationType) == LABELMAP

    def _segment(self, groups: Dataset, n: int) -> int:
        """The number of the segment that frame n, from 0, shows."""
        items = self._of(groups, "SegmentIdentificationSequence")
        if not items:
            raise InputError(f"frame {n + 1} does not say which segment it is of")
        return int(items[0].ReferencedSegmentNumber)

    def _position(self, groups: Dataset) -> tuple[float, ...]:
        """Position of a frame in LPS mm; empty where not stated."""
        items = self._of(groups, "PlanePositionSequence")
        return tags.numbers(items[0], "ImagePositionPatient", 3) if items else ()

    def _of(self, groups: Dataset, sequence: str) -> Sequence[Dataset]:
        """Items of a functional group of a frame, its own or the shared ones (PS3.3, C.7.6.16)."""
        return _first((groups, *self._shared_groups), sequence)

    def _common(self, sequence: str, tag: str, count: int) -> tuple[float, ...]:
        """Numbers that are equal in all frames, stated once or with each frame; empty for none.

        Args:
            sequence: Keyword of the functional group.
            tag: Keyword of the element in it.
            count: How many numbers the element holds.

        Raises:
            InputError: Frames differ in these numbers.
        """
        homes = [groups for groups in self._per_frame if groups.get(sequence, None)]
        if len(homes) < len(self._per_frame) or not homes:
            homes = [*homes, *self._shared_groups]
        items = [items[0] for home in homes if (items := home.get(sequence, None))]
        found = [tags.numbers(item, tag, count) for item in items]
        first = found[0] if found else ()
        near = ALIKE * max(map(abs, first), default=0.0)
        for other in dict.fromkeys(found):
            if len(other) != len(first) or not np.allclose(other, first, rtol=0.0, atol=near):
                raise InputError(
                    f"the frames of the DICOM SEG differ in {tag}, and one grid has one: save the "
                    "frames of each to a file of their own"
                )
        return first

    @property
    def _per_frame(self) -> Sequence[Dataset]:
        """The functional groups of each frame."""
        return tuple(self.dataset.get("PerFrameFunctionalGroupsSequence", None) or ())

    @property
    def _shared_groups(self) -> Sequence[Dataset]:
        """The functional groups that all frames share, one item or none."""
        return tuple((self.dataset.get("SharedFunctionalGroupsSequence", None) or ())[:1])


def read_seg(path: Path) -> SegFile:
    """Open a DICOM SEG.

    Raises:
        InputError: The file is no DICOM SEG of a type that is read, see `SegFile.of`.
    """
    return SegFile.of(open_dicom(path))


def _first(homes: Iterable[Dataset], sequence: str) -> Sequence[Dataset]:
    """The items of a sequence in the first of some data sets that has such items."""
    return next((tuple(items) for home in homes if (items := home.get(sequence, None))), ())


def _sources(derivations: Sequence[Dataset]) -> Iterator[tuple[str, int | None]]:
    """SOP instance identifier and frame number of each image in derivation items."""
    for derivation in derivations:
        for item in derivation.get("SourceImageSequence", None) or ():
            number = item.get("ReferencedFrameNumber", None)
            yield str(item.ReferencedSOPInstanceUID), None if number is None else int(number)
