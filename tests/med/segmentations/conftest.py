"""A scan to write segmentations on."""

from __future__ import annotations

import dicom_volumes
import pytest


@pytest.fixture
def volume(data):
    return dicom_volumes.build("ct_small_rotated", data)
