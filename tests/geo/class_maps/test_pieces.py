"""Pieces of random maps, against a search of the whole map at once; blocks change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from sam_common.tiled_job.progress import silent
from sam_common.window import Window
from sam_geo.class_maps import class_map, pieces
from sam_geo.class_maps.class_map import open_class_map
from sam_geo.class_maps.pieces import traced_pieces
from sam_geo.outlines.coverage import edge_count

LAWS = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
maps = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
)
blocks = st.tuples(st.sampled_from([1, 2]), st.integers(2, 4), st.sampled_from([1, 6, 2**20]))
"""The smallest block, windows in that unit, and the most edges of a block."""


@pytest.fixture
def with_blocks(monkeypatch):
    """Cut maps into small blocks."""

    def cut(sizes):
        least, windows, edges = sizes
        monkeypatch.setattr(pieces, "LEAST_SIDE", least)
        monkeypatch.setattr(class_map, "SIDE", least * windows)
        monkeypatch.setattr(pieces, "MOST_EDGES", edges)

    yield cut
    monkeypatch.undo()


@pytest.fixture
def find(memory_raster):
    """Figures and outlines of the pieces of a map."""

    def found(values, *, tolerance=0.0, probability=None, **options):
        bands = [values] if probability is None else [values, probability]
        with (
            memory_raster(np.stack(bands), **{"nodata": 0, **options}) as path,
            open_class_map(path) as classes,
            traced_pieces(classes, tolerance, silent) as result,
        ):
            outlines = result.outlines(np.arange(len(result))) if len(result) else []
            return result.figures, outlines

    return found


def brute(values):
    """Value, pixels and mask of each piece, in the order of first pixels."""
    found = []
    for value in np.unique(values[values > 0]).tolist():
        numbers, count = ndimage.label(values == value)
        found += [(value, numbers == n) for n in range(1, count + 1)]
    return sorted(found, key=lambda piece: int(np.flatnonzero(piece[1])[0]))


@LAWS
@given(maps, blocks)
def test_pieces_are_those_of_a_search_of_the_whole_map(find, with_blocks, values, sizes):
    with_blocks(sizes)
    rng = np.random.default_rng(values.size)
    probability = rng.integers(1, 101, values.shape).astype(np.uint8)
    figures, _ = find(values, probability=probability)
    expected = brute(values)
    assert figures.value.tolist() == [value for value, _ in expected]
    assert figures.pixels.tolist() == [int(mask.sum()) for _, mask in expected]
    assert figures.area_m2 == pytest.approx([mask.sum() * 0.25 for _, mask in expected], rel=2e-3)
    assert figures.per_cent.tolist() == [int(probability[mask].sum()) for _, mask in expected]


@LAWS
@given(maps, blocks)
def test_blocks_do_not_change_outlines(find, with_blocks, values, sizes):
    _, expected = find(values)
    with_blocks(sizes)
    _, found = find(values)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.normalize().equals_exact(other.normalize(), 0)


@LAWS
@given(maps, blocks, st.sampled_from([0.0, 1.0, 3.0]))
def test_outlines_of_any_blocks_are_a_coverage(find, with_blocks, values, sizes, tolerance):
    with_blocks(sizes)
    _, found = find(values, tolerance=tolerance)
    assert shapely.is_valid(found).all()
    assert shapely.coverage_is_valid(found)
    whole = shapely.union_all(found)
    assert shapely.area(found).sum() == pytest.approx(whole.area)
    if (values > 0).all():
        assert whole.equals(shapely.box(0, 0, *values.shape[::-1]))


def test_blocks_of_different_sizes_fit(find, with_blocks):
    values = np.ones((16, 16), dtype=np.uint8)
    values[8:, :8] = np.indices((8, 8)).sum(axis=0) % 2 + 1
    with_blocks((1, 8, 40))
    _, found = find(values)
    assert shapely.coverage_is_valid(found)
    assert shapely.area(found).sum() == 256


def test_what_has_no_class_is_no_piece(find):
    figures, outlines = find(np.zeros((3, 4), dtype=np.uint8))
    assert len(figures.value) == len(outlines) == 0


def test_every_value_counts_where_there_is_no_nodata(find):
    figures, _ = find(np.array([[0, 1], [0, 1]], dtype=np.uint8), nodata=None)
    assert figures.value.tolist() == [0, 1]


def test_negative_and_large_values_are_kept(find):
    values = np.array([[-5, 30_000, 30_000]], dtype=np.int16)
    figures, _ = find(values, nodata=None)
    assert figures.value.tolist() == [-5, 30_000]
    assert np.isnan(figures.per_cent).all()


def test_progress_counts_windows(find, with_blocks, memory_raster):
    with_blocks((1, 4, 2**20))
    seen = []

    class Count:
        def __init__(self, description, total):
            seen.append((description, total))

        def __enter__(self):
            return seen.append

        def __exit__(self, *_):
            pass

    values = np.ones((1, 8, 5), dtype=np.uint8)
    with (
        memory_raster(values) as path,
        open_class_map(path) as classes,
        traced_pieces(classes, 0, Count),
    ):
        assert seen == [("outlines", 4), 1, 1, 1, 1]


def test_blocks_have_few_edges_and_cover_the_window_in_rows(monkeypatch):
    monkeypatch.setattr(pieces, "LEAST_SIDE", 2)
    monkeypatch.setattr(pieces, "MOST_EDGES", 20)
    codes = np.ones((15, 13), dtype=np.int64)
    codes[8:, 8:] = np.indices((7, 5)).sum(axis=0) % 2
    window = Window((4, 6), (17, 17))
    found = list(pieces._blocks(window, codes))
    assert all(edge_count(part) <= 20 or max(block.shape) <= 2 for block, part in found)
    assert len(found) > 1
    starts = [block.start for block, _ in found]
    assert starts == sorted(starts)
    seen = np.zeros((20, 20), dtype=int)
    for block, part in found:
        seen[block.slices] += 1
        assert np.array_equal(part, codes[block.expand(1).within(window.expand(1)).slices])
    assert (seen[window.slices] == 1).all()
    assert seen.sum() == 13 * 11
