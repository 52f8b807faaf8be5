"""Read segmentations of any format, for prompts, comparisons and measurements.

```
label map       NIfTI, NRRD, MetaImage    an object a value         here
.seg.nrrd       named, in layers          an object a Segment<n>    sam_med.segmentations.seg_layers
DICOM SEG       of all three types        an object a segment       sam_med.segmentations.seg_dicom
RTSTRUCT        closed contours           an object a structure
sam_med.segmentations.rt_contours
```
Every object that a file lists becomes one `Segment`, also where two have one name or one value, or
where one has no voxels. So does every value in the voxels that no listed object has.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.files import check_input
from sam_med.files.read import read_volume
from sam_med.formats.suffixes import is_volume_file
from sam_med.geometry.diagnostics import RefusedError
from sam_med.segmentations.objects import label_map, no_label_map

if TYPE_CHECKING:
    import os

    from sam_med.geometry.volume import Volume
    from sam_med.segmentations.objects import SegmentationFile


def read_segmentation(
    path: str | os.PathLike[str], *, grid: Volume | None = None, is_part: bool = False
) -> SegmentationFile:
    """Read the objects of a label map, a .seg.nrrd, a DICOM SEG or a DICOM RTSTRUCT.

    Args:
        path: The file; DICOM may be gzipped or zipped.
        grid: The volume on whose voxels contours of an RTSTRUCT are filled. Other formats have a
            grid of their own; for a DICOM SEG the volume is compared with its frame of reference.
        is_part: Whether the grid may be smaller than the images that contours were drawn on.

    Raises:
        InputError: The file cannot be read, a value is no label, frames have no position, or
            contours have no grid.
        GeometryError: A contour lies beside the slices of the grid.
    """
    path = Path(path)
    check_input(path)
    if path.is_dir():
        raise InputError("a segmentation is one file, got a folder: name the file in it")
    if not is_volume_file(path):
        # pydicom is loaded for DICOM only
        from sam_med.segmentations.seg_dicom import read_dicom  # noqa: PLC0415

        return read_dicom(path, grid, is_part=is_part)
    if path.name.lower().endswith((".nrrd", ".nhdr")):
        from sam_med.segmentations.seg_layers import read_layered  # noqa: PLC0415  # loads ITK

        return read_layered(path)
    try:
        volume = read_volume(path)
    except RefusedError as error:
        raise no_label_map(error) from error
    return label_map(volume)


def is_segmentation(path: Path) -> bool:
    """Whether a file may hold objects: a volume file by its suffix, or any DICOM file."""
    if is_volume_file(path):
        return True
    from sam_med.segmentations.object_file import modality_of  # noqa: PLC0415  # only for DICOM

    return path.is_file() and modality_of(path) is not None


def is_structure_set(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an RTSTRUCT, which has contours but no voxels; only its head is read."""
    path = Path(path)
    if not path.is_file() or is_volume_file(path):
        return False
    from sam_med.segmentations.object_file import RTSTRUCT, modality_of  # noqa: PLC0415  # only for DICOM

    return modality_of(path) == RTSTRUCT


def is_annotations(path: Path) -> bool:
    """Whether a file is a DICOM SR or a presentation state; only its head is read."""
    if is_volume_file(path) or not path.is_file():
        return False
    from sam_med.segmentations.object_file import ANNOTATIONS, modality_of  # noqa: PLC0415  # only for DICOM

    return modality_of(path) in ANNOTATIONS
