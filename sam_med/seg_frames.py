"""SEG frames: what a DICOM SEG file holds, decoded from its bytes with numpy alone.

This is the second opinion on what `sam_med.dicom_seg` has written with highdicom, and the reader
of segmentations that are to be compared.

```
PixelData, BINARY    one bit a pixel, lowest bit first, frames back to back without padding
frame n              bits n * rows * columns up to (n + 1) * rows * columns       (PS3.5, 8.1.1)
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError

from sam_common.errors import InputError
from sam_med import tag_values as tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
BITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class SegFrame:
    """One frame: one segment on one plane."""

    segment: int
    """Number of the segment, from 1."""
    position: tuple[float, ...]
    """LPS mm of its first pixel; empty where it has no place."""
    mask: npt.NDArray[np.bool_]
    """(rows, columns)."""
    sources: tuple[tuple[str, int | None], ...]
    """Identifier and frame number of the images it was made from."""


@dataclass(frozen=True, slots=True, eq=False)
class SegFile:
    """A binary DICOM SEG."""

    dataset: Dataset

    @property
    def names(self) -> dict[int, str]:
        """Number to label of each segment."""
        return {int(s.SegmentNumber): str(s.SegmentLabel) for s in self.dataset.SegmentSequence}

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.dataset.Rows), int(self.dataset.Columns)

    @property
    def orientation(self) -> tuple[float, ...]:
        """Six cosines; empty where the frames have no place."""
        item = self._shared("PlaneOrientationSequence")
        return () if item is None else tags.numbers(item, "ImageOrientationPatient", 6)

    @property
    def pixel_spacing_mm(self) -> tuple[float, ...]:
        """Between rows, then between columns; empty where it is not known."""
        item = self._shared("PixelMeasuresSequence")
        return () if item is None else tags.numbers(item, "PixelSpacing", 2)

    @property
    def slice_spacing_mm(self) -> float | None:
        """Distance of the planes as the file states it, else their thickness."""
        item = self._shared("PixelMeasuresSequence")
        if item is None:
            return None
        return tags.positive(item, "SpacingBetweenSlices") or tags.positive(item, "SliceThickness")

    def frames(self) -> Iterator[SegFrame]:
        """All frames in the order of the file."""
        rows, columns = self.size
        pixels = rows * columns
        packed = np.frombuffer(self.dataset.PixelData, dtype=np.uint8)
        for n, groups in enumerate(self.dataset.PerFrameFunctionalGroupsSequence):
            first, last = n * pixels, (n + 1) * pixels
            part = packed[first // BITS : -(-last // BITS)]
            bits = np.unpackbits(part, bitorder="little")[first % BITS :][:pixels]
            if len(bits) < pixels:
                raise InputError(f"the pixel data end within frame {n + 1}")
            yield SegFrame(
                segment=self._segment(groups, n),
                position=self._position(groups),
                mask=bits.reshape(rows, columns).astype(np.bool_),
                sources=tuple(_sources(self._of(groups, "DerivationImageSequence"))),
            )

    def _segment(self, groups: Dataset, n: int) -> int:
        items = self._of(groups, "SegmentIdentificationSequence")
        if not items:
            raise InputError(f"frame {n + 1} does not say which segment it is of")
        return int(items[0].ReferencedSegmentNumber)

    def _position(self, groups: Dataset) -> tuple[float, ...]:
        items = self._of(groups, "PlanePositionSequence")
        return tags.numbers(items[0], "ImagePositionPatient", 3) if items else ()

    def _of(self, groups: Dataset, sequence: str) -> Sequence[Dataset]:
        """The items of a frame; what all frames share may stand once for all (PS3.3, C.7.6.16)."""
        return _first((groups, *self._groups("Shared")), sequence)

    def _shared(self, sequence: str) -> Any:
        """The item that holds for all frames; some programs write it to each frame instead."""
        items = _first((*self._groups("Shared"), *self._groups("PerFrame")), sequence)
        return items[0] if items else None

    def _groups(self, kind: str) -> Sequence[Dataset]:
        """The first item of the functional groups of a kind, if there is one."""
        return tuple((self.dataset.get(f"{kind}FunctionalGroupsSequence", None) or ())[:1])


def read_seg(path: Path) -> SegFile:
    """Open a binary DICOM SEG.

    Raises:
        InputError: The file is no DICOM SEG, or one with fractions or compressed pixels.
    """
    try:
        dataset = pydicom.dcmread(path)
    except InvalidDicomError as error:
        raise InputError(f"no DICOM file: {path.name}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if str(dataset.get("SOPClassUID", "")) != SEG_STORAGE:
        raise InputError(f"no DICOM SEG, but {dataset.get('Modality', 'unknown')}: {path.name}")
    if dataset.SegmentationType != "BINARY":
        raise InputError(
            f"{path.name} is a {dataset.SegmentationType} segmentation: only BINARY is read"
        )
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        raise InputError(f"the pixels of {path.name} are compressed: only plain ones are read")
    return SegFile(dataset)


def _first(homes: Iterable[Dataset], sequence: str) -> Sequence[Dataset]:
    """The items of a sequence in the first of some datasets that has any."""
    return next((tuple(items) for home in homes if (items := home.get(sequence, None))), ())


def _sources(derivations: Sequence[Dataset]) -> Iterator[tuple[str, int | None]]:
    for derivation in derivations:
        for item in derivation.get("SourceImageSequence", None) or ():
            number = item.get("ReferencedFrameNumber", None)
            yield str(item.ReferencedSOPInstanceUID), None if number is None else int(number)
