"""Conversion: a volume as it was read to NIfTI, NRRD or MetaImage, to check it in other programs.

Nothing is resampled, and no voxel changes. What a format cannot hold is refused:

```
                 NIfTI            NRRD                 MetaImage
even grid        sform, qform     space directions     yes
sheared          sform only       space directions     refused
uneven slices    refused: no format has a place for each slice
```
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import OutputError
from sam_common.support.held_outputs import held
from sam_med.files.grid_files import grid_suffix, write_grid
from sam_med.geometry.frame import mm
from sam_med.write.output_paths import check_writable
from sam_med.write.results import form_code

if TYPE_CHECKING:
    import os

    from sam_med.geometry.volume import Volume


def convert_volume(
    volume: Volume,
    path: str | os.PathLike[str],
    *,
    allow_uneven: bool = False,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write a volume as it was read, without resampling.

    Args:
        volume: From `sam_med.read_volume`.
        path: `.nii`, `.nii.gz`, `.nrrd` or `.mha`; never over the source or into its folder.
        allow_uneven: Write unevenly spaced slices as if they were evenly spaced.
        overwrite: Replace a file that is there.

    Returns:
        One sentence for each thing that the file does not hold exactly; empty where it is exact.

    Raises:
        OutputError: The format is unknown or cannot hold the grid, slices are uneven, or the
            file cannot be written.
    """
    target = Path(path)
    grid_suffix(target)
    check_writable(target, volume, overwrite=overwrite)
    remarks = () if volume.origins_lps is None else (_uneven(volume, allow=allow_uneven),)
    with held([target]):
        write_grid(volume.array, volume.frame, target, sform_code=form_code(volume.header))
    return remarks


def _uneven(volume: Volume, *, allow: bool) -> str:
    """A sentence on how far an even grid misplaces the slices of a volume.

    Raises:
        OutputError: Uneven slices are not allowed.
    """
    places = volume.to_world([(k, 0, 0) for k in range(volume.shape[0])])
    even = volume.frame.to_world([(k, 0, 0) for k in range(volume.shape[0])])
    worst = float(np.linalg.norm(places - even, axis=1).max())
    seen = f"slices are not evenly spaced; an even grid misplaces them by up to {mm(worst)}"
    if not allow:
        raise OutputError(f"{seen}: no format of one grid can hold them (--allow-uneven writes it)")
    return seen
