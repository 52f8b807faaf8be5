from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_common.frame import Frame
from sam_common.window import Window

coordinates = st.floats(-1e5, 1e5, allow_subnormal=False)


@st.composite
def frames(draw, ndim):
    """Rotated, sheared, mirrored and scaled frames far from singular."""
    noise = draw(hnp.arrays(np.float64, (ndim, ndim), elements=st.floats(-1, 1)))
    # an orthogonal matrix and steps of very different sizes
    turn, _ = np.linalg.qr(noise + 2 * np.eye(ndim))
    steps = draw(st.lists(st.floats(0.01, 500), min_size=ndim, max_size=ndim))
    shear = np.eye(ndim) + np.triu(
        draw(hnp.arrays(np.float64, (ndim, ndim), elements=st.floats(-1, 1))), 1
    )
    matrix = np.eye(ndim + 1)
    matrix[:ndim, :ndim] = turn @ shear @ np.diag(steps) * draw(st.sampled_from([-1, 1]))
    matrix[:ndim, ndim] = draw(st.lists(coordinates, min_size=ndim, max_size=ndim))
    return Frame.from_array(matrix)


def indices(ndim):
    shape = st.tuples(st.integers(0, 4), st.just(ndim))
    return hnp.arrays(np.float64, shape, elements=st.floats(-1000, 1000))


ndims = st.sampled_from([2, 3])
placed = ndims.flatmap(lambda n: st.tuples(frames(n), indices(n)))


def near(a, b, frame):
    """Equal to the rounding of float64 at the largest number that takes part."""
    size = np.abs(frame.array).max() * 1000 * frame.ndim
    np.testing.assert_allclose(a, b, rtol=0, atol=size * 1e-13)


@given(placed)
def test_to_index_undoes_to_world(case):
    frame, index = case
    back = frame.to_index(frame.to_world(index))
    assert back.shape == index.shape
    # a step of 0.01 at 1e5: seven digits of the world are lost to the index
    np.testing.assert_allclose(back, index, rtol=0, atol=1e-6)


@given(placed, st.data())
def test_crop_moves_the_index_by_the_start_of_the_window(case, data):
    frame, index = case
    start = data.draw(st.tuples(*[st.integers(-500, 500)] * frame.ndim))
    window = Window(start, tuple(s + 1 for s in start))
    near(frame.crop(window).to_world(index), frame.to_world(index + start), frame)


@given(placed, st.data())
def test_a_crop_of_a_crop_is_one_crop(case, data):
    frame, index = case
    starts = data.draw(st.tuples(*[st.tuples(*[st.integers(-99, 99)] * frame.ndim)] * 2))
    first, second = (Window(start, tuple(s + 1 for s in start)) for start in starts)
    both = first.shift(second.start)
    near(frame.crop(first).crop(second).to_world(index), frame.crop(both).to_world(index), frame)


@given(ndims.flatmap(lambda n: st.tuples(frames(n), frames(n), indices(n))))
def test_compose_runs_the_inner_frame_first(case):
    outer, inner, index = case
    expected = outer.to_world(inner.to_world(index))
    size = 1e5 + np.abs(inner.array).max() * 1000 * 3
    got = outer.compose(inner).to_world(index)
    np.testing.assert_allclose(got, expected, rtol=0, atol=np.abs(outer.array).max() * size * 1e-12)


@given(ndims.flatmap(indices))
def test_identity_names_world_axes_x_first(index):
    frame = Frame.identity(index.shape[1])
    np.testing.assert_array_equal(frame.to_world(index), index[:, ::-1])
    np.testing.assert_array_equal(frame.to_index(index[:, ::-1]), index)


@given(ndims.flatmap(frames))
def test_frames_are_values(frame):
    twin = Frame.from_array(np.array(frame.array))
    assert twin == frame
    assert hash(twin) == hash(frame)
    assert not frame.array.flags.writeable
    assert not frame.inverse_array.flags.writeable
