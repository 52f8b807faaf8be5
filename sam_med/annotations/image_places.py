"""Image places: where (column, row) coordinates on an image lie in a volume.

```
(0.0, 0.0)   upper left corner of the first pixel       index (k, -0.5, -0.5)
(0.5, 0.5)   its centre                                 index (k,  0,    0)
```
Structured reports (PS3.3, C.18.6.1.2) and presentation states (PS3.3, C.10.5.1.2) both count so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError
from sam_med.annotations.drawing import LeftOutError
from sam_med.dicom.encoding import DAMAGE, read_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sam_common.frame import FloatArray
    from sam_med.geometry.volume import Volume

TAGS = ["SOPInstanceUID", "FrameOfReferenceUID", "Rows", "Columns"]
OTHER = "an image that is not of this volume"


@dataclass(frozen=True, slots=True, eq=False)
class ImagePlaces:
    """The images of a volume by their identifiers."""

    volume: Volume
    slices: Mapping[tuple[str, int | None], int]
    """SOP instance identifier and frame number, None for a file of one image, to the slice."""
    frame_of_reference: str
    """Identifier of the coordinate system of the patient; empty where the images state none."""

    @classmethod
    def of(cls, volume: Volume) -> ImagePlaces:
        """Read the identifiers of the images of a volume.

        Raises:
            InputError: The volume does not come from DICOM, or a file is gone.
        """
        headers = {path: _header(path) for path in dict.fromkeys(volume.files)}
        if not headers:
            raise InputError(
                "annotations refer to DICOM images, and the input is none: give the series that "
                "they were drawn on"
            )
        count = volume.shape[0]
        files = volume.files if len(volume.files) == count else volume.files[:1] * count
        numbers = volume.frame_numbers or (None,) * count
        slices: dict[tuple[str, int | None], int] = {}
        for k, (path, number) in enumerate(zip(files, numbers, strict=True)):
            header = headers[path]
            # coordinates on a mosaic count from its own corner, not from that of a tile
            if (header.get("Rows", None), header.get("Columns", None)) == volume.shape[1:]:
                slices[str(header.get("SOPInstanceUID", "")), number] = k
        first = headers[volume.files[0]]
        return cls(volume, slices, str(first.get("FrameOfReferenceUID", None) or ""))

    def on_image(self, points_xy: FloatArray, reference: Dataset) -> FloatArray:
        """Coordinates on an image as indices of the volume.

        Args:
            points_xy: (n, 2) coordinates (column, row).
            reference: An item that refers to the image, and to one frame of a multi-frame file.

        Returns:
            (n, 3) array indices (k, j, i).

        Raises:
            LeftOutError: The image is not one slice of the volume.
        """
        k = self.slice_of(reference)
        return np.column_stack([np.full(len(points_xy), float(k)), points_xy[:, ::-1] - 0.5])

    def slice_of(self, reference: Dataset) -> int:
        """The slice of the image that an item refers to.

        Raises:
            LeftOutError: The image is not one slice of the volume.
        """
        uid = str(reference.get("ReferencedSOPInstanceUID", ""))
        stated = reference.get("ReferencedFrameNumber", None)
        frames = [int(n) for n in np.atleast_1d([] if stated is None else stated)]
        found = {
            k
            for (image, number), k in self.slices.items()
            if image == uid and (number is None or not frames or number in frames)
        }
        if not found:
            raise LeftOutError(OTHER)
        if len(found) > 1:
            raise LeftOutError(f"a drawing that lies on {len(found)} slices at once")
        return found.pop()

    def in_patient(self, points_lps: FloatArray, frame_of_reference: str) -> FloatArray:
        """Coordinates in the patient as indices of the volume.

        Args:
            points_lps: (n, 3) LPS mm.
            frame_of_reference: Identifier of their coordinate system; empty for an unknown one.

        Returns:
            (n, 3) array indices (k, j, i).

        Raises:
            LeftOutError: They are of another coordinate system than the images.
        """
        stated = {frame_of_reference, self.frame_of_reference} - {""}
        if len(stated) > 1:
            raise LeftOutError("a drawing in another frame of reference than that of the images")
        return self.volume.to_index(points_lps)


def _header(path: Path) -> Dataset:
    """The identifiers of an image.

    Raises:
        InputError: The file is no DICOM image, or is gone.
    """
    try:
        read = read_header(path, TAGS)
    except DAMAGE as error:
        raise InputError("a file of the input cannot be read again") from error
    if read is None:
        raise InputError(
            "annotations refer to DICOM images, and the input is none: give the series that they "
            "were drawn on"
        )
    return read[0]
