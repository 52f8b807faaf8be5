"""Drawing of a live volume: its voxels as a NIfTI file in memory, for the page in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np

from sam_med.formats.suffixes import PAIRS, SUFFIXES
from sam_med.geometry.frame import to_ras_affine
from sam_med.write.output_paths import FORMATS

if TYPE_CHECKING:
    import numpy.typing as npt

    from sam_med.geometry.volume import Volume
    from sam_med.slices.window_level import Stretch

DRAWN_TYPES = ("uint8", "int16", "uint16", "float32")
"""Types of voxels that the page draws, the smallest that holds all values is taken."""
UNEVEN = "The slices are not evenly spaced: they are drawn as if they were. Results are exact."
"""Note for a volume whose slices have positions of their own."""


def nifti_bytes(volume: Volume, stretch: Stretch) -> bytes:
    """The voxels as an uncompressed NIfTI file.

    Args:
        volume: The volume; its file has voxels (i, j, k) and an affine to RAS mm.
        stretch: Its ends become the window in which the file says it is shown.
    """
    voxels = _drawn(volume.array)
    image = nibabel.Nifti1Image(voxels.transpose(2, 1, 0), to_ras_affine(volume.frame))
    image.header["cal_min"], image.header["cal_max"] = stretch.lower, stretch.upper
    image.header.set_xyzt_units("mm")
    content: bytes = image.to_bytes()
    return content


def facts_of(volume: Volume, stretch: Stretch) -> dict[str, Any]:
    """What the page says of a volume: the window, the formats of export, and notes.

    Returns:
        `window`: the values that are black and white; `describe`: that in words; `formats`: what
        the volume can be exported to; `notes`: sentences about what is unusual.
    """
    # by their names: what was read of them is in memory, and they are let go of
    names = [path.name.lower() for path in volume.files]
    is_dicom = bool(names) and not any(name.endswith((*SUFFIXES, *PAIRS)) for name in names)
    formats = [name for name in FORMATS if is_dicom or not name.startswith("dicom")]
    notes = [*volume.notes, *([] if volume.origins_lps is None else [UNEVEN])]
    return {
        "window": [stretch.lower, stretch.upper],
        "inverted": stretch.inverted,
        "describe": stretch.describe(),
        "formats": formats,
        "notes": notes,
    }


def _drawn(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The voxels in the smallest type that the page draws and that holds them; else as float32."""
    if array.dtype.kind not in "iub":
        return array.astype(np.float32, copy=False)
    low, high = int(array.min()), int(array.max())
    for name in DRAWN_TYPES[:-1]:
        kind = np.iinfo(name)
        if kind.min <= low and high <= kind.max:
            return array.astype(name, copy=False)
    return array.astype(np.float32)
