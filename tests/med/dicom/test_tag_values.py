"""Values of tags as numbers and text, and what is damaged."""

from __future__ import annotations

import math

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from sam_med.dicom import tag_values as tags
from sam_med.geometry.diagnostics import RefusedError


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"PixelPaddingValue": -2000}, (-2000, -2000)),
        # what a writer gave as unsigned
        ({"PixelPaddingValue": 63536}, (-2000, -2000)),
        ({"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1800}, (-2000, -1800)),
        ({"PixelPaddingValue": -1800, "PixelPaddingRangeLimit": -2000}, (-2000, -1800)),
        ({"PixelPaddingValue": 65535, "PixelRepresentation": 0}, (65535, 65535)),
        ({"PixelPaddingValue": -1, "PixelRepresentation": 0}, (65535, 65535)),
        ({"FloatPixelPaddingValue": -9.5}, (-9.5, -9.5)),
        ({"DoubleFloatPixelPaddingValue": -1.7e308}, (-1.7e308, -1.7e308)),
        ({}, None),
    ],
)
def test_the_bits_of_the_value_count(stated, expected):
    dataset = Dataset()
    dataset.BitsAllocated, dataset.PixelRepresentation = 16, 1
    for tag, value in stated.items():
        kind = "FL" if "Float" in tag else "US" if value >= 0 else "SS"
        if tag.startswith("PixelPadding"):
            dataset.add_new(tag, kind, value)
        else:
            setattr(dataset, tag, value)
    assert tags.padding(dataset) == expected


def data_set(**stated):
    dataset = Dataset()
    for tag, value in stated.items():
        setattr(dataset, tag, value)
    return dataset


def raw(tag, kind, value):
    """A data set whose element was read but not parsed, as in a file."""
    dataset = Dataset()
    number = Tag(tag)
    dataset[number] = RawDataElement(number, kind, len(value), value, 0, False, True)
    return dataset


MISSING = Dataset()


def test_missing_and_empty_values_are_none():
    assert tags.value(MISSING, "Modality") is None
    assert tags.value(data_set(Modality=""), "Modality") is None
    assert tags.value(data_set(Modality="CT"), "Modality") == "CT"
    assert (
        tags.text(MISSING, "Modality"),
        tags.text(data_set(SeriesNumber=4), "SeriesNumber"),
    ) == (
        "",
        "4",
    )


@pytest.mark.parametrize(
    ("held", "expected"),
    [(b"1.5 ", 1.5), (b"-3", -3.0), (b"1e13", None), (b"1e11", 1e11), (b"", None), (b"thin", None)],
)
def test_one_number(held, expected):
    dataset = raw("SliceThickness", "DS", held)
    assert tags.number(dataset, "SliceThickness") == expected
    assert tags.positive(dataset, "SliceThickness") == (
        expected if expected is not None and expected > 0 else None
    )
    assert tags.holds_no_number(dataset, "SliceThickness") == (held != b"" and expected is None)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), [1.0, 2.0]])
def test_what_is_no_single_finite_number(odd):
    dataset = Dataset()
    dataset.add_new("FloatPixelPaddingValue", "FL", odd)
    assert tags.number(dataset, "FloatPixelPaddingValue") is None
    assert tags.holds_no_number(dataset, "FloatPixelPaddingValue")


def test_several_numbers():
    dataset = data_set(PixelSpacing=[0.5, 0.75])
    assert tags.numbers(dataset, "PixelSpacing", 2) == (0.5, 0.75)
    assert tags.numbers(MISSING, "PixelSpacing", 2) == ()
    assert not tags.holds_nonsense(dataset, "PixelSpacing", 2)
    assert not tags.holds_nonsense(MISSING, "PixelSpacing", 2)
    with pytest.raises(ValueError, match=r"^PixelSpacing must be 3 numbers$"):
        tags.numbers(dataset, "PixelSpacing", 3)
    assert tags.numbers_or_none(dataset, "PixelSpacing", 3) == ()
    assert tags.holds_nonsense(dataset, "PixelSpacing", 3)
    assert tags.holds_nonsense(raw("PixelSpacing", "DS", b"a\\b"), "PixelSpacing", 2)


@pytest.mark.parametrize(
    ("rows", "missing", "expected"), [(6, None, 6), (0, 1, 1), (None, 1, 1), (3, 1, 3)]
)
def test_counts(rows, missing, expected):
    dataset = MISSING if rows is None else data_set(Rows=rows)
    assert tags.count(dataset, "Rows", missing) == expected


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (MISSING, "Rows is missing"),
        (data_set(Rows=0), "Rows holds no number of its kind"),
        (raw("Rows", "IS", b"-1"), "Rows holds no number of its kind"),
    ],
)
def test_a_count_that_is_needed(dataset, message):
    with pytest.raises(RefusedError, match=f"^unreadable-header: {message} "):
        tags.count(dataset, "Rows")


def test_a_rescale_has_defaults_but_damage_is_no_default():
    assert tags.rescale(MISSING) == (1.0, 0.0)
    assert tags.rescale(data_set(RescaleSlope=2, RescaleIntercept=-1024)) == (2.0, -1024.0)
    slope, intercept = tags.rescale(raw("RescaleSlope", "DS", b"two"))
    assert math.isnan(slope)
    assert intercept == 0


def test_the_kind_of_an_image_is_not_how_it_was_made():
    assert tags.kind_of(["ORIGINAL", "PRIMARY", "M", "NORM", "DIFFUSION"]) == "M DIFFUSION"
    assert tags.kind_of([]) == ""


SCALE = {"RescaleSlope": 1, "RescaleIntercept": 0}


@pytest.mark.parametrize(
    ("stated", "modality", "expected"),
    [
        (SCALE, "CT", "HU"),
        ({**SCALE, "RescaleType": "HU"}, "CT", "HU"),
        ({**SCALE, "RescaleType": "ED"}, "CT", "ED"),
        ({**SCALE, "RescaleType": "US"}, "CT", "unspecified"),
        ({"RescaleSlope": 1}, "CT", "unspecified"),
        ({}, "MR", ""),
        ({"Units": "BQML"}, "PT", "BQML"),
        ({"ModalityLUTSequence": [data_set(ModalityLUTType="HU")]}, "CT", "HU"),
        ({"ModalityLUTSequence": [data_set(ModalityLUTType="US")]}, "CT", "unspecified"),
    ],
)
def test_units_of_rescaled_values(stated, modality, expected):
    assert tags.units(data_set(**stated), modality) == expected
