"""Real volumes, and volumes made up to look at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sam_common.frame import Frame
from sam_med import frame as frames
from sam_med.volume import Volume

IMAGES = {
    "ct_abdomen": "ct.nii.gz",
    "mni152": "t1.nii.gz",
    "mr_brain1": "brain1_image.nrrd",
    "mr_prostate_phantom": "phantom_image.nrrd",
    "mr_spine_oblique": "t2w.nii.gz",
    "mr_spine_t2": "t2.nii.gz",
}
REGULAR_SERIES = (
    "ct_abdomen_dicom",
    "ct_phantom_rtstruct",
    "ct_small_rotated",
    "ct_tiny_seg_multiframe",
    "mr_sagittal_hfdr",
    "mr_sagittal_hfs",
)


class RealVolume:
    """One item of the test data: its image file and what its JSON says."""

    def __init__(self, folder: Path):
        self.name = folder.name
        self.facts = json.loads((folder / f"{folder.name}.json").read_text())
        self.folder = folder
        self.path = folder / IMAGES[folder.name]

    @property
    def labels(self):
        return [label for file in self.facts["ground_truth"]["files"] for label in file["labels"]]


@pytest.fixture(params=sorted(IMAGES))
def real(request, data):
    return RealVolume(data / "med" / "volumes" / request.param)


@pytest.fixture(params=REGULAR_SERIES)
def series(request, data):
    """Folder of an item whose DICOM series is regular."""
    return data / "med" / "dicom" / request.param


def facts_of(folder: Path):
    return json.loads((folder / f"{folder.name}.json").read_text())


@pytest.fixture
def phantom():
    """A CT-like volume of 5 x 256 x 256 voxels; 256 px keep the loop's grid free of rounding."""
    rng = np.random.default_rng(7)
    array = rng.integers(-200, 300, (5, 256, 256)).astype(np.int16)
    direction = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    return Volume(array, frames.from_itk((10, 20, 30), (0.5, 0.5, 2), direction), modality="CT")


@pytest.fixture
def plain_frame():
    return Frame.identity(3)
