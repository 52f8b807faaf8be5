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
