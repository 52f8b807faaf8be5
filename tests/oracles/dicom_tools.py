"""Programs beside Python that judge DICOM files: dciodvfy (dicom3tools) and plastimatch."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"


def program(name):
    """Where a program is; tests that need it fail, and do not skip, without it."""
    found = shutil.which(name)
    package = {"dciodvfy": "dicom3tools", "dsrdump": "dcmtk"}.get(name, name)
    assert found, f"{name} is missing: install {package}"
    return found


def errors_of(path):
    """Exit status of dciodvfy on a file, and the errors that it finds."""
    command = [program("dciodvfy"), "-new", path]
    report = subprocess.run(command, capture_output=True, text=True, check=False)
    return report.returncode, [
        line for line in report.stderr.splitlines() if line.startswith("Error")
    ]


def validate(path):
    """Assert that dciodvfy finds no error in a file."""
    assert errors_of(path) == (0, [])


def validate_label_map(path):
    """Assert that dciodvfy finds no error in a LABELMAP, of which it may not know the IOD.

    The dciodvfy of 2022 knows no Label Map Segmentation. What that IOD shares with Segmentation,
    which is all but the numbers of segments and the segment of each frame, is then validated as
    the latter: as fractions, whose pixels are bytes too.
    """
    if errors_of(path) == (0, []):
        return
    dataset = pydicom.dcmread(path)
    assert dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SEG_STORAGE
    dataset.SegmentationType, dataset.SegmentationFractionalType = "FRACTIONAL", "OCCUPANCY"
    dataset.MaximumFractionalValue = 255
    background, *others = dataset.SegmentSequence
    assert background.SegmentNumber == dataset.PixelPaddingValue == 0
    del dataset.PixelPaddingValue
    for number, item in enumerate(others, start=1):
        item.SegmentNumber = number
    dataset.SegmentSequence = others
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        item = Dataset()
        item.ReferencedSegmentNumber = 1
        groups.SegmentIdentificationSequence = [item]
    if dataset.BitsAllocated > 8:  # fractions are bytes
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        words = dataset.PixelData
        dataset.PixelData = words[::2] + bytes(len(words) // 2 % 2)
    with tempfile.TemporaryDirectory() as folder:
        dataset.save_as(Path(folder) / "seg.dcm")
        validate(Path(folder) / "seg.dcm")


def masks_by_plastimatch(structures, series, folder):
    """Rasterise a structure set on its series: one file a structure, named after it."""
    command = [program("plastimatch"), "convert", "--input", structures, "--referenced-ct", series]
    command += ["--output-prefix", folder, "--prefix-format", "nrrd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: path for path in folder.glob("*.nrrd")}
