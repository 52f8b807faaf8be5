"""Volumes of every public series, put together with pydicom alone: an oracle for the reader.

Voxels are zeros, because results depend on the grid only.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom

from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume

CLASSIC = (
    "ct_abdomen_dicom",
    "ct_head_gantry_tilt_uneven",
    "ct_phantom_rtstruct",
    "ct_small_missing_slices",
    "ct_small_rotated",
    "ct_tiny_seg_multiframe",
    "ct_tiny_seg_overlap",
    "mr_sagittal_hfdr",
    "mr_sagittal_hfs",
)
"""One file a slice; a second file at the same position is left out."""
TIMES = tuple(f"mr_epi_4d_small/{n}" for n in range(3))
STACKS = ("mr_enhanced_philips/M", "mr_enhanced_philips/FIELD_MAP")
OTHERS = ("ct_tiny_seg_multiframe/multiframe", "mr_mosaic_axial_oblique/0")
SINGLES = ("CT_small", "MR_small", "MR_small_bigendian", "MR_small_RLE", "J2K_pixelrep_mismatch")
UNPLACED = ("RG3_J2KI", "examples_palette", "JPEG2000", "vlut_04")
"""Single images that say nothing about their place."""
PLACED = (*CLASSIC, *TIMES, *STACKS, *OTHERS, *SINGLES)


def build(name: str, data: Path) -> Volume:
    """The volume of a series by its name in the lists above."""
    folder, _, part = name.partition("/")
    series = data / "med" / "dicom" / folder / "series"
    if name in CLASSIC:
        return _classic(sorted(series.iterdir()))
    if name in TIMES:
        return _classic(sorted(series.iterdir())[int(part) * 8 :][:8])
    if name in STACKS:
        return _multiframe(next(series.iterdir()), part)
    if name.endswith("multiframe/multiframe"):
        return _multiframe(series.parent / "multiframe" / "mf.dcm", None)
    if folder == "mr_mosaic_axial_oblique":
        return _mosaic(sorted(series.iterdir())[int(part)])
    return _single(data / "med" / "dicom_single" / f"{name}.dcm")


def _classic(paths) -> Volume:
    slices = []
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        orientation = np.array(header.ImageOrientationPatient, float)
        position = np.array(header.ImagePositionPatient, float)
        normal = np.cross(orientation[:3], orientation[3:])
        slices.append((float(position @ normal), path, header, position))
    slices.sort(key=lambda item: item[0])
    kept = [s for n, s in enumerate(slices) if n == 0 or s[0] - slices[n - 1][0] > 0.01]
    header, size = kept[0][2], (int(kept[0][2].Rows), int(kept[0][2].Columns))
    return _stacked(
        np.array([s[3] for s in kept]),
        header.ImageOrientationPatient,
        header.PixelSpacing,
        size,
        tuple(s[1] for s in kept),
        header.Modality,
    )


def _multiframe(path, kind) -> Volume:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    shared = header.SharedFunctionalGroupsSequence[0]
    chosen = []
    for number, frame in enumerate(header.PerFrameFunctionalGroupsSequence, start=1):
        if kind is None or frame.MRImageFrameTypeSequence[0].FrameType[-1] == kind:
            chosen.append((number, frame.PlanePositionSequence[0].ImagePositionPatient, frame))

    def group(name):
        return (chosen[0][2] if name in chosen[0][2] else shared)[name].value[0]

    orientation = np.array(group("PlaneOrientationSequence").ImageOrientationPatient, float)
    normal = np.cross(orientation[:3], orientation[3:])
    chosen.sort(key=lambda item: float(np.array(item[1], float) @ normal))
    volume = _stacked(
        np.array([c[1] for c in chosen], float),
        orientation,
        group("PixelMeasuresSequence").PixelSpacing,
        (int(header.Rows), int(header.Columns)),
        (path,),
        header.Modality,
    )
    object.__setattr__(volume, "frame_numbers", tuple(c[0] for c in chosen))
    return volume


def _mosaic(path) -> Volume:
    """By nibabel's account of the private header, whose affine is that of the manifest."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "experimental", says the import
        from nibabel.nicom import csareader
    csa = csareader.get_csa_header(header)
    count = csareader.get_n_mosaic(csa)
    tiles = int(np.ceil(np.sqrt(count)))
    rows, columns = int(header.Rows) // tiles, int(header.Columns) // tiles
    spacing = np.array(header.PixelSpacing, float)
    orientation = np.array(header.ImageOrientationPatient, float)
    step = np.array(csareader.get_slice_normal(csa)) * float(header.SpacingBetweenSlices)
    corner = np.array(header.ImagePositionPatient, float)
    corner += orientation[:3] * spacing[1] * (int(header.Columns) - columns) / 2
    corner += orientation[3:] * spacing[0] * (int(header.Rows) - rows) / 2
    frame = frames.from_dicom(corner, orientation, spacing, step)
    return Volume(np.zeros((count, rows, columns), np.uint8), frame, "MR", path, (path,))


def _single(path) -> Volume:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    size = (int(header.Rows), int(header.Columns))
    if not header.get("ImagePositionPatient"):
        spacing = header.get("PixelSpacing") or (1, 1)
        frame = frames.from_dicom((0, 0, 0), (1, 0, 0, 0, 1, 0), spacing, (0, 0, 1))
        return Volume(np.zeros((1, *size), np.uint8), frame, header.Modality, path, (path,))
    orientation = np.array(header.ImageOrientationPatient, float)
    step = np.cross(orientation[:3], orientation[3:]) * float(header.SliceThickness)
    frame = frames.from_dicom(
        np.array(header.ImagePositionPatient, float),
        orientation,
        np.array(header.PixelSpacing, float),
        step,
    )
    return Volume(np.zeros((1, *size), np.uint8), frame, header.Modality, path, (path,))


def _stacked(places, orientation, spacing, size, files, modality) -> Volume:
    orientation, spacing = np.array(orientation, float), np.array(spacing, float)
    step = (places[-1] - places[0]) / max(1, len(places) - 1)
    frame = frames.from_dicom(places[0], orientation, spacing, step)
    even = places[0] + np.arange(len(places))[:, None] * step
    off = np.linalg.norm(places - even, axis=1).max()
    origins = places if off > 0.01 * np.linalg.norm(step) else None
    shape = (len(places), *size)
    return Volume(
        np.zeros(shape, np.uint8), frame, modality, files[0].parent, files, origins_lps=origins
    )
