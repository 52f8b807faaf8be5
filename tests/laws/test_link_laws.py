"""Objects across windows: none cut, none doubled, none joined that only touch."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_common.stitching.layout import Layout
from sam_common.stitching.link import link
from sam_common.tiled_job.plan import tile_grid

SIZE = 768


@pytest.fixture(scope="module", params=["buildings", "fields", "parcels"])
def scene(request: pytest.FixtureRequest) -> scenes.Labels:
    """Small objects apart, fields larger than windows, parcels that touch."""
    return {
        "buildings": lambda: scenes.buildings(SIZE, 100),
        "fields": lambda: scenes.parcels(SIZE, 10),
        "parcels": lambda: scenes.parcels(SIZE, 300),
    }[request.param]()


@pytest.mark.parametrize(("side", "overlap"), [(256, 64), (300, 100), (2048, 0)])
def test_a_perfect_segmenter_gives_the_truth(scene: scenes.Labels, side: int, overlap: int) -> None:
    result = scenes.score(scene, *scenes.linked(scene, side=side, overlap=overlap))
    assert (result.missing, result.fragmented, result.false_merges) == (0, 0, 0)
    assert result.exact == result.truth


@pytest.mark.parametrize("origin", [(37, 101), (90, 3)])
def test_the_origin_of_the_windows_does_not_matter(
    scene: scenes.Labels, origin: tuple[int, int]
) -> None:
    part = scene[origin[0] :, origin[1] :]
    result = scenes.score(part, *scenes.linked(part, side=256, overlap=64))
    assert (result.missing, result.fragmented, result.false_merges) == (0, 0, 0)
    assert result.exact == result.truth


@pytest.mark.parametrize("jitter", ["shift", "edge"])
def test_outlines_that_differ_by_a_pixel_are_still_one_object(
    scene: scenes.Labels, jitter: str
) -> None:
    result = scenes.score(scene, *scenes.linked(scene, side=256, overlap=64, jitter=jitter))
    assert result.false_merges == 0
    # a cut through every fourth object or so: a few slivers in a thousand are allowed
    assert result.fragmented <= 0.006 * result.truth


@settings(max_examples=10, deadline=None)
@given(
    # few, as windows that begin at each pixel are as many
    st.integers(24, 60),
    st.integers(24, 60),
    st.integers(12, 40),
    st.integers(0, 11),
    st.integers(0, 2**16),
)
def test_pieces_are_disjoint_and_lie_where_an_instance_was(
    height: int, width: int, side: int, overlap: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (height // 8 + 1, width // 8 + 1)).astype(np.int32)
    labels = np.kron(labels, np.ones((8, 8), dtype=np.int32))[:height, :width]
    for jitter in (None, "shift", "edge"):
        windows = tile_grid(labels.shape, side=side, overlap=overlap)
        parts = [
            [found for _, found in scenes.seen_in(labels, window, jitter, seed)]
            for window in windows
        ]
        seen_windows: list[tuple[int, int]] = []
        for found in link(windows, parts.__getitem__, image_hw=labels.shape):
            drawn = np.zeros(labels.shape, dtype=int)
            union = np.zeros(labels.shape, dtype=bool)
            for piece in found.pieces:
                assert piece.mask.any()
                drawn[piece.window.slices] += piece.mask
            for n, i in found.members:
                region = parts[n][i].region
                union[region.window.slices] |= region.mask
            assert drawn.max() == 1
            assert not (drawn.astype(bool) & ~union).any()
            # no two instances of one window in an object
            assert len({n for n, _ in found.members}) == len(found.members)
            seen_windows += found.members
        assert len(set(seen_windows)) == len(seen_windows)


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(0, 39))
def test_cores_are_a_partition(height: int, width: int, side: int, overlap: int) -> None:
    windows = tile_grid((height, width), side=side, overlap=min(overlap, side - 1))
    drawn = np.zeros((height, width), dtype=int)
    for window, core in zip(windows, Layout(windows, (height, width)).cores, strict=True):
        assert window.contains(core)
        drawn[core.slices] += 1
    assert (drawn == 1).all()
