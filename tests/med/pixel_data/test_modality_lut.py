"""Modality LUTs, however they are written: by hand, on tables of a few entries."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from sam_med.files.read import read_volume
from sam_med.pixel_data.modality_lut import apply_modality_lut

LINE = [(10, 20, 30 + 2 * n) for n in range(3)]


def table(first, values, *, bits=16, kind="US"):
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [len(values), first, bits])
    item.ModalityLUTType = "US"
    item.add_new(0x00283006, kind, values)
    dataset = Dataset()
    dataset.ModalityLUTSequence = [item]
    return dataset


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("kind", ["US", "OW"])
@pytest.mark.parametrize(
    "syntax",
    [
        *(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        *(DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian),
    ],
)
def test_tables_in_every_encoding(syntax, kind, bare, dicom):
    if bare and syntax == DeflatedExplicitVRLittleEndian:
        bare = False  # nothing would tell it from noise
    little = syntax != ExplicitVRBigEndian
    order = "<" if little else ">"
    values = np.arange(200) * 3 + 7
    held = values.tolist() if kind == "US" else values.astype(f"{order}u2").tobytes()
    dicom.folder.mkdir()
    for n, place in enumerate(LINE):
        plane = dicom.pixels(3)[n]
        one = dicom.dataset(plane, Modality="MR", ImagePositionPatient=list(place))
        del one.RescaleSlope, one.RescaleIntercept
        one.update(table(0, held, kind=kind))
        one.ModalityLUTSequence[0].LUTDescriptor = [200, 0, 16]
        one.PixelData = plane.astype(f"{order}i2").tobytes()
        one.file_meta.TransferSyntaxUID = syntax
        implicit = syntax == ImplicitVRLittleEndian
        if bare:
            one = Dataset(one)
        path = dicom.folder / f"{n}.dcm"
        pydicom.dcmwrite(path, one, implicit_vr=implicit, little_endian=little)
    volume = read_volume(dicom.folder)
    assert np.array_equal(volume.array, dicom.pixels(3) * 3 + 7)
    assert ("no-file-meta" in {d.code for d in volume.diagnostics}) == bare


def test_numbers_beyond_the_table_get_its_ends():
    image = np.array([-32768, -11, -10, -9, -8, 32767], np.int16)
    dataset = table(-10, [5, 6, 7])
    dataset.PixelRepresentation = 1
    found = apply_modality_lut(image, dataset, ExplicitVRLittleEndian)
    assert found.tolist() == [5, 5, 5, 6, 7, 7]


def test_the_first_number_has_the_sign_of_pixels():
    dataset = table(65526, [5, 6, 7])
    dataset.PixelRepresentation = 1
    found = apply_modality_lut(np.array([-9], np.int16), dataset, ExplicitVRLittleEndian)
    assert found.tolist() == [6]


@pytest.mark.parametrize(
    ("bits", "held", "dtype"),
    [(8, b"\x05\x06\x07\x00", np.uint8), (12, b"\x05\0\x06\0\x07\0", np.uint16)],
)
def test_entries_of_other_widths(bits, held, dtype):
    dataset = table(0, held, bits=bits, kind="OW")
    dataset.ModalityLUTSequence[0].LUTDescriptor = [3, 0, bits]
    found = apply_modality_lut(np.array([0, 1, 2], np.uint8), dataset, ExplicitVRLittleEndian)
    assert (found.tolist(), found.dtype) == ([5, 6, 7], dtype)


def test_a_table_that_is_cut_off_is_refused():
    dataset = table(0, [5, 6, 7])
    dataset.ModalityLUTSequence[0].LUTDescriptor = [4, 0, 16]
    with pytest.raises(ValueError, match="fewer entries"):
        apply_modality_lut(np.zeros(1, np.uint8), dataset, ExplicitVRLittleEndian)


def test_a_value_table_is_applied(dicom):
    table = pydicom.Dataset()
    table.LUTDescriptor = [48, 0, 16]
    table.add_new("LUTData", "US", [1000 + 3 * n for n in range(48)])
    table.ModalityLUTType = "US"
    dicom.series(
        LINE[:2],
        np.stack([np.arange(48, dtype=np.uint16).reshape(6, 8)] * 2),
        ModalityLUTSequence=[table],
        RescaleSlope=None,
        RescaleIntercept=None,
    )
    volume = read_volume(dicom.folder)
    assert volume.array[1].ravel().tolist() == [1000 + 3 * n for n in range(48)]
    assert [d.code for d in volume.diagnostics] == ["not-hounsfield", "value-table"]
