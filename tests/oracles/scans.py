"""Scans in tests: positions of their slices, and what reading them says."""

from __future__ import annotations

import shutil

import pydicom
import pytest

from sam_common.errors import InputError
from sam_med.files.read import read_volume

LINE = [(10, 20, 30 + 2 * n) for n in range(6)]
"""Positions of six axial slices 2 mm apart, LPS mm."""
UNPLACED = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
"""Tags that an image without a place lacks."""


def copy_series(source, target):
    """Copy the files of a folder into one that may be spoiled."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)
    return target


def change(path, **tags):
    """Set tags of a DICOM file, or delete them where None."""
    dataset = pydicom.dcmread(path)
    for tag, value in tags.items():
        if value is None:
            delattr(dataset, tag)
        else:
            setattr(dataset, tag, value)
    dataset.save_as(path)


def codes(volume):
    """Codes of the diagnostics of a volume or series, in their order."""
    return [d.code for d in volume.diagnostics]


def message_of(path, **choice):
    """The message with which `read_volume` refuses a path."""
    with pytest.raises(InputError) as caught:
        read_volume(path, **choice)
    return str(caught.value)


def spoil(path, old, new):
    """Replace bytes of a file by as many others."""
    content = path.read_bytes()
    assert content.count(old) >= 1
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
