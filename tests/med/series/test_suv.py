"""SUVbw: by hand, after the QIBA pseudo-code and PS3.3; refused with what is missing."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from dicom_faults import each, series

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError

LINE = [(10, 20, 30 + 2 * n) for n in range(3)]

HALF_LIFE_S = 6586.2


def radiopharmaceutical(**changes):
    item = pydicom.Dataset()
    values = {
        "RadiopharmaceuticalStartTime": "090000.00",
        "RadionuclideTotalDose": 370e6,
        "RadionuclideHalfLife": HALF_LIFE_S,
        **changes,
    }
    for tag, value in values.items():
        if value is not None:
            setattr(item, tag, value)
    return [item]


def pet(**changes):
    return {
        "Modality": "PT",
        "Units": "BQML",
        "CorrectedImage": ["ATTN", "DECY", "SCAT"],
        "DecayCorrection": "START",
        "PatientWeight": 74,
        "SeriesDate": "20200102",
        "SeriesTime": "100000",
        "AcquisitionDate": "20200102",
        "AcquisitionTime": "100000",
        "RescaleSlope": 0.5,
        "RadiopharmaceuticalInformationSequence": radiopharmaceutical(),
        **changes,
    }


def read(dicom, **changes):
    dicom.series(LINE, dicom.pixels(3), **pet(**changes))
    return read_volume(dicom.folder)


def of_code(volume, code):
    return next(d for d in volume.diagnostics if d.code == code)


def check(volume, dicom, factor):
    expected = dicom.pixels(3) * 0.5 * factor
    assert np.allclose(volume.array, expected, rtol=1e-6, atol=0)
    assert (volume.array.dtype, volume.units) == (np.float32, "SUVbw g/ml")
    assert of_code(volume, "suv-bw").numbers["factor"] == pytest.approx(factor)


def test_decay_from_injection_to_the_start_of_the_scan(dicom):
    check(read(dicom), dicom, 74_000 / (370e6 * 2 ** (-3600 / HALF_LIFE_S)))


def test_a_dose_that_is_not_decayed(dicom):
    check(read(dicom, DecayCorrection="ADMIN"), dicom, 74_000 / 370e6)


def test_values_that_are_suv_already(dicom):
    check(read(dicom, Units="GML", DecayCorrection=None, PatientWeight=None), dicom, 1.0)


def test_an_injection_before_midnight(dicom):
    volume = read(
        dicom,
        SeriesTime="003000",
        AcquisitionTime="003000",
        RadiopharmaceuticalInformationSequence=radiopharmaceutical(
            RadiopharmaceuticalStartTime="233000"
        ),
    )
    check(volume, dicom, 74_000 / (370e6 * 2 ** (-3600 / HALF_LIFE_S)))


def test_a_whole_date_and_time_of_the_injection(dicom):
    volume = read(
        dicom,
        RadiopharmaceuticalInformationSequence=radiopharmaceutical(
            RadiopharmaceuticalStartDateTime="20200102083000.50+0100",
            RadiopharmaceuticalStartTime=None,
        ),
    )
    check(volume, dicom, 74_000 / (370e6 * 2 ** (-5399.5 / HALF_LIFE_S)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PatientWeight": None}, "PatientWeight is missing or not positive"),
        ({"PatientWeight": 0}, "PatientWeight is missing or not positive"),
        ({"Units": "CNTS"}, "Units is CNTS, not BQML"),
        ({"Units": None}, "Units is missing, not BQML"),
        ({"Units": "GML", "SUVType": "LBM"}, "SUVType is LBM, not BW"),
        ({"CorrectedImage": ["DECY"]}, "CorrectedImage lacks ATTN"),
        ({"DecayCorrection": "NONE"}, "DecayCorrection is NONE, not START or ADMIN"),
        (
            {"RadiopharmaceuticalInformationSequence": None},
            (
                "RadionuclideTotalDose is missing or not positive; "
                "RadionuclideHalfLife is missing or not positive"
            ),
        ),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical(
                    RadiopharmaceuticalStartTime=None
                )
            },
            "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are missing",
        ),
        ({"SeriesTime": None}, "SeriesDate or SeriesTime is missing or holds no time"),
        (
            {"AcquisitionTime": None},
            "AcquisitionDate or AcquisitionTime is missing or holds no time",
        ),
        (
            {"SeriesTime": "110000"},
            "SeriesTime lies after the acquisition, so the reference time is not known",
        ),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical(
                    RadiopharmaceuticalStartDateTime="20191231090000"
                )
            },
            "the injection is not within 24 hours before the scan",
        ),
        ({"SeriesTime": "9:00"}, "SeriesDate or SeriesTime is missing or holds no time"),
        ({"PatientWeight": 70000}, "PatientWeight is no weight in kilograms (in grams?)"),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical(
                    RadionuclideTotalDose=370
                )
            },
            "RadionuclideTotalDose is no dose in becquerels (in MBq or mCi?)",
        ),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical()
                + radiopharmaceutical()
            },
            (
                "RadiopharmaceuticalInformationSequence lists 2 radiopharmaceuticals; "
                "RadionuclideTotalDose is missing or not positive; "
                "RadionuclideHalfLife is missing or not positive"
            ),
        ),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical(
                    RadiopharmaceuticalStartDateTime="20200102083000+0000"
                )
            },
            (
                "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime contradict "
                "each other, and TimezoneOffsetFromUTC is missing"
            ),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR TM")  # of pydicom as it writes
def test_what_is_missing_is_named_and_values_stay_as_stored(changes, reason, dicom):
    volume = read(dicom, **changes)
    said = of_code(volume, "suv-refused")
    assert said.message == reason
    assert said.severity == "warning"
    assert np.array_equal(volume.array, (dicom.pixels(3) * 0.5).astype(np.float32))
    assert volume.units == (changes.get("Units", "BQML") or None)
    assert "2020" not in repr(volume.diagnostics)


def test_an_injection_in_another_zone_than_the_scan(dicom):
    volume = read(
        dicom,
        TimezoneOffsetFromUTC="+0200",
        RadiopharmaceuticalInformationSequence=radiopharmaceutical(
            RadiopharmaceuticalStartDateTime="20200102070000+0000"
        ),
    )
    check(volume, dicom, 74_000 / (370e6 * 2 ** (-3600 / HALF_LIFE_S)))


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"PatientWeight": 75}, "PatientWeight"),
        ({"DecayCorrection": "ADMIN"}, "DecayCorrection"),
        ({"CorrectedImage": ["ATTN", "DECY"]}, "CorrectedImage"),
        ({"SUVType": "LBM"}, "SUVType"),
        ({"SeriesTime": "095000"}, "SeriesTime"),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical(
                    RadionuclideTotalDose=371e6
                )
            },
            "RadionuclideTotalDose",
        ),
        (
            {
                "RadiopharmaceuticalInformationSequence": radiopharmaceutical(
                    RadiopharmaceuticalStartTime="080000"
                )
            },
            "RadiopharmaceuticalStartTime",
        ),
    ],
)
@pytest.mark.parametrize("at", [0, 2])
def test_images_that_say_different_things_have_no_one_factor(changes, tag, at, dicom):
    paths = dicom.series(LINE, dicom.pixels(3), **pet())
    dicom.change(paths[at], **changes)
    volume = read_volume(dicom.folder)
    assert of_code(volume, "suv-refused").message == f"{tag} is not the same for all images"
    assert volume.units == "BQML"


def test_two_ways_to_write_a_weight_are_one(dicom):
    paths = dicom.series(LINE, dicom.pixels(3), **pet())
    dicom.change(paths[1], PatientWeight="74.00", RescaleSlope=0.25)
    volume = read_volume(dicom.folder)
    assert volume.units == "SUVbw g/ml"
    factor = of_code(volume, "suv-bw").numbers["factor"]
    assert np.allclose(volume.array[1], dicom.pixels(3)[1] * 0.25 * factor)


@pytest.mark.parametrize("units", ["GML", "CNTS"])
def test_slices_of_several_units_are_refused(units, dicom):
    paths = dicom.series(LINE, dicom.pixels(3), **pet())
    dicom.change(paths[1], Units=units)
    with pytest.raises(RefusedError, match="mixed-units: the values of 3 images are BQML and"):
        read_volume(dicom.folder)


def test_a_unit_that_only_some_slices_state_is_that_of_none(dicom):
    paths = dicom.series(LINE, dicom.pixels(3), **pet())
    dicom.change(paths[1], Units=None)
    volume = read_volume(dicom.folder)
    assert of_code(volume, "suv-refused").message == "Units is not the same for all images"
    assert volume.units is None


def test_values_that_nothing_scales_are_no_activity(dicom):
    volume = read(dicom, RescaleSlope=None)
    assert of_code(volume, "suv-refused").message == "RescaleSlope is missing"
    assert volume.array.dtype == np.int16


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ("{SUVbw}g/ml", 1.0),
        ("Bq/ml", 74_000 / (370e6 * 2 ** (-3600 / HALF_LIFE_S))),
        ("g/ml", None),
    ],
)
def test_values_that_only_a_mapping_defines_are_in_its_units(units, factor, dicom):
    code, mapping = pydicom.Dataset(), pydicom.Dataset()
    code.CodeValue = units
    mapping.MeasurementUnitsCodeSequence = [code]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.5, 0.0
    bare = {"RescaleSlope": None, "RescaleIntercept": None}
    volume = read(dicom, RealWorldValueMappingSequence=[mapping], **bare)
    if factor is None:
        said = "3 images are mapped to values g/ml"
        assert of_code(volume, "suv-refused").message == said
        assert (volume.units, volume.array[0, 0, 1]) == ("g/ml", 0.5)
    else:
        check(volume, dicom, factor)


FAULTS = [
    (series(Modality="PT", Units="BQML", DecayCorrection="START"), {"suv-refused"}, "read"),
]


@each(FAULTS)
def test_faults_of_pet_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
