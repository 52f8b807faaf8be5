"""Which slices belong together, and in which time points, on headers made up by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from dicom_faults import both, each, series
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import LINE, codes
from slice_headers import different, header, of_code

from sam_med.headers.slice_header import ImageFacts
from sam_med.series.grouping import group

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def test_one_series_is_one_series():
    (series,) = group([header(z) for z in (4, 0, 2)], different)
    assert (series.number, series.size_ijk, series.plane) == (1, (5, 4, 3), "axial")
    assert codes(series) == []
    assert series.summary() == "series number 3, MR, 5 x 4 x 3, axial"


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"size": (8, 8)}, "mixed-size", "this part has 5 x 4 pixels"),
        ({"pixel_spacing_mm": (1, 1)}, "mixed-spacing", "this part has pixels of 0.75 x 0.5 mm"),
        ({"orientation": CORONAL}, "mixed-orientation", "this part is axial"),
        ({"frame_of_reference": "9"}, "mixed-frames-of-reference", "one of 2 parts"),
        ({"patient": "B"}, "mixed-patients", "one of 2 parts"),
        ({"stack": ("2", "", "", "")}, "mixed-stacks", "one of 2 stacks"),
        (
            {"facts": ImageFacts(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))},
            "localizer",
            "a localizer was split off",
        ),
    ],
)
def test_what_differs_splits_a_series_and_says_so(changes, code, message):
    others = [
        dataclasses.replace(header(z, position=(0.0, float(z), float(z))), **changes)
        for z in (0, 2)
    ]
    first, second = group([*others, *(header(z) for z in (0, 2, 4))], different)
    assert (first.size_ijk[2], second.size_ijk[2]) == (3, 2)
    assert (of_code(first, code).message) == message
    assert code in codes(second)


def test_other_series_are_not_parts_of_this_one():
    both = group([header(0), header(2), header(0, series="7"), header(2, series="7")], different)
    assert [codes(series) for series in both] == [[], []]


@settings(deadline=None)
@given(st.permutations(range(9)))
def test_the_order_of_files_does_not_matter(order):
    headers = [
        *(header(z) for z in range(3)),
        *(header(z, series="7", number="12") for z in range(3)),
        *(header(z, size=(8, 8)) for z in range(3)),
    ]
    listed = [series.summary() for series in group([headers[n] for n in order], different)]
    assert listed == [series.summary() for series in group(headers, different)]


def test_kinds_of_image_at_the_same_places_are_series_of_their_own():
    kinds = (("", "M", "echo 2 ms", ""), ("", "P", "echo 2 ms", ""))
    headers = [header(z, stack=kind, instance=z) for kind in kinds for z in (0, 1, 2)]
    magnitude, phase = group(headers, different)
    assert of_code(magnitude, "mixed-stacks").message == "one of 2 stacks: M, echo 2 ms"
    assert phase.summary() == "series number 3, MR, 5 x 4 x 3, axial, P, echo 2 ms"
    assert len(magnitude.stacks) == len(phase.stacks) == 1


def test_kinds_that_share_no_place_are_one_series():
    headers = [header(z, stack=("", "AB"[z % 2], "", "")) for z in range(4)]
    assert len(group(headers, different)) == 1


def test_a_slice_without_a_place_is_not_split_off():
    headers = [header(0), header(2), header(4, position=(), orientation=())]
    (series,) = group(headers, different)
    assert codes(series) == ["missing-tags", "missing-tags"]


def test_photographs_of_one_series_are_chosen_one_by_one():
    headers = [
        header(n, modality="CR", position=(), orientation=(), path=Path(str(n))) for n in (1, 2)
    ]
    assert len(group(headers, different)) == 2


def test_no_name_uid_or_path_in_what_is_shown():
    canary = "CANARY"
    headers = [
        header(z, series=canary, patient=canary, frame_of_reference=canary, instance_uid=canary)
        for z in (0, 2)
    ]
    (series,) = group([dataclasses.replace(h, path=Path(canary)) for h in headers], different)
    assert canary not in repr((series.describe(), series.summary(), series.slices))
    assert series.matches(canary)
    assert series.matches("1")
    assert series.matches(1)
    assert not series.matches(2)
    assert not series.matches("")


SIDE = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
SCOUT = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
BESIDE = [(0, 0, 99), (0, 0, 101)]
FAULTS = [
    (
        both(series(), series(SeriesInstanceUID="1.2.3.4", SeriesNumber=9)),
        {"mixed-series"},
        "refused",
    ),
    (
        both(series(), series(BESIDE, PixelSpacing=[1, 1])),
        {"mixed-series", "mixed-spacing"},
        "refused",
    ),
    (
        both(series(), series(BESIDE, np.zeros((2, 9, 9), np.int16))),
        {"mixed-series", "mixed-size"},
        "refused",
    ),
    (
        both(series(), series([(0, 5, 0), (0, 7, 0)], **SIDE)),
        {"mixed-series", "mixed-orientation"},
        "refused",
    ),
    (
        both(series(), series([(0, 5, 0)], **SIDE, **SCOUT)),
        {"mixed-series", "localizer"},
        "refused",
    ),
    (
        both(series(LINE[:3]), series(LINE[3:], PatientID="CANARY-OTHER")),
        {"mixed-series", "mixed-patients"},
        "refused",
    ),
    (
        both(series(LINE[:3]), series(LINE[3:], FrameOfReferenceUID="1.2.3")),
        {"mixed-series", "mixed-frames-of-reference"},
        "refused",
    ),
    (
        both(series(Modality="MR", EchoTime=2), series(Modality="MR", EchoTime=5)),
        {"mixed-series", "mixed-stacks"},
        "refused",
    ),
]


@each(FAULTS)
def test_faults_of_mixed_series_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)
