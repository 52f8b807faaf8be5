"""Multi-frame files: stacks, scales, time points and faults of their frames."""

from __future__ import annotations

import nibabel
import numpy as np
import pydicom
from dicom_faults import each
from scans import LINE, UNPLACED, message_of

from sam_med.files.read import read_volume


def test_frames_are_put_in_order(dicom):
    order = [3, 0, 5, 1, 4, 2]
    pixels = dicom.pixels(6)
    volume = read_volume(dicom.write(dicom.enhanced([LINE[n] for n in order], pixels)))
    assert volume.frame_numbers == tuple(order.index(k) + 1 for k in range(6))
    assert np.array_equal(volume.array, pixels[[order.index(k) for k in range(6)]])


def test_stacks_of_an_enhanced_file_have_their_own_scale(data):
    folder = data / "med/dicom/mr_enhanced_philips"
    field_map = read_volume(folder / "series", series=1)
    oracle = nibabel.load(folder / "reference/B0_e2_fieldmap.nii.gz")
    assert field_map.array.dtype == np.float32
    assert field_map.frame_numbers == tuple(range(33, 65))
    values = np.asarray(oracle.dataobj)
    ijk = np.stack(np.indices(values.shape), axis=-1).reshape(-1, 3)
    lps = nibabel.affines.apply_affine(oracle.affine, ijk) * (-1, -1, 1)
    k, j, i = np.rint(field_map.to_index(lps)).astype(int).T
    # dcm2niix takes the vendor's private scale: the last digits of 16 bits differ
    assert np.abs(field_map.array[k, j, i] - values[tuple(ijk.T)]).max() < 0.01
    magnitude = read_volume(folder / "series", series=2)
    assert magnitude.frame_numbers == tuple(range(1, 33))
    stored = pydicom.dcmread(next((folder / "series").iterdir())).pixel_array[:32]
    assert np.array_equal(magnitude.array, (stored * 1.27985347985347).astype(np.float32))


def test_one_multi_frame_file_is_the_series_it_was_made_of(data):
    folder = data / "med/dicom/ct_tiny_seg_multiframe"
    one, many = read_volume(folder / "multiframe/mf.dcm"), read_volume(folder / "series")
    assert np.array_equal(one.array, many.array)
    assert np.abs(one.frame.array - many.frame.array).max() < 1e-6 + 1e-5  # 5.0188 and 5.01881
    assert (one.frame_numbers, len(one.files)) == ((1, 2, 3), 1)
    assert (many.frame_numbers, len(many.files)) == ((), 3)


def test_time_points_of_an_enhanced_file(dicom):
    line = [(0, 0, 3 * n) for n in range(4)]
    pixels = np.arange(8 * 48, dtype=np.int16).reshape(8, 6, 8)
    frames = [{"time": t} for _ in line for t in (2, 1)]
    places = [place for place in line for _ in range(2)]
    path = dicom.write(dicom.enhanced(places, pixels, frames=frames))
    assert message_of(path).startswith("repeated-positions: each of 4 position(s) occurs 2 times")
    first, second = read_volume(path, time=1), read_volume(path, time=2)
    assert (first.frame_numbers, second.frame_numbers) == ((2, 4, 6, 8), (1, 3, 5, 7))
    assert np.array_equal(first.array, pixels[1::2])
    assert np.array_equal(second.array, pixels[::2])


def test_stacks_beside_each_other_are_series_of_their_own(dicom):
    line = [(0, 0, z) for z in (0, 2, 4, 50, 52, 54)]
    frames = [{"stack": "a"}] * 3 + [{"stack": "b"}] * 3
    path = dicom.write(dicom.enhanced(line, dicom.pixels(6), frames=frames))
    assert message_of(path).startswith("mixed-series: 2 series: ")
    assert [read_volume(path, series=n).frame_numbers for n in (1, 2)] == [(1, 2, 3), (4, 5, 6)]


def film(dicom):
    tags = {"Modality": "US", "NumberOfFrames": 4, **UNPLACED}
    dicom.write(dicom.dataset(dicom.pixels(4, np.uint8), **tags))


def two_stacks(dicom):
    frames = [{"kind": kind} for kind in "MP" for _ in LINE]
    dicom.write(dicom.enhanced([*LINE, *LINE], dicom.pixels(12), frames=frames))


FAULTS = [
    (film, {"repeated-positions", "multi-frame", "unplaced"}, "refused"),
    (two_stacks, {"mixed-series", "mixed-stacks", "multi-frame"}, "refused"),
]


@each(FAULTS)
def test_faults_of_frames_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)


def test_one_damaged_header_alone_is_refused(dicom):
    path = dicom.write(dicom.enhanced(LINE, dicom.pixels(6), NumberOfFrames=5))
    assert message_of(path) == (
        "unreadable-header: NumberOfFrames and the functional groups disagree "
        "(left out; a slice may be missing, so have the files checked)"
    )
