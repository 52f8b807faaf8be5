"""Testing: a DICOM series made from any volume, for tests and trials without a scan.

Each slice becomes a file of its own, of the patient "Phantom", with the image type DERIVED and
SECONDARY. Values are stored as int16 without loss.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from sam_common.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from sam_med.geometry.volume import Volume

CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage}
LIMITS = np.iinfo(np.int16)


def write_series(volume: Volume, folder: Path, *, modality: str = "MR") -> list[Path]:
    """Write a volume of integers as a DICOM series with one slice in each file.

    Args:
        volume: The volume, which may be tilted or unevenly spaced; its values fit into int16.
        folder: The folder of the files, which is made where it does not exist.
        modality: "CT" or "MR".

    Returns:
        The files in slice order.

    Raises:
        InputError: Another modality, or a value that int16 does not hold.

    Law:
        `read_volume(folder)` has the voxels and the positions of the volume.
    """
    if modality not in CLASSES:
        raise InputError(f"a series is made as {' or '.join(CLASSES)}, got {modality}")
    ends = (int(volume.array.min()), int(volume.array.max()))
    if volume.array.dtype.kind not in "iu" or ends[0] < LIMITS.min or ends[1] > LIMITS.max:
        raise InputError(
            f"int16 holds whole numbers of {LIMITS.min} to {LIMITS.max}, got {volume.array.dtype} "
            f"with {ends[0]} to {ends[1]}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    root = hashlib.sha256(np.ascontiguousarray(volume.array).data).hexdigest()
    paths = []
    for k in range(volume.shape[0]):
        dataset = _slice(volume, k, modality, root)
        paths.append(folder / f"{k:04d}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def _slice(volume: Volume, k: int, modality: str, root: str) -> FileDataset:
    """The data set of slice k; `root` is the seed of its identifiers."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CLASSES[modality]
    meta.MediaStorageSOPInstanceUID = _uid(root, f"slice {k}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    one.SOPClassUID, one.SOPInstanceUID = CLASSES[modality], meta.MediaStorageSOPInstanceUID
    for what in ("Study", "Series"):
        setattr(one, f"{what}InstanceUID", _uid(root, what))
    one.FrameOfReferenceUID = _uid(root, "frame")
    one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Phantom", "0", "", ""
    one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "", "", "", ""
    one.ReferringPhysicianName, one.Manufacturer, one.PositionReferenceIndicator = "", "", ""
    one.Modality, one.SeriesNumber, one.InstanceNumber = modality, 1, k + 1
    one.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if modality == "CT" else "OTHER"]
    _place(one, volume, k)
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
    if modality == "CT":
        one.RescaleIntercept, one.RescaleSlope, one.KVP, one.AcquisitionNumber = 0, 1, None, None
    else:
        one.ScanningSequence, one.SequenceVariant = "RM", "NONE"
        one.ScanOptions, one.MRAcquisitionType, one.EchoTime, one.EchoTrainLength = "", "", None, 1
    one.PixelData = np.ascontiguousarray(volume.array[k].astype("<i2")).tobytes()
    return one


def _place(one: FileDataset, volume: Volume, k: int) -> None:
    """State size, spacing, orientation and position of slice k in its data set."""
    rows, columns = volume.shape[1:]
    step_k, step_j, step_i = np.linalg.norm(volume.frame.array[:3, :3], axis=0)
    one.Rows, one.Columns = rows, columns
    one.PixelSpacing = [float(f"{v:.10g}") for v in (step_j, step_i)]
    one.SliceThickness = float(f"{step_k:.10g}")
    along_i, along_j = volume.frame.array[:3, 2] / step_i, volume.frame.array[:3, 1] / step_j
    one.ImageOrientationPatient = [float(f"{v:.10g}") for v in (*along_i, *along_j)]
    one.ImagePositionPatient = [float(f"{v:.10g}") for v in volume.to_world([k, 0, 0])]


def _uid(root: str, what: str) -> str:
    """An identifier that is equal for equal voxels, so that a series made twice is one series."""
    return str(generate_uid(entropy_srcs=[root, what]))
