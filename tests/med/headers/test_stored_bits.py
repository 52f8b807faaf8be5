"""Values that do not lie in the lowest bits of a pixel."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    RLELossless,
)
from scans import LINE

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostics import RefusedError
from sam_med.headers.stored_bits import bits_of, is_possible, moved_down

VALUES = np.arange(6 * 48).reshape(6, 6, 8)

BIG = "1.2.840.10008.1.2.2"


def high(dicom, pixels, high_bit, *, syntax=None, **tags):
    """Files of 12 bits of 16 whose HighBit is stated."""
    for n, plane in enumerate(pixels):
        one = dicom.dataset(
            plane,
            **{"Modality": "MR", "ImagePositionPatient": list(LINE[n]), "BitsStored": 12, **tags},
            HighBit=high_bit,
        )
        if syntax == RLELossless:
            one.BitsStored = 16  # the encoder of pydicom takes no others
            one.compress(RLELossless, plane)
            one.BitsStored = 12
        if syntax == BIG:
            one.file_meta.TransferSyntaxUID = BIG
            one.PixelData = plane.astype(plane.dtype.newbyteorder(">")).tobytes()
            path = dicom.folder / f"{n}.dcm"
            dicom.folder.mkdir(exist_ok=True)
            pydicom.dcmwrite(path, one, implicit_vr=False, little_endian=False)
        else:
            dicom.write(one)
    return dicom.folder


@pytest.mark.parametrize("below", [0, 5])
@pytest.mark.parametrize("syntax", [None, RLELossless, BIG])
def test_values_in_the_highest_bits_are_moved_down(syntax, below, dicom):
    pixels = ((VALUES * 13 + 256 << 4) | below).astype(np.uint16)
    assert np.array_equal(
        read_volume(high(dicom, pixels, 15, syntax=syntax)).array, VALUES * 13 + 256
    )


def test_signed_values_between_other_bits_keep_their_sign(dicom):
    values = VALUES - 100
    pixels = (((values & 0xFFF) << 2) | 0x8001).astype(np.uint16).view(np.int16)
    volume = read_volume(high(dicom, pixels, 13))
    assert np.array_equal(volume.array, values)
    assert volume.array.dtype == np.int16


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_overlays_in_the_bits_above_are_cleared(kind, dicom):
    pixels = (VALUES | 0x9000).astype(np.uint16).view(kind)
    assert np.array_equal(read_volume(high(dicom, pixels, 11)).array, VALUES)


def test_a_high_bit_that_the_pixels_contradict_is_refused(dicom):
    with pytest.raises(RefusedError, match="HighBit is 15, but the pixels lie in the lowest 12"):
        read_volume(high(dicom, VALUES.astype(np.uint16), 15))


@pytest.mark.parametrize("tags", [{"BitsStored": 16}, {"BitsStored": 14}])
def test_a_high_bit_that_cannot_be_is_refused_before_the_work(tags, dicom):
    folder = high(dicom, VALUES.astype(np.uint16), 11, **tags)
    with pytest.raises(RefusedError, match="HighBit is 11 where BitsStored is 1"):
        read_volume(folder)


@given(
    st.integers(1, 16).flatmap(lambda stored: st.tuples(st.just(stored), st.integers(stored, 16))),
    st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=20),
    st.booleans(),
)
def test_values_of_any_bits_by_hand(bits, words, signed):
    """The value is the stored bits that end at the high bit, as a two's complement where signed."""
    stored, end = bits
    image = np.array([*words, 2**16 - 1], np.uint16)
    expected = [(word >> (end - stored)) & (2**stored - 1) for word in image.tolist()]
    if signed:
        image = image.view(np.int16)
        expected = [v - 2**stored if v >= 2 ** (stored - 1) else v for v in expected]
    moved = moved_down(image, (16, stored, end - 1))
    assert moved.tolist() == expected
    assert moved is image


@pytest.mark.parametrize(
    ("stated", "bits"),
    [
        ((16, 12, 11), None),
        ((16, 12, 15), (16, 12, 15)),
        ((16, 12, None), None),
        ((16, None, 15), None),
    ],
)
def test_the_usual_high_bit_and_a_missing_one_are_no_matter(stated, bits):
    dataset = Dataset()
    for tag, number in zip(("BitsAllocated", "BitsStored", "HighBit"), stated, strict=True):
        if number is not None:
            setattr(dataset, tag, number)
    assert bits_of(dataset) == bits


@pytest.mark.parametrize(
    ("bits", "possible"),
    [((16, 12, 15), True), ((16, 12, 11), True), ((16, 12, 10), False), ((16, 12, 16), False)],
)
def test_values_end_inside_the_allocated_bits(bits, possible):
    assert is_possible(bits) == possible
    assert not is_possible((16, 0, 15))
