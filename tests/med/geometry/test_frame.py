from __future__ import annotations

import itertools
import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from grids import oblique_frames
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sam_common.errors import GeometryError
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames


@given(oblique_frames)
def test_there_and_back_through_itk(frame):
    assert_allclose(frames.from_itk(*frames.to_itk(frame)).array, frame.array, atol=1e-9)


@given(oblique_frames)
def test_there_and_back_through_ras(frame):
    assert frames.from_ras_affine(frames.to_ras_affine(frame)) == frame


@given(oblique_frames, st.tuples(*[st.integers(-50, 600)] * 3))
def test_index_to_millimetres_as_simpleitk_does(frame, ijk):
    image = sitk.Image(2, 2, 2, sitk.sitkUInt8)
    origin, spacing, direction = frames.to_itk(frame)
    image.SetOrigin(origin)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    expected = image.TransformIndexToPhysicalPoint(ijk)
    assert_allclose(frame.to_world(ijk[::-1]), expected, atol=1e-8)


@given(oblique_frames, st.tuples(*[st.integers(-50, 600)] * 3))
def test_index_to_millimetres_as_nibabel_does(frame, ijk):
    ras = nibabel.affines.apply_affine(frames.to_ras_affine(frame), ijk)
    assert_allclose(frame.to_world(ijk[::-1]), ras * (-1, -1, 1), atol=1e-8)


def test_edges_and_centres_by_hand():
    # spacing 2, 3, 4 mm along i, j, k; i runs to the right, so left shrinks
    frame = frames.from_itk((100, 10, 1), (2, 3, 4), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert frame.to_world((0, 0, 1)).tolist() == [98, 10, 1]
    assert frame.to_world((1, 2, 0)).tolist() == [100, 16, 5]
    assert frames.spacing_mm(frame) == (4, 3, 2)
    assert frames.voxel_volume_mm3(frame) == pytest.approx(24)


def test_real_files_agree_with_simpleitk(real):
    image = sitk.ReadImage(str(real.path))
    frame = read_volume(real.path).frame
    corners = itertools.product(*((0, n - 1) for n in image.GetSize()))
    for i, j, k in corners:
        expected = image.TransformIndexToPhysicalPoint((i, j, k))
        assert_allclose(frame.to_world((k, j, i)), expected, atol=1e-9)


def test_real_files_agree_with_their_facts(real):
    facts = read_volume(real.path).describe()
    image = real.facts["image"]
    assert facts["size_ijk"] == image["size_ijk"]
    # the facts are rounded
    assert_allclose(facts["spacing_ijk_mm"], image["spacing_mm"], atol=1e-5)
    assert_allclose(facts["origin_lps_mm"], image["origin_lps_mm"], atol=1e-4)
    assert_allclose(facts["direction_lps"], image["direction_lps"], atol=1e-6)


@pytest.mark.parametrize("name", ["ct_abdomen", "mni152", "mr_spine_oblique", "mr_spine_t2"])
def test_real_nifti_agrees_with_nibabel(name, data):
    folder = data / "med" / "volumes" / name
    for path in sorted(folder.glob("*.nii.gz")):
        volume, oracle = read_volume(path), nibabel.load(path)
        assert_allclose(frames.to_ras_affine(volume.frame), oracle.affine, atol=1e-6)
        assert np.array_equal(volume.array.T, np.asarray(oracle.dataobj))


def test_dicom_affine_as_the_facts_say(series):
    facts = json.loads((series / f"{series.name}.json").read_text())["dicom"]
    volume = read_volume(series / "series")
    # the facts have columns (column, row, slice); inside it is (k, j, i)
    expected = np.array(facts["affine_lps_col_row_slice"])[:, [2, 1, 0, 3]]
    assert_allclose(volume.frame.array, expected, atol=1e-4)
    assert volume.shape == (facts["slices"], facts["rows"], facts["columns"])
    assert volume.modality == facts["modality"]
    assert [path.name for path in volume.files] == facts["order"]


@pytest.mark.parametrize(
    ("spacing", "direction"),
    [((0, 1, 1), (1, 0, 0, 0, 1, 0, 0, 0, 1)), ((1, 1, 1), (float("nan"),) * 9)],
)
def test_axes_without_length_are_refused(spacing, direction):
    with pytest.raises(GeometryError, match="voxel axes must be finite and longer than 0 mm, got"):
        frames.from_itk((0, 0, 0), spacing, direction)


def test_the_shear_by_hand():
    tilt = np.radians(18.5)
    columns = (1, 0, 0, 0, np.cos(tilt), 0, 0, -np.sin(tilt), 1)
    frame = frames.from_itk((0, 0, 0), (1, 1, 4), columns)
    assert_allclose(frames.shear_degrees(frame), 18.5, rtol=1e-12)
