"""Diameters: by hand, against surfaces of scikit-image and ITK, and under changes of the grid."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from numpy.testing import assert_allclose
from scipy import ndimage
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation
from skimage.measure import marching_cubes

from sam_common.frame import Frame
from sam_common.window import Window
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.measurements.diameters import axes_of, farthest, maximum_3d_mm
from sam_med.objects.segments import Segment
from sam_med.segmentations.read import read_segmentation

TURNED = Rotation.from_euler("xyz", [12, -31, 47], degrees=True).as_matrix()


def grid(shape, spacing_kji=(1.0, 1.0, 1.0), turned=None):
    matrix = np.eye(4)
    steps = np.eye(3) if turned is None else turned
    matrix[:3, :3] = (steps * np.array(spacing_kji)[::-1])[:, ::-1]
    matrix[:3, 3] = (-250.0, 133.0, 900.0)
    return Volume(np.zeros(shape, np.int16), Frame.from_array(matrix))


def whole(mask):
    return Segment("lesion", 1, Window.full(mask.shape), mask)


def blob(seed, shape=(7, 22, 26)):
    """An irregular object of one piece, off the middle of its volume."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), (1, 2, 2))
    pieces, _ = ndimage.label(noise > np.quantile(noise, 0.75))
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def figures(volume, mask, axis=0):
    found = axes_of(volume, whole(mask), axis)
    return found.long_mm, found.short_mm, maximum_3d_mm(volume, whole(mask))


def test_one_voxel_is_as_long_as_it_is():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    assert_allclose(figures(grid((3, 3, 3), (5.0, 0.5, 2.0)), mask), (2.0, 0.5, 5.0))


def test_a_bar_is_as_long_as_its_voxels():
    mask = np.zeros((1, 4, 12), bool)
    mask[0, 2, 1:11] = True
    # ten voxels of 0.7 mm, one of 0.9 mm across
    assert_allclose(figures(grid(mask.shape, (5.0, 0.9, 0.7)), mask)[:2], (7.0, 0.9))


def test_a_rectangle_by_hand():
    """From the left of the first row to the right of the last one: 4 x 3 steps, so 5 mm."""
    mask = np.zeros((1, 7, 7), bool)
    mask[0, 1:5, 2:6] = True
    long_mm, short_mm, _ = figures(grid(mask.shape), mask)
    assert long_mm == pytest.approx(5.0)
    # of the diagonals, 3-4-5 triangles: what is perpendicular to one runs from edge to edge
    found = axes_of(grid(mask.shape), whole(mask))
    long, short = (ends[1] - ends[0] for ends in (found.long_kji, found.short_kji))
    assert abs(long @ short) <= 1e-9
    assert short_mm == pytest.approx(np.linalg.norm(short))
    assert short_mm == pytest.approx(5.0)


@pytest.mark.parametrize("degrees", [0, 17, 45, 71])
@pytest.mark.parametrize("spacing", [(3.0, 0.4, 0.4), (3.0, 0.9, 0.35)])
def test_axes_of_a_turned_ellipse(degrees, spacing):
    """An ellipse of 40 x 24 mm at any angle, on square and on oblong pixels, to a pixel."""
    rows, columns = (int(70 / step) for step in spacing[1:])
    y, x = np.mgrid[:rows, :columns] * np.array(spacing[1:])[:, None, None] - 35
    turn = np.radians(degrees)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    mask = ((along / 20) ** 2 + (across / 12) ** 2 <= 1)[None]
    long_mm, short_mm, _ = figures(grid(mask.shape, spacing, TURNED), mask)
    assert long_mm == pytest.approx(40, abs=max(spacing[1:]))
    assert short_mm == pytest.approx(24, abs=max(spacing[1:]))


def test_a_sphere_is_as_wide_as_it_is_drawn():
    """To a voxel."""
    z, y, x = np.mgrid[-20:21, -40:41, -40:41] * np.array([1.5, 0.7, 0.8])[:, None, None, None]
    mask = x**2 + y**2 + z**2 <= 25**2
    assert_allclose(figures(grid(mask.shape, (1.5, 0.7, 0.8)), mask), 50, atol=1.5)


@pytest.mark.parametrize("seed", range(4))
def test_the_farthest_points_of_the_surface(seed):
    """By all pairs of corners of scikit-image's surface: what pyradiomics calls Maximum3DDiameter,
    and on each slice Maximum2DDiameterSlice."""
    mask, spacing = blob(seed), (4.0, 0.6, 0.9)
    volume = grid(mask.shape, spacing, TURNED)
    corners, *_ = marching_cubes(np.pad(mask, 1).astype(float), 0.5)
    corners -= 1
    longest = max(
        pdist(corners[corners[:, 0] == k] * spacing).max()
        for k in np.flatnonzero(mask.any(axis=(1, 2)))
    )
    long_mm, _, most = figures(volume, mask)
    assert long_mm == pytest.approx(longest, rel=1e-6)
    assert most == pytest.approx(pdist(volume.to_world(corners)).max(), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_short_axis_by_a_fine_ruler(seed):
    """No line across the long axis is longer, of a thousand lines over the outline of the slice."""
    mask = blob(seed)
    volume = grid(mask.shape, (4.0, 0.6, 0.9))
    found = axes_of(volume, whole(mask))
    fine = 40
    big = ndimage.zoom(
        np.pad(mask[found.index], 1).astype(float), fine, order=1, grid_mode=True, mode="nearest"
    )
    rows, columns = np.nonzero(big > 0.5)
    points = np.column_stack([rows, columns]) + 0.5
    # padding by one voxel, and a voxel reaches half a step over its centre
    points = (points / fine - 1.5) * (0.6, 0.9)
    (y0, x0), (y1, x1) = found.long_kji[:, 1:] * (0.6, 0.9)
    along = np.array([y1 - y0, x1 - x0]) / found.long_mm
    place, height = points @ along, points @ np.array([-along[1], along[0]])
    bins = np.digitize(place, np.linspace(place.min(), place.max(), 1000))
    ruler = max(np.ptp(height[bins == n]) for n in np.unique(bins))
    assert found.short_mm == pytest.approx(ruler, abs=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_no_flip_and_no_turn_of_the_voxels_changes_a_diameter(seed):
    mask, spacing = blob(seed), (4.0, 0.7, 0.7)
    expected = figures(grid(mask.shape, spacing), mask)
    for axes in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
        assert_allclose(figures(grid(mask.shape, spacing), np.flip(mask, axes)), expected)
    for turns in (1, 2, 3):
        turned = np.rot90(mask, turns, axes=(1, 2))
        assert_allclose(figures(grid(turned.shape, spacing), turned), expected)
    assert_allclose(figures(grid(mask.shape, spacing), mask.transpose(0, 2, 1)), expected)


@pytest.mark.parametrize("seed", range(4))
def test_diameters_are_those_of_the_patient(seed):
    """However the patient lies; and with pixels of twice the length, twice as long."""
    mask, spacing = blob(seed), np.array((4.0, 0.6, 0.9))
    expected = np.array(figures(grid(mask.shape, spacing), mask))
    assert_allclose(figures(grid(mask.shape, spacing, TURNED), mask), expected)
    assert_allclose(figures(grid(mask.shape, 2 * spacing, TURNED), mask), 2 * expected)
    moved = np.pad(mask, ((2, 0), (5, 1), (0, 3)))
    assert_allclose(figures(grid(moved.shape, spacing), moved), expected)


@pytest.mark.parametrize("seed", range(3))
def test_slices_of_another_axis_are_those_of_the_turned_volume(seed):
    mask, spacing = blob(seed), np.array((4.0, 0.6, 0.9))
    for axis, order in ((1, (1, 0, 2)), (2, (2, 0, 1))):
        turned, volume = mask.transpose(order), grid(mask.transpose(order).shape, spacing[[*order]])
        expected = figures(volume, turned)[:2]
        found = axes_of(grid(mask.shape, spacing), whole(mask), axis)
        assert_allclose((found.long_mm, found.short_mm), expected)
        assert (found.long_kji[:, axis] == found.index).all()


def test_symmetric_objects_have_one_short_axis():
    """Of the long axes of one length, that with the longest short axis; whatever their order."""
    mask = np.zeros((4, 9, 9), bool)
    mask[:, 2:7, 3:6] = True
    mask[:, 4, 1:8] = True
    expected = figures(grid(mask.shape), mask)
    for turned in (mask[::-1, ::-1], mask[:, :, ::-1], np.rot90(mask, 1, axes=(1, 2))):
        assert_allclose(figures(grid(turned.shape), turned), expected)


def test_pieces_are_measured_as_one():
    mask = np.zeros((1, 5, 30), bool)
    mask[0, 2, 2:4] = mask[0, 2, 25:28] = True
    assert figures(grid(mask.shape), mask)[0] == pytest.approx(26)


def test_uneven_slices_count_at_their_places():
    mask = np.ones((3, 1, 1), bool)
    volume = grid(mask.shape, (5.0, 1.0, 1.0))
    places = volume.to_world([[0, 0, 0], [1, 0, 0], [2, 0, 0]])
    places[1:, 2] += (1.0, 4.0)
    uneven = replace(volume, origins_lps=places)
    # 14 mm between the outermost centres, and half of the outermost gaps beyond them
    assert maximum_3d_mm(uneven, whole(mask)) == pytest.approx(14 + 3 + 4)


def test_nothing_has_no_diameter():
    mask = np.zeros((2, 2, 2), bool)
    assert axes_of(grid(mask.shape), whole(mask)) is None
    assert maximum_3d_mm(grid(mask.shape), whole(mask)) is None


def test_organs_against_itk(data):
    """ITK's Feret diameter runs from centre to centre, so it is shorter by at most a voxel."""
    folder = data / "med/volumes/ct_abdomen"
    volume = read_volume(folder / "ct.nii.gz", modality="CT")
    file = read_segmentation(folder / "organs.nii.gz")
    oracle = sitk.LabelShapeStatisticsImageFilter()
    oracle.ComputeFeretDiameterOn()
    chosen = [segment for segment in file.segments if 200 < segment.voxels < 2000][:8]
    labels = sitk.ReadImage(str(folder / "organs.nii.gz"), sitk.sitkUInt8)
    kept = {segment.value: segment.value for segment in chosen}
    oracle.Execute(sitk.ChangeLabel(labels, {v: kept.get(v, 0) for v in range(1, 200)}))
    assert len(chosen) == 8
    diagonal = np.linalg.norm(volume.spacing_mm)
    for segment in chosen:
        feret = oracle.GetFeretDiameter(segment.value)
        most = maximum_3d_mm(volume, segment)
        assert feret <= most <= feret + diagonal
        found = axes_of(volume, segment)
        assert found.short_mm <= found.long_mm <= most + 1e-9
        ends = volume.to_world(found.long_kji)
        assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(found.long_mm)


def test_all_pairs_of_one_distance_are_found():
    corners = np.array(list(itertools.product((0.0, 3.0), (0.0, 4.0))))
    longest, pairs = farthest(corners)
    assert longest == pytest.approx(5)
    assert {frozenset(pair) for pair in pairs} == {frozenset((0, 3)), frozenset((1, 2))}


def test_a_sponge_takes_no_longer_than_its_edges():
    """A slice of noise has thousands of edges, of which all pairs would take long."""
    mask = np.random.default_rng(7).random((1, 120, 120)) < 0.6
    long_mm, short_mm, _ = figures(grid(mask.shape), mask)
    assert 160 < long_mm < 120 * np.sqrt(2)
    assert 160 < short_mm <= long_mm


def test_of_parallel_sides_the_middle_is_drawn():
    """Whatever voxels are around: the same object gives the same lines."""
    mask = np.zeros((1, 9, 30), bool)
    mask[0, 3:6, 4:25] = True
    found = axes_of(grid(mask.shape), whole(mask))
    assert abs(found.short_kji[:, 2].mean() - 14) <= 0.5
    padded = np.pad(mask, ((0, 0), (3, 2), (5, 1)))
    moved = axes_of(grid(padded.shape), whole(padded))
    for one, other in ((found.long_kji, moved.long_kji), (found.short_kji, moved.short_kji)):
        assert_allclose(other - one, [[0, 3, 5]] * 2, atol=1e-9)
