"""Mosaics of Siemens and United Imaging, cut into their slices."""

from __future__ import annotations

import warnings

import nibabel
import numpy as np
import pytest
from dicom_faults import each, series
from numpy.testing import assert_allclose
from reference_nifti import FLOAT32_MM, compare
from scans import LINE, codes, message_of

from sam_med.files.read import read_volume
from sam_med.headers import mosaic


@pytest.mark.parametrize("implicit", [False, True])
def test_a_grid_is_cut_into_the_slices_that_it_states(implicit, dicom):
    places = [(10, 20, 30 + 3 * n) for n in range(5)]
    path, whole = dicom.grid(places, implicit=implicit)
    volume = read_volume(path)
    assert volume.shape == (5, 6, 8)
    for k in range(5):
        row, column = divmod(k, 3)
        tile = whole[row * 6 : row * 6 + 6, column * 8 : column * 8 + 8]
        assert np.array_equal(volume.array[k], tile)
        assert_allclose(volume.to_world([k, 0, 0]), places[k])


def test_a_grid_that_does_not_state_its_slices_is_refused(dicom):
    path, _ = dicom.grid([(10, 20, 30 + 3 * n) for n in range(5)], count=6)
    assert message_of(path).startswith("mosaic-unknown: ")


def test_mosaics_as_in_the_reference_nifti(data):
    folder = data / "med/dicom/mr_mosaic_axial_oblique"
    oracle = nibabel.load(folder / "reference/ax_asc_35sl_6.nii.gz")
    for time in (1, 2):
        volume = read_volume(folder / "series", time=time)
        voxels, apart = compare(volume, oracle, time=time - 1)
        assert (voxels, volume.shape) == (volume.array.size, (35, 64, 64))
        assert apart < FLOAT32_MM
        assert len(volume.files) == 1
        assert "mosaic" in codes(volume)


def test_a_mosaic_agrees_with_nibabels_own_reader(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls itself experimental
        from nibabel.nicom.dicomwrappers import wrapper_from_file

    path = data / "med/dicom/mr_mosaic_axial_oblique/series/01.dcm"
    oracle = wrapper_from_file(path)
    volume = read_volume(path)
    # its axes are row, column and slice
    kji = np.stack(np.indices(volume.shape), axis=-1).reshape(-1, 3)
    k, j, i = kji.T
    expected = nibabel.affines.apply_affine(oracle.affine, np.stack([j, i, k], axis=-1))
    assert np.abs(volume.to_world(kji) - expected).max() < 1e-6
    assert np.array_equal(volume.array[k, j, i], oracle.get_data()[j, i, k])


MOSAIC = {"Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}
FAULTS = [(series(LINE[:1], **MOSAIC), {"mosaic-unknown"}, "refused")]


@each(FAULTS)
def test_faults_of_mosaics_are_named(fault, expected, outcome, assert_named):
    assert_named(fault, expected, outcome)


@pytest.mark.parametrize("direction", [1, -1])
def test_tiles_follow_each_other_along_the_private_normal(direction, dicom, monkeypatch):
    """The private header of Siemens is made up; of its rounded normal only the direction counts."""
    csa = {
        "NumberOfImagesInMosaic": {"items": [3]},
        "SliceNormalVector": {"items": [0.0, 0.0, direction * 0.99999]},
    }
    monkeypatch.setattr(mosaic, "_csa", lambda _: csa)
    whole = np.arange(12 * 16, dtype=np.int16).reshape(12, 16)
    dicom.series(LINE[:1], whole[None], **MOSAIC, SpacingBetweenSlices=3)
    volume = read_volume(dicom.folder)
    assert volume.shape == (3, 6, 8)
    # the corner of the first tile lies (12 - 6) / 2 rows and (16 - 8) / 2 columns further in
    places = [(10 + 4 * 0.75, 20 + 3 * 0.5, 30 + direction * 3 * n) for n in range(3)]
    tiles = [whole[:6, :8], whole[:6, 8:], whole[6:, :8]]
    for k in range(3):
        n = k if direction > 0 else 2 - k
        assert_allclose(volume.to_world((k, 0, 0)), places[n])
        assert np.array_equal(volume.array[k], tiles[n])


@pytest.mark.parametrize("normal", [[0.0, 0.1, 0.99], [0.0, 0.0]])
def test_a_private_normal_that_contradicts_the_orientation_places_nothing(
    normal, dicom, monkeypatch
):
    csa = {
        "NumberOfImagesInMosaic": {"items": [3]},
        "SliceNormalVector": {"items": normal},
    }
    monkeypatch.setattr(mosaic, "_csa", lambda _: csa)
    dicom.series(LINE[:1], np.zeros((1, 12, 16), np.int16), **MOSAIC, SpacingBetweenSlices=3)
    assert message_of(dicom.folder).startswith("mosaic-unknown: ")
