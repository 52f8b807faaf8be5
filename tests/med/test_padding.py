"""Padding stands for no pixel: it is in no window, no percentile and no measurement."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.measurements.measure import measure
from sam_med.objects.segments import Segment
from sam_med.slices.embedding_cache import embedding_store
from sam_med.slices.window_level import choose_stretch

LINE = [(10, 20, 30 + 2 * n) for n in range(4)]

TISSUE = np.random.default_rng(1).integers(100, 700, (4, 12, 16)).astype(np.uint16)
OUTSIDE = np.zeros(TISSUE.shape, dtype=bool)

OUTSIDE[:, :3] = True


def padded(dicom, value, *, modality="MR", **tags):
    pixels = np.where(OUTSIDE, value, TISSUE).astype(np.uint16)
    dicom.series(LINE, pixels, Modality=modality, PixelPaddingValue=value, **tags)
    return read_volume(dicom.folder)


def test_it_is_left_out_of_the_stretch_and_becomes_background(dicom):
    volume = padded(dicom, 65535)
    stretch = choose_stretch(volume)
    tissue = Volume(TISSUE[:, 3:], Frame.identity(3), "MR")
    alone = choose_stretch(tissue)
    assert (stretch.lower, stretch.upper) == (alone.lower, alone.upper)
    assert (stretch.darkest, stretch.brightest) == (alone.darkest, alone.brightest)
    shades = stretch.apply(volume.array)
    assert not shades[OUTSIDE].any()
    assert np.array_equal(shades[:, 3:], alone.apply(TISSUE[:, 3:]))
    assert stretch.padding == ((65535.0, 65535.0),)


def test_it_is_background_where_high_values_are_dark_too(dicom):
    volume = padded(dicom, 65535, PhotometricInterpretation="MONOCHROME1")
    assert not choose_stretch(volume).apply(volume.array)[OUTSIDE].any()


def test_it_is_told_and_kept_in_the_voxels(dicom):
    volume = padded(dicom, 65535)
    assert (volume.array[OUTSIDE] == 65535).all()
    (told,) = [d for d in volume.diagnostics if d.code == "padding"]
    assert told.message == "192 voxels, 25.0%, are padding (65535)"


def test_it_is_left_out_of_measurements(dicom):
    volume = padded(dicom, 65535)
    whole = Segment("all", 1, Window.full(volume.shape), np.ones(volume.shape, bool))
    part = Segment("part", 2, Window((1, 2, 3), (3, 8, 9)), np.ones((2, 6, 6), bool))
    for row, values, left in zip(
        measure(volume, [whole, part]),
        (TISSUE[:, 3:], TISSUE[1:3, 3:8, 3:9]),
        (192, 12),
        strict=True,
    ):
        assert (row.minimum, row.maximum) == (values.min(), values.max())
        assert_allclose([row.mean, row.sd], [values.mean(), values.std()])
        assert row.padding_voxels == left
    assert measure(volume, [whole])[0].voxels == volume.array.size


def test_an_object_of_nothing_but_padding_has_no_intensities(dicom):
    volume = padded(dicom, 65535)
    one = Segment("out", 1, Window((0, 0, 0), (1, 2, 2)), np.ones((1, 2, 2), bool))
    (row,) = measure(volume, [one])
    assert (row.voxels, row.padding_voxels, row.mean, row.maximum) == (4, 4, None, None)


def test_it_is_rescaled_with_the_voxels_of_its_slice(dicom):
    pixels = np.where(OUTSIDE, 4000, TISSUE).astype(np.uint16)
    for n, place in enumerate(LINE):
        dicom.write(
            dicom.dataset(
                pixels[n],
                ImagePositionPatient=list(place),
                Modality="PT",
                RescaleSlope=0.1 + 0.3 * n,
                PixelPaddingValue=4000,
            )
        )
    volume = read_volume(dicom.folder)
    assert volume.array.dtype == np.float32
    for k in range(4):
        assert np.array_equal(volume.is_padding(k), OUTSIDE[k])
    assert choose_stretch(volume).brightest < 700


def test_a_volume_of_nothing_but_padding_is_refused(dicom):
    pixels = np.full(TISSUE.shape, 65535, np.uint16)
    dicom.series(LINE, pixels, Modality="MR", PixelPaddingValue=65535)
    with pytest.raises(InputError, match="give --window and --level"):
        choose_stretch(read_volume(dicom.folder))
    with pytest.raises(InputError, match="every voxel is padding: there is nothing to segment"):
        choose_stretch(read_volume(dicom.folder), width=100, level=50)


def test_embeddings_with_and_without_padding_are_different_ones(plain_frame, tmp_path):
    volume = Volume(TISSUE, plain_frame, "MR")
    other = Volume(TISSUE, plain_frame, "MR", padding=((650.0, 660.0),) * 4)
    stretches = [choose_stretch(one, width=1000, level=50) for one in (volume, other)]
    stores = [embedding_store(volume, s, FakeSegmenter(), folder=tmp_path) for s in stretches]
    assert len({store.folder for store in stores}) == 2
