"""FreeSurfer's .mgz and .mgh."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from scans import message_of
from volume_files import SCANNER

from sam_med.files.read import read_volume


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
def test_freesurfer_volumes_are_read(suffix, tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = tmp_path / f"a{suffix}"
    nibabel.save(nibabel.MGHImage(array, SCANNER), path)
    volume = read_volume(path)
    assert np.array_equal(volume.array, array.transpose())
    assert volume.array.dtype == np.int16
    assert volume.to_world((1, 1, 1)) == pytest.approx((9, 18, -27))
    assert volume.diagnostics == ()


def test_a_freesurfer_volume_of_several_times_or_without_a_place(tmp_path):
    path = tmp_path / "times.mgz"
    array = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    nibabel.save(nibabel.MGHImage(array, SCANNER), path)
    assert message_of(path).startswith("repeated-positions: the file holds 2 time points")
    assert np.array_equal(read_volume(path, time=2).array.T, array[..., 1])
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[28:30] = bytes(2)
    bare = tmp_path / "bare.mgh"
    bare.write_bytes(content)
    assert "no-affine" in {d.code for d in read_volume(bare, time=1).diagnostics}
    path.write_bytes(path.read_bytes()[:-12])
    assert message_of(path, time=1).startswith("truncated-pixels: the MGH file is damaged")
