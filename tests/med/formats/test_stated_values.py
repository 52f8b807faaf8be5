"""Slopes and ranges in the headers of volume files, which ITK does not look at."""

from __future__ import annotations

import numpy as np
import pytest
from volume_files import metaimage

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError

VALUES = np.arange(24, dtype="<i2").reshape(4, 3, 2)
PLACE = ("Offset = 0 0 0", "TransformMatrix = 1 0 0 0 1 0 0 0 1", "ElementSpacing = 1 1 1")


def scaled(tmp_path, *fields):
    path = tmp_path / "CANARY.mha"
    return metaimage(path, *fields, *PLACE, kind="MET_SHORT", voxels=VALUES.tobytes())


@pytest.mark.parametrize(
    ("slope", "offset", "dtype"),
    [("2", "-1000", np.int16), ("0.5", None, np.float32), (None, "40000", np.uint16)],
)
def test_the_slope_of_a_metaimage_is_applied_and_said(slope, offset, dtype, tmp_path):
    stated = {"Slope": slope, "Offset": offset}
    fields = [f"ElementToIntensityFunction{k} = {v}" for k, v in stated.items() if v]
    volume = read_volume(scaled(tmp_path, *fields))
    expected = VALUES * float(slope or 1) + float(offset or 0)
    assert np.array_equal(volume.array, expected)
    assert volume.array.dtype == dtype
    assert [d.code for d in volume.diagnostics] == ["stated-rescale"]


def test_a_slope_that_changes_nothing_is_not_said(tmp_path):
    volume = read_volume(scaled(tmp_path, "ElementToIntensityFunctionSlope = 1"))
    assert (volume.array.dtype, volume.diagnostics) == (np.int16, ())


@pytest.mark.parametrize("slope", ["0", "nan", "two"])
def test_a_slope_that_is_none_is_refused(slope, tmp_path):
    with pytest.raises(RefusedError, match="bad-rescale: ElementToIntensityFunctionSlope is 0"):
        read_volume(scaled(tmp_path, f"ElementToIntensityFunctionSlope = {slope}"))


def test_the_range_before_nrrd_quantized_values_is_told(tmp_path):
    path = tmp_path / "CANARY.nrrd"
    lines = [
        *("NRRD0004", "type: short", "dimension: 3", "sizes: 2 3 4", "space: LPS"),
        *("space directions: (1,0,0) (0,1,0) (0,0,1)", "space origin: (0,0,0)"),
        *("endian: little", "encoding: raw", "old min: -1000", "oldmax: 3000"),
    ]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + VALUES.tobytes())
    volume = read_volume(path)
    assert [(d.code, d.severity) for d in volume.diagnostics] == [("other-values", "warning")]
    assert np.array_equal(volume.array, VALUES)
