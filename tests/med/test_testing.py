from __future__ import annotations

import numpy as np
import pydicom
import pytest

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.testing import write_series


def volume_of(frame, origins=None):
    array = np.random.default_rng(3).integers(-900, 900, (4, 6, 5)).astype(np.int16)
    return Volume(array, frame, modality="CT", origins_lps=origins)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_tilted_volume_comes_back(tmp_path, modality):
    frame = frames.from_dicom([-20, 30, 5], [0.8, 0.6, 0, -0.6, 0.8, 0], [0.5, 0.7], [1, 0, 3.2])
    volume = volume_of(frame)
    paths = write_series(volume, tmp_path / "series", modality=modality)
    assert [path.name for path in paths] == ["0000.dcm", "0001.dcm", "0002.dcm", "0003.dcm"]
    read = read_volume(tmp_path / "series")
    assert np.array_equal(read.array, volume.array)
    assert np.abs(read.frame.array - frame.array).max() <= 1e-6
    assert read.modality == modality


def test_uneven_slices_come_back(tmp_path):
    origins = np.array([[1.0, 2, 0], [1, 2, 2], [1, 2, 4], [1, 2, 9]])
    frame = frames.from_dicom([1, 2, 0], [1, 0, 0, 0, 1, 0], [1, 1], [0, 0, 3])
    write_series(volume_of(frame, origins), tmp_path)
    assert np.abs(read_volume(tmp_path).origins_lps - origins).max() <= 1e-9


def test_the_same_volume_gives_the_same_identifiers(tmp_path):
    one, two = (write_series(volume_of(Frame.identity(3)), tmp_path / name) for name in "ab")
    assert one[2].read_bytes() == two[2].read_bytes()
    assert len({pydicom.dcmread(path).SOPInstanceUID for path in one}) == 4


def test_values_that_do_not_fit(tmp_path):
    frame = Frame.identity(3)
    with pytest.raises(
        InputError, match=r"^int16 holds whole numbers of -32768 to 32767, got uint"
    ):
        write_series(Volume(np.full((2, 2, 2), 40000, np.uint16), frame), tmp_path)
    with pytest.raises(InputError, match=r"^a series is made as CT or MR, got PT$"):
        write_series(volume_of(frame), tmp_path, modality="PT")
