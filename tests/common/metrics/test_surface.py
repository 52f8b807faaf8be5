from __future__ import annotations

import warnings

import numpy as np
import pytest
from mask_phantoms import SPACINGS, blob
from numpy.testing import assert_allclose
from skimage.measure import marching_cubes, mesh_surface_area

from sam_common.errors import InputError
from sam_common.metrics.surface import CORNERS, _areas, surface

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from surface_distance import lookup_tables


@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_block_has_the_published_area(spacing):
    """All 256 blocks, of which smooth objects show only some."""
    table = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    kernel = np.array(lookup_tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL)
    areas = _areas(np.diag(spacing))
    for code in range(256):
        inside = [corner for bit, corner in enumerate(CORNERS) if code >> bit & 1]
        assert areas[code] == pytest.approx(table[sum(kernel[corner] for corner in inside)])


@pytest.mark.parametrize("spacing", SPACINGS)
def test_areas_as_by_marching_cubes_of_another_library(spacing):
    mask = np.pad(blob(3), 1)
    _, areas = surface(mask, np.diag(spacing))
    vertices, faces, *_ = marching_cubes(mask.astype(float), 0.5, spacing=spacing)
    assert_allclose(areas.sum(), mesh_surface_area(vertices, faces), rtol=5e-3)


def test_one_voxel_by_hand():
    # an octahedron with corners half a voxel from the centre: 8 triangles of sqrt(3) / 8
    places, areas = surface(np.ones((1, 1, 1), bool), np.eye(3))
    assert_allclose(areas, np.full(8, np.sqrt(3) / 8))
    assert_allclose(
        sorted(map(tuple, places)),
        [(a, b, c) for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (-0.5, 0.5)],
    )


def test_a_box_by_hand():
    box = np.zeros((12, 12, 12), bool)
    box[1:11, 1:11, 1:11] = True
    _, areas = surface(box, np.eye(3))
    # six faces of 9 x 9 blocks, twelve edges of 9 blocks and eight corners
    assert areas.sum() == pytest.approx(6 * 81 + 12 * 9 * np.sqrt(0.5) + 8 * np.sqrt(3) / 8)


def test_the_edge_of_the_array_is_an_edge_of_the_object():
    inner = np.zeros((5, 6, 7), bool)
    inner[1:-1, 1:-1, 1:-1] = True
    places, areas = surface(inner, np.eye(3))
    cut, same = surface(inner[1:-1, 1:-1, 1:-1], np.eye(3))
    assert_allclose(same, areas)
    assert_allclose(cut + 1, places)


def test_a_block_and_its_inverse_have_the_same_area():
    areas = _areas(np.diag((1.0, 2.0, 3.0)))
    assert_allclose(areas, areas[::-1])


def test_areas_grow_with_the_square_of_the_spacing():
    _, small = surface(blob(1), np.diag((1.0, 2.0, 3.0)))
    _, large = surface(blob(1), np.diag((2.0, 4.0, 6.0)))
    assert_allclose(large, 4 * small)


def test_no_object_has_no_surface():
    places, areas = surface(np.zeros((3, 3, 3), bool), np.eye(3))
    assert (places.shape, areas.shape) == ((0, 3), (0,))


@pytest.mark.parametrize(
    ("mask", "steps"), [(np.ones((2, 2), bool), np.eye(3)), (np.ones((2, 2, 2), bool), np.eye(2))]
)
def test_what_has_no_three_axes(mask, steps):
    with pytest.raises(InputError) as caught:
        surface(mask, steps)
    assert str(caught.value) == (
        f"a surface needs a mask of 3 axes and steps of (3, 3), got {mask.shape} and {steps.shape}"
    )
