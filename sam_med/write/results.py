"""Write results on the grid of their source, and what is known of the run beside them."""

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
from sam_med.objects.labels import paint
from sam_med.write.output_paths import LABEL_MAPS, check_apart, check_targets, plan_targets

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from sam_med.geometry.volume import Volume
    from sam_med.objects.labels import LabelMap
    from sam_med.objects.provenance import Provenance
    from sam_med.objects.segments import Segment


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    paths: tuple[Path, ...]
    """In the order of the formats."""
    notes: tuple[str, ...]
    """What a format could not hold, one sentence each."""


def write_outputs(
    segments: Sequence[Segment],
    volume: Volume,
    output: str | os.PathLike[str],
    formats: Sequence[str],
    provenance: Provenance,
) -> Written:
    """Write segments in one or several formats; all files appear, whole, or none does.

    Args:
        segments: Each with a value of its own; they may overlap. SEG, RTSTRUCT and seg.nrrd keep
            overlaps; in label maps the later object is kept, and a note says what it costs.
        volume: The source; results lie on its grid.
        output: See `sam_med.write.output_paths.plan_targets`.
        formats: Names in `sam_med.write.output_paths.FORMATS`; none for that of the suffix.
        provenance: How the segments were made.

    Raises:
        OutputError: A format cannot hold the grid, the output lies over or in the source, another
            job writes it, or the disk does not take it.
    """
    targets = plan_targets(Path(output), formats)
    for path in targets.values():
        check_apart(path, volume)
    with held(targets.values()), staged(targets.values()) as parts:
        places = {name: parts[path] for name, path in targets.items()}
        notes = write_parts(segments, volume, places, provenance)
    return Written(tuple(targets.values()), notes)


def write_parts(
    segments: Sequence[Segment],
    volume: Volume,
    places: Mapping[str, Path],
    provenance: Provenance,
) -> tuple[str, ...]:
    """Write segments in several formats, each to a place of its own.

    Args:
        segments: See `write_outputs`.
        volume: See `write_outputs`.
        places: Names of formats to paths.
        provenance: See `write_outputs`.

    Returns:
        What a format could not hold, one sentence each.
    """
    notes: list[str] = []
    labels = None
    if any(name in LABEL_MAPS for name in places):
        labels = paint(volume.shape, segments)
        notes += _lost(labels)
    if any(name in (*LABEL_MAPS, "seg.nrrd") for name in places):
        notes += _uneven(volume)
    if "nifti" in places:
        notes += _sheared(volume)
    for name, path in places.items():
        if name in LABEL_MAPS and labels is not None:
            write_labels(labels, volume, path)
        else:
            notes += _write_segments(name, segments, volume, path, provenance)
    return tuple(dict.fromkeys(notes))


def write_labels(labels: LabelMap, volume: Volume, path: str | os.PathLike[str]) -> None:
    """Write a label map with exactly the place of the volume: NIfTI, NRRD, MetaImage or npz.

    NIfTI gets both sform and qform, with the code of the source where it had one. The same input
    gives the same bytes. The file appears whole or not at all.

    Raises:
        OutputError: Unknown format, a grid that it cannot hold, or the disk does not take it.
    """
    path = Path(path)
    if path.name.lower().endswith(".npz"):
        _write_npz(labels, volume, path)
        return
    grid_suffix(path)
    write_grid(labels.array, volume.frame, path, sform_code=form_code(volume.header))


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` unless a result and its manifest could be written; before the work."""
    check_targets(path, overwrite=overwrite)


def write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    """Write a manifest, see `sam_med.write.output_paths.manifest_path`."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def form_code(header: Mapping[str, str]) -> int:
    """Which space NIfTI's affine leads to: the source's sform, else its qform, else the scanner."""
    codes = (int(header.get(key, "0")) for key in ("sform_code", "qform_code"))
    return next((code for code in codes if code > 0), SCANNER)


def _write_segments(
    name: str,
    segments: Sequence[Segment],
    volume: Volume,
    path: Path,
    provenance: Provenance,
) -> tuple[str, ...]:
    if name == "seg.nrrd":
        from sam_med.write.seg_nrrd import write_seg_nrrd  # noqa: PLC0415  # only what is asked for

        write_seg_nrrd(segments, volume.shape, volume.frame, path, provenance)
        return ()
    if name == "dicom_rtstruct":
        from sam_med.write.rtstruct import write_rtstruct  # noqa: PLC0415  # the same

        return write_rtstruct(segments, volume, path, provenance)
    from sam_med.write.dicom_seg import write_seg  # noqa: PLC0415  # the same

    return write_seg(segments, volume, path, provenance)


def _write_npz(labels: LabelMap, volume: Volume, path: Path) -> None:
    """By the names of the MedSAM challenge: `segs` (k, j, i), `spacing` in mm along i, j, k."""
    origin, spacing, direction = frames.to_itk(volume.frame)
    arrays: dict[str, Any] = {
        "segs": labels.array,
        "spacing": np.array(spacing),
        "origin": np.array(origin),
        "direction": np.array(direction),
        "names": np.array([label.name for label in labels.labels], dtype=np.str_),
        "values": np.array([label.value for label in labels.labels], dtype=np.int64),
    }
    # packed, a label map is small; to memory, because numpy would add its suffix to a file's name
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_bytes(path, packed.getvalue())


def _lost(labels: LabelMap) -> Iterator[str]:
    for label in labels.labels:
        if lost := label.voxels_segmented - label.voxels:
            yield (
                f"label maps hold one object a voxel: {lost} of {label.voxels_segmented} voxels of "
                f"{label.name} went to later objects (seg.nrrd and dicom_seg keep both)"
            )


def _uneven(volume: Volume) -> Iterator[str]:
    """A sentence on what the even grid of a file makes of uneven slices."""
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
    if not frames.is_orthogonal(volume.frame):
        degrees = frames.shear_degrees(volume.frame)
        yield (
            f"the slices are shifted against each other by {degrees:.2f} "
            "degrees (tilted gantry): NIfTI says so in its sform only, which programs built on ITK "
            "refuse (nrrd and seg.nrrd are read by them)"
        )
