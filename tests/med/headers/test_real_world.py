"""Mappings to real-world values: applied where nothing else says what pixels mean, else told."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

LINE = [(10, 20, 30 + 2 * n) for n in range(3)]
BARE = {"RescaleSlope": None, "RescaleIntercept": None}


def mapping(slope=2.0, intercept=-10.0, units="[hnsf'U]"):
    item = Dataset()
    if slope is None:
        item.RealWorldValueLUTData = [0.0, 1.0]
    else:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = units, "UCUM", "a unit"
    item.MeasurementUnitsCodeSequence = [code]
    return item


def codes(folder):
    return [d["code"] for d in describe_path(folder)["series"][0]["diagnostics"]]


def test_the_only_mapping_is_applied_with_its_units(dicom):
    dicom.series(LINE, RealWorldValueMappingSequence=[mapping()], **BARE)
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, dicom.pixels(3) * 2 - 10)
    assert volume.units == "HU"
    assert [d.code for d in volume.diagnostics] == codes(dicom.folder) == ["real-world-values"]


@pytest.mark.parametrize(
    ("changes", "scale", "said"),
    [
        ({"RescaleSlope": 3}, 3, ["other-values"]),
        ({"RescaleSlope": 2, "RescaleIntercept": -10}, 2, []),
        ({"RealWorldValueMappingSequence": [mapping(), mapping(4.0)]}, 1, ["other-values"]),
        ({"RealWorldValueMappingSequence": [mapping(None)]}, 1, ["other-values"]),
    ],
)
def test_what_is_not_applied_is_told_before_a_job(changes, scale, said, dicom):
    tags = {"RealWorldValueMappingSequence": [mapping()], "Modality": "MR", **BARE, **changes}
    dicom.series(LINE, **tags)
    volume = read_volume(dicom.folder)
    intercept = changes.get("RescaleIntercept") or 0
    assert np.array_equal(volume.array, dicom.pixels(3) * scale + intercept)
    assert [d.code for d in volume.diagnostics] == codes(dicom.folder) == said
    assert all(d.severity == "warning" for d in volume.diagnostics)


@pytest.mark.parametrize("rescaled", [False, True])
def test_mappings_of_frames(rescaled, dicom):
    file = dicom.enhanced(LINE, dicom.pixels(3))
    for n, frame in enumerate(file.PerFrameFunctionalGroupsSequence):
        frame.RealWorldValueMappingSequence = [mapping(n + 2.0, 0.0, "ms")]
        if not rescaled:
            del frame.PixelValueTransformationSequence
    path = dicom.write(file)
    volume = read_volume(path)
    slopes = np.array([1, 1, 1] if rescaled else [2, 3, 4]).reshape(3, 1, 1)
    assert np.array_equal(volume.array, dicom.pixels(3) * slopes)
    assert volume.units == ("US" if rescaled else "ms")
    assert ("other-values" if rescaled else "real-world-values") in codes(path)


def test_a_mapping_of_slope_zero_is_refused(dicom):
    dicom.series(LINE, RealWorldValueMappingSequence=[mapping(0.0)], **BARE)
    with pytest.raises(RefusedError, match="bad-rescale"):
        read_volume(dicom.folder)
