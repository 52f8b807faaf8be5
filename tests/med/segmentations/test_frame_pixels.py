"""Pixels of frames, against what pydicom decodes."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from sam_common.errors import InputError
from sam_med.segmentations.frame_pixels import frame_masks
from sam_med.segmentations.seg_frames import read_seg


def seg(kind, pixels, bits, **more):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SegmentationType, dataset.Rows, dataset.Columns = kind, 2, 3
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = bits - 1, 0, 1
    dataset.PhotometricInterpretation, dataset.NumberOfFrames = "MONOCHROME2", more.pop("count", 1)
    dataset.PixelData = pixels
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


def found(dataset, count=1):
    return [
        (n, number, mask.astype(int).tolist()) for n, number, mask in frame_masks(dataset, count)
    ]


def test_bits_of_a_binary_frame():
    assert found(seg("BINARY", bytes([0b00_100001, 0]), 1)) == [(0, None, [[1, 0, 0], [0, 0, 1]])]


def test_a_label_map_of_words_has_a_mask_for_each_number():
    pixels = np.array([[0, 300, 300], [7, 0, 0]], "<u2").tobytes()
    assert found(seg("LABELMAP", pixels, 16)) == [
        (0, 7, [[0, 0, 0], [1, 0, 0]]),
        (0, 300, [[0, 1, 1], [0, 0, 0]]),
    ]
    assert found(seg("LABELMAP", bytes(12), 16)) == [(0, None, [[0, 0, 0], [0, 0, 0]])]
    other = seg("LABELMAP", pixels, 16, PixelPaddingValue=300)
    assert [number for _, number, _ in found(other)] == [0, 7]


@pytest.mark.parametrize(("most", "kept"), [(200, [0, 1, 1]), (255, [0, 0, 1]), (None, [0, 0, 1])])
def test_half_of_a_fraction_belongs_to_the_segment(most, kept):
    pixels = bytes([99, 100, 128, 0, 0, 0])
    more = {} if most is None else {"MaximumFractionalValue": most}
    assert found(seg("FRACTIONAL", pixels, 8, **more)) == [(0, None, [kept, [0, 0, 0]])]


def test_a_public_fractional_file(data):
    path = data / "med/dicom/ct_tiny_seg_overlap/seg/seg_image_ct_true_fractional.dcm"
    file = read_seg(path)
    pixels = pydicom.dcmread(path).pixel_array
    half = file.dataset.MaximumFractionalValue / 2
    assert 0 < np.count_nonzero(pixels >= half) < np.count_nonzero(pixels)
    for frame, oracle in zip(file.frames(), pixels, strict=True):
        assert np.array_equal(frame.mask, oracle >= half)
    kind = file.dataset.SegmentationFractionalType.lower()
    assert file.notes == (
        f"the DICOM SEG is FRACTIONAL: objects are where the {kind} is at least one half",
    )


@pytest.mark.parametrize(("kind", "bits"), [("BINARY", 1), ("LABELMAP", 8), ("FRACTIONAL", 8)])
def test_more_frames_than_are_described(kind, bits):
    with pytest.raises(InputError, match=r"^the pixel data hold more than the 1 frames described$"):
        found(seg(kind, bytes(18), bits))


def test_pixels_that_end_early():
    with pytest.raises(InputError, match=r"^the pixel data end within frame 2$"):
        found(seg("BINARY", bytes([1, 0])[:1], 1, count=2), count=2)
