"""Measurements of a DICOM SEG in a file of their own: checked, measured and written as DICOM SR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_common.support.files import check_input
from sam_common.support.held_outputs import held, staged
from sam_med.write.output_paths import FORMATS, REPORT, check_writable

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sam_med.geometry.volume import Volume


def check_report(path: Path, inputs: Sequence[Path], plane: str | None, *, overwrite: bool) -> None:
    """Raise `OutputError` where a report cannot be written; nothing is read for that.

    Args:
        path: The file of the report.
        inputs: Files and folders that are read.
        plane: The plane of long and short axis that was asked for; a report has that of the slices,
            on whose images it draws them.
        overwrite: Whether an existing file may be replaced.
    """
    if not path.name.lower().endswith(FORMATS[REPORT]):
        raise OutputError(
            f"a report of measurements is DICOM: {' or '.join(FORMATS[REPORT])}, got {path.name}"
        )
    if plane is not None:
        raise OutputError(
            "a report draws the axes on the images, so they are measured on the slices: leave "
            f"--plane {plane} or the report out"
        )
    check_writable(path, None, inputs, overwrite=overwrite)


def write_measurements(
    segmentation: str | os.PathLike[str],
    volume: Volume,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Measure the objects of a DICOM SEG, and write them as DICOM SR by template 1500.

    The report refers to the SEG as its source, and to the images of the volume. Volume, long and
    short axis, the maximum 3-D diameter, and mean and standard deviation of the intensities are
    coded; both axes are drawn on the image that they were measured on.

    Args:
        segmentation: A DICOM SEG of any type, from any program, on the images of the volume.
        volume: From `read_volume`, of DICOM; its files are read again.
        path: The file, in .sr.dcm or .dcm; it appears whole or not at all.
        overwrite: Whether an existing file may be replaced.

    Returns:
        One sentence for each thing that the report does not hold.

    Raises:
        InputError: The segmentation is no DICOM SEG, or cannot be read.
        GeometryError: It lies on another grid than the volume.
        OutputError: The volume does not come from DICOM or has no place in the patient, no object
            has a voxel, or the file exists, lies over an input, or cannot be written.
    """
    segmentation, path = Path(segmentation), Path(path)
    check_input(segmentation)
    check_report(path, [segmentation], None, overwrite=overwrite)
    check_writable(path, volume, [segmentation], overwrite=overwrite)
    from sam_med.derived_objects.structured_report import write_report  # noqa: PLC0415  # highdicom

    with held([path]), staged([path]) as parts:
        return write_report(segmentation, volume, parts[path])
