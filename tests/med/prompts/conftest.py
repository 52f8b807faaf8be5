"""Grids that prompts lie on."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume


@pytest.fixture
def volume():
    frame = frames.from_itk((100, 10, 1), (2, 3, 4), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Volume(np.zeros((5, 6, 7), np.int16), frame)


@pytest.fixture
def tilted(data):
    """The head with a tilted gantry and uneven spacing, placed by its headers alone."""
    folder = data / "med/dicom/ct_head_gantry_tilt_uneven/series"
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.glob("*.dcm")]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    origins = np.array([header.ImagePositionPatient for header in headers], dtype=float)
    first = headers[0]
    step = (origins[-1] - origins[0]) / (len(origins) - 1)
    frame = frames.from_dicom(
        origins[0], first.ImageOrientationPatient, first.PixelSpacing, step.tolist()
    )
    shape = (len(headers), first.Rows, first.Columns)
    return Volume(np.zeros(shape, np.int8), frame, origins_lps=origins)
