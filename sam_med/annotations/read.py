"""Read annotations: points, lines and outlines on the images of a volume, from DICOM SR or GSPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_med.annotations.image_places import ImagePlaces
from sam_med.annotations.presentation_state import read_presentation_state
from sam_med.annotations.structured_report import read_report
from sam_med.dicom.encoding import DAMAGE, quiet_pydicom
from sam_med.segmentations.object_file import open_dicom, stated_modality

if TYPE_CHECKING:
    from pathlib import Path

    from sam_med.annotations.drawing import AnnotationFile
    from sam_med.geometry.volume import Volume

READERS = {"SR": read_report, "PR": read_presentation_state}
"""What reads a file of a modality."""


def read_annotations(path: Path, volume: Volume) -> AnnotationFile:
    """Read what was drawn on the images of a volume.

    Args:
        path: A structured report or a presentation state; it may be gzipped or zipped.
        volume: A volume that was read from DICOM; its files are read again for their identifiers.

    Raises:
        InputError: The file is neither of the two or is damaged, the volume is not from DICOM, or
            nothing in the file lies on it.
    """
    dataset = open_dicom(path)
    with quiet_pydicom():
        read = READERS.get(stated_modality(dataset))
        if read is None:
            raise InputError("the file of annotations is neither DICOM SR nor a presentation state")
        places = ImagePlaces.of(volume)
        try:
            file = read(dataset, places)
        except DAMAGE as error:
            raise InputError("the file of annotations is damaged: it cannot be read") from error
    if not file.annotations:
        reasons = "; ".join(file.notes) or "it holds no points, lines or outlines"
        raise InputError(f"nothing in the file was drawn on these images: {reasons}")
    return file
