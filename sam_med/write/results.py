"""Results: segments written in one or several formats on the grid of their source volume.

The manifest of a run lies beside its results; all of these files appear together, or none does.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sam_common.support.files import write_bytes
from sam_common.support.held_outputs import held, staged
from sam_med.files.grid_files import SCANNER, grid_suffix, write_grid
from sam_med.geometry import frame as frames
from sam_med.objects.labels import apart, paint
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.write.output_paths import (
    LABEL_MAPS,
    REPORT,
    SEG,
    check_apart,
    manifest_path,
    plan_targets,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sam_med.geometry.volume import Volume
    from sam_med.objects.labels import LabelMap
    from sam_med.objects.overlap import OverwriteLabels
    from sam_med.objects.provenance import Provenance
    from sam_med.objects.seg_type import SegType
    from sam_med.objects.segments import Segment


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a result, and what they could not hold."""

    paths: tuple[Path, ...]
    """One file for each format, in the order of the formats."""
    notes: tuple[str, ...]
    """One sentence for each thing that a format could not hold."""


def write_outputs(  # noqa: PLR0913  # two keyword-only options
    segments: Sequence[Segment],
    volume: Volume,
    output: str | os.PathLike[str],
    formats: Sequence[str],
    provenance: Provenance,
    *,
    seg_type: SegType = DEFAULT_SEG_TYPE,
    overwrite_labels: OverwriteLabels = DEFAULT_OVERWRITE,
) -> Written:
    """Write segments in one or several formats; all files appear together, or none does.

    Existing files are replaced.

    Args:
        segments: The objects, each with a value of its own; they may overlap. DICOM SEG, RTSTRUCT
            and .seg.nrrd keep overlaps; in label maps a voxel is of one object, and a note says
            how many voxels each of the others lost.
        volume: The source volume; results lie on its grid.
        output: A file, a stem to which suffixes are added, or a folder that exists.
        formats: Names in `sam_med.write.output_paths.FORMATS`; none for the format of the suffix
            of `output`.
        provenance: How the segments were made.
        seg_type: How a DICOM SEG holds its pixels, see `sam_med.objects.seg_type`.
        overwrite_labels: Whether later objects take voxels of earlier ones in label maps, that of
            a DICOM SEG included, see `sam_med.objects.overlap`.

    Raises:
        OutputError: A format cannot hold the grid, the output lies over the source or in its
            folder, another job writes it, or the disk does not take it.
    """
    targets = plan_targets(Path(output), formats)
    for path in targets.values():
        check_apart(path, volume)
    report = write_targets(
        segments,
        volume,
        targets,
        provenance,
        seg_type=seg_type,
        overwrite_labels=overwrite_labels,
    )
    return Written(tuple(targets.values()), tuple(report["notes"]))


def write_targets(  # noqa: PLR0913  # three keyword-only options
    segments: Sequence[Segment],
    volume: Volume,
    targets: Mapping[str, Path],
    provenance: Provenance,
    *,
    manifest: Mapping[str, Any] | None = None,
    seg_type: SegType = DEFAULT_SEG_TYPE,
    overwrite_labels: OverwriteLabels = DEFAULT_OVERWRITE,
) -> dict[str, Any]:
    """Write segments to the file of each format, and the manifest of the run beside them.

    Args:
        segments: See `write_outputs`.
        volume: See `write_outputs`.
        targets: Name of each format to its file.
        provenance: See `write_outputs`.
        manifest: Facts on the run, JSON-able; None for results without a manifest.
        seg_type: See `write_outputs`.
        overwrite_labels: See `write_outputs`.

    Returns:
        The manifest with `written`, the names of the files, and `notes`, one sentence for each
        thing that a format could not hold.

    Raises:
        OutputError: See `write_outputs`.
    """
    files = list(targets.values())
    with held(files):
        records = [] if manifest is None else [manifest_path(*files)]
        with staged([*files, *records]) as parts:
            places = {name: parts[path] for name, path in targets.items()}
            notes = _write_formats(segments, volume, places, provenance, seg_type, overwrite_labels)
            written = {"written": [path.name for path in files], "notes": notes}
            report = {**(manifest or {}), **written}
            for record in records:
                write_manifest(report, parts[record])
    return report


def _write_formats(
    segments: Sequence[Segment],
    volume: Volume,
    places: Mapping[str, Path],
    provenance: Provenance,
    seg_type: SegType,
    overwrite_labels: OverwriteLabels,
) -> list[str]:
    """Write segments in each format to the path given for it; one sentence for each loss."""
    one_each = SEG in places and seg_type == "labelmap"
    labels = None
    if one_each or any(name in LABEL_MAPS for name in places):
        labels = paint(volume.shape, segments, overwrite_labels)
    notes = _losses(labels, volume, places)
    for name, path in places.items():
        if name in LABEL_MAPS and labels is not None:
            write_labels(labels, volume, path)
        elif name == SEG:
            own = apart(segments, labels) if one_each and labels is not None else segments
            notes += _write_seg(own, volume, path, provenance, seg_type)
        elif name != REPORT:
            notes += _write_segments(name, segments, volume, path, provenance)
    if REPORT in places:
        from sam_med.derived_objects.structured_report import write_report  # noqa: PLC0415  # only what is asked for

        notes += write_report(places[SEG], volume, places[REPORT])
    return list(dict.fromkeys(notes))


def _losses(labels: LabelMap | None, volume: Volume, places: Iterable[str]) -> list[str]:
    """One sentence for each thing that formats of volume files cannot hold.

    Args:
        labels: The label map, where one is written.
        volume: The volume that gives the grid.
        places: Names of the formats.
    """
    notes: list[str] = []
    if labels is not None:
        notes += _lost(labels)
    if any(name in (*LABEL_MAPS, "seg.nrrd") for name in places):
        notes += _uneven(volume)
    if "nifti" in places:
        notes += _sheared(volume)
    return notes


def write_labels(labels: LabelMap, volume: Volume, path: str | os.PathLike[str]) -> None:
    """Write a label map on exactly the grid of a volume, as NIfTI, NRRD, MetaImage or npz.

    NIfTI gets both sform and qform, with the code of the source where it had one. Equal input
    gives equal bytes. The file appears whole or not at all.

    Args:
        labels: The label map, of the shape of the volume.
        volume: The volume that gives the grid.
        path: A file in .nii, .nii.gz, .nrrd, .mha or .npz; an existing one is replaced.

    Raises:
        OutputError: An unknown suffix, a grid that the format cannot hold, or the disk does not
            take the file.
    """
    path = Path(path)
    if path.name.lower().endswith(".npz"):
        _write_npz(labels, volume, path)
        return
    grid_suffix(path)
    write_grid(labels.array, volume.frame, path, sform_code=form_code(volume.header))


def write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    """Write a manifest as indented JSON in UTF-8."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def form_code(header: Mapping[str, str]) -> int:
    """The NIfTI code of the space of the affine: sform of the source, else qform, else scanner.

    Args:
        header: `Volume.header` of the source.
    """
    codes = (int(header.get(key, "0")) for key in ("sform_code", "qform_code"))
    return next((code for code in codes if code > 0), SCANNER)


def _write_segments(
    name: str,
    segments: Sequence[Segment],
    volume: Volume,
    path: Path,
    provenance: Provenance,
) -> tuple[str, ...]:
    """Write segments as .seg.nrrd or RTSTRUCT; one sentence for each loss."""
    if name == "seg.nrrd":
        from sam_med.write.seg_nrrd import write_seg_nrrd  # noqa: PLC0415  # only what is asked for

        write_seg_nrrd(segments, volume.shape, volume.frame, path, provenance)
        return ()
    from sam_med.derived_objects.rtstruct import write_rtstruct  # noqa: PLC0415  # only what is asked for

    return write_rtstruct(segments, volume, path, provenance)


def _write_seg(
    segments: Sequence[Segment],
    volume: Volume,
    path: Path,
    provenance: Provenance,
    seg_type: SegType,
) -> tuple[str, ...]:
    """Write segments as a DICOM SEG of a type; one sentence for each loss."""
    from sam_med.derived_objects.dicom_seg import write_seg  # noqa: PLC0415  # only what is asked for

    return write_seg(segments, volume, path, provenance, seg_type=seg_type)


def _write_npz(labels: LabelMap, volume: Volume, path: Path) -> None:
    """Write a label map as npz with the keys of the MedSAM challenge.

    `segs` holds the values as (k, j, i), `spacing` the mm along i, j and k.
    """
    origin, spacing, direction = frames.to_itk(volume.frame)
    arrays: dict[str, Any] = {
        "segs": labels.array,
        "spacing": np.array(spacing),
        "origin": np.array(origin),
        "direction": np.array(direction),
        "names": np.array([label.name for label in labels.labels], dtype=np.str_),
        "values": np.array([label.value for label in labels.labels], dtype=np.int64),
    }
    # written to memory, because numpy would add its suffix to the name of a temporary file
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_bytes(path, packed.getvalue())


def _lost(labels: LabelMap) -> Iterator[str]:
    """A sentence for each object that lost voxels to other objects in the label map."""
    for label in labels.labels:
        if lost := label.voxels_segmented - label.voxels:
            yield (
                f"label maps hold one object a voxel: {lost} of {label.voxels_segmented} voxels of "
                f"{label.name} went to other objects (seg.nrrd and binary dicom_seg keep both)"
            )


def _uneven(volume: Volume) -> Iterator[str]:
    """A sentence on how far the even grid of a file misplaces uneven slices."""
    if volume.origins_lps is None:
        return
    index = np.zeros((volume.shape[0], 3))
    index[:, 0] = np.arange(volume.shape[0])
    off = np.linalg.norm(volume.origins_lps - volume.frame.to_world(index), axis=1).max()
    yield (
        f"the slices are unevenly spaced, and volume files hold one distance for all, here the "
        f"mean of {frames.mm(volume.spacing_mm[0])}: voxels are the source's, but places are up to "
        f"{frames.mm(float(off))} off (dicom_seg and dicom_rtstruct are exact)"
    )


def _sheared(volume: Volume) -> Iterator[str]:
    """A sentence on a sheared grid in NIfTI, which programs built on ITK refuse."""
    if not frames.is_orthogonal(volume.frame):
        degrees = frames.shear_degrees(volume.frame)
        yield (
            f"the slices are shifted against each other by {degrees:.2f} "
            "degrees (tilted gantry): NIfTI says so in its sform only, which programs built on ITK "
            "refuse (nrrd and seg.nrrd are read by them)"
        )
