"""A DICOM series of two bright ellipsoids: `phantom.py FOLDER`, by the Python of the suite."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SHAPE = (12, 38, 44)
"""Slices, rows and columns."""
SMALL = (3, 9, 9), (2, 5, 5)
LARGE = (8, 26, 30), (3, 9, 10)
"""Centre and radii (k, j, i) of both."""
SPACING = (3.0, 1.5, 1.5)
ROOT = "1.2.826.0.1.3680043.10.511.77"


def ellipsoid(centre: tuple[int, ...], radii: tuple[int, ...]) -> np.ndarray:
    """The (k, j, i) voxels of an ellipsoid."""
    index = np.indices(SHAPE).astype(float)
    away = sum(((x - c) / r) ** 2 for x, c, r in zip(index, centre, radii, strict=True))
    return np.asarray(away < 1)


def write(folder: Path) -> None:
    """Write the series, one file a slice."""
    folder.mkdir(parents=True, exist_ok=True)
    bright = ellipsoid(*SMALL) | ellipsoid(*LARGE)
    values = np.where(bright, 280, 100).astype(np.int16)
    for k, pixels in enumerate(values):
        slice_ = Dataset()
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.SOPClassUID = CTImageStorage
        slice_.SOPInstanceUID = f"{ROOT}.3.{k + 1}"
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.2"
        slice_.FrameOfReferenceUID = f"{ROOT}.4"
        slice_.PatientName, slice_.PatientID = "Phantom^Two", "PHANTOM"
        slice_.PatientBirthDate = slice_.PatientSex = slice_.AccessionNumber = ""
        slice_.StudyID, slice_.StudyDate, slice_.StudyTime = "1", "20240101", "120000"
        slice_.ReferringPhysicianName = slice_.Manufacturer = slice_.PositionReferenceIndicator = ""
        slice_.Modality, slice_.SeriesNumber, slice_.InstanceNumber = "CT", 1, k + 1
        slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        slice_.PatientPosition, slice_.KVP, slice_.AcquisitionNumber = "HFS", "120", 1
        slice_.ImagePositionPatient = [-30.0, -40.0, 10.0 + SPACING[0] * k]
        slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        slice_.PixelSpacing, slice_.SliceThickness = list(SPACING[1:]), SPACING[0]
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.Rows, slice_.Columns = SHAPE[1:]
        slice_.BitsAllocated = slice_.BitsStored = 16
        slice_.HighBit, slice_.PixelRepresentation = 15, 1
        slice_.RescaleIntercept, slice_.RescaleSlope, slice_.RescaleType = 0, 1, "HU"
        slice_.PixelData = pixels.tobytes()
        slice_.save_as(folder / f"{k:02}.dcm", enforce_file_format=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
