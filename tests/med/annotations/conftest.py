"""A scan to draw on, its images, and where they lie."""

from __future__ import annotations

import dicom_volumes
import pydicom
import pytest

from sam_med.annotations.image_places import ImagePlaces


@pytest.fixture
def scan(data):
    return dicom_volumes.build("ct_small_rotated", data)


@pytest.fixture
def images(scan):
    return [pydicom.dcmread(path) for path in scan.files]


@pytest.fixture
def places(scan):
    return ImagePlaces.of(scan)
