"""A small scan to write results on."""

from __future__ import annotations

import dicom_volumes
import pytest


@pytest.fixture
def small(data):
    return dicom_volumes.build("ct_tiny_seg_multiframe", data)
