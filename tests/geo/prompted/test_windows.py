from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import GeometryError
from sam_common.window import Window
from sam_geo.prompted.windows import needed_window, plan_windows, shared_windows, window_for
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.raster.frame import frame_from_affine
from sam_geo.raster.read_window import ReadWindow

SIDE = 256


def box_prompt(x0, y0, x1, y1, name=0):
    """A box by its pixel corners."""
    return GeoPrompt(name, box_xyxy=(x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5))


def point_prompt(x, y, name=0):
    return GeoPrompt(name, points_xy=((float(x), float(y)),), point_labels=(1,))


@st.composite
def scenes(draw):
    """A raster and prompts in it: boxes of any size, points, and some that lie outside."""
    height, width = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
    prompts = []
    for n in range(draw(st.integers(0, 12))):
        x0, x1 = sorted(draw(st.tuples(*[st.floats(0, width)] * 2)))
        y0, y1 = sorted(draw(st.tuples(*[st.floats(0, height)] * 2)))
        kind = draw(st.sampled_from(["box", "point", "outside"]))
        if kind == "box":
            prompts.append(box_prompt(x0, y0, max(x1, x0 + 1e-3), max(y1, y0 + 1e-3), n))
        elif kind == "point":
            prompts.append(point_prompt(min(x0, width - 1), min(y0, height - 1), n))
        else:
            prompts.append(GeoPrompt(n, status="outside"))
    return prompts, (height, width)


@given(scenes())
def test_every_placed_prompt_is_in_one_window_with_its_context(scene):
    prompts, size = scene
    plan = plan_windows(prompts, size, side=SIDE)
    members = sorted(n for read in plan for n in read.prompts)
    assert members == [n for n, prompt in enumerate(prompts) if prompt.is_placed]
    for read in plan:
        assert Window.full(size).contains(read.window)
        for n in read.prompts:
            assert read.window.contains(needed_window(prompts[n], size, side=SIDE))


@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_prompts_changes_nothing(scene, random):
    prompts, size = scene
    shuffled = list(prompts)
    random.shuffle(shuffled)

    def named(items):
        return {
            (read.window, read.size_hw): {items[n].prompt_id for n in read.prompts}
            for read in plan_windows(items, size, side=SIDE)
        }

    assert named(prompts) == named(shuffled)


@given(scenes())
def test_windows_have_the_models_size_and_reads_are_bounded(scene):
    prompts, size = scene
    for read in plan_windows(prompts, size, side=SIDE):
        needed = max(max(needed_window(prompts[n], size, side=SIDE).shape) for n in read.prompts)
        wanted = max(SIDE, needed)
        assert read.window.shape == tuple(min(wanted, side) for side in size)
        assert max(read.size_hw) <= 2 * SIDE
        if max(read.window.shape) <= 2 * SIDE:
            assert read.size_hw == read.window.shape
            assert read.scale_xy == (1.0, 1.0)


def test_a_small_raster_is_one_window():
    prompts = [box_prompt(0, 0, 10, 10), box_prompt(180, 90, 200, 100), point_prompt(50, 50)]
    (read,) = plan_windows(prompts, (100, 200), side=SIDE)
    assert read == ReadWindow(Window((0, 0), (100, 200)), (100, 200), (0, 1, 2))


def test_neighbours_share_a_window_and_far_ones_do_not():
    # windows of 256 px begin every 192: 960..1216 holds 1100 and 1000 with 32 px of context
    prompts = [box_prompt(x, 500, x + 20, 520) for x in (1100, 2000, 1000)]
    plan = plan_windows(prompts, (3000, 3000), side=SIDE)
    assert [read.prompts for read in plan] == [(0, 2), (1,)]
    assert plan[0].window == Window((384, 960), (640, 1216))
    assert plan[1].window == Window((384, 1920), (640, 2176))


@given(scenes())
def test_the_window_of_a_prompt_follows_from_the_prompt_alone(scene):
    prompts, size = scene
    for read in plan_windows(prompts, size, side=SIDE):
        for n in read.prompts:
            alone = window_for(prompts[n], size, side=SIDE)
            assert (alone.window, alone.size_hw) == (read.window, read.size_hw)


@given(st.integers(1, 3000), st.integers(1, 3000), st.data())
def test_what_fits_half_a_window_goes_to_a_window_that_is_encoded(height, width, data):
    x0, y0 = data.draw(st.floats(0, max(0, width - 1))), data.draw(st.floats(0, max(0, height - 1)))
    # with 32 px of context on both sides, half of a window's 256 px
    side = data.draw(st.floats(1, 256 // 2 - 64 - 2))
    encoded = shared_windows((height, width), side=SIDE)
    box = box_prompt(x0, y0, min(x0 + side, width), min(y0 + side, height))
    for prompt in (box, point_prompt(min(x0, width - 1), min(y0, height - 1))):
        assert window_for(prompt, (height, width), side=SIDE).window in encoded


def test_context_is_32_px_or_a_quarter_of_the_box():
    small = needed_window(box_prompt(500, 600, 520, 610), (2000, 2000), side=SIDE)
    assert small == Window((568, 468), (642, 552))
    large = needed_window(box_prompt(500, 600, 900, 700), (2000, 2000), side=SIDE)
    assert large == Window((500, 400), (800, 1000))
    corner = needed_window(box_prompt(0, 0, 20, 10), (2000, 2000), side=SIDE)
    assert corner == Window((0, 0), (42, 52))


def test_fractional_edges_touch_whole_pixels():
    need = needed_window(box_prompt(500.2, 600.9, 520.1, 610), (2000, 2000), side=SIDE)
    assert need == Window((600 - 32, 500 - 32), (610 + 32, 521 + 32))


def test_a_point_lies_in_the_middle_half_of_its_window():
    # windows of points begin every 128 px
    (read,) = plan_windows([point_prompt(1000, 700)], (3000, 3000), side=SIDE)
    assert read.window == Window((512, 896), (768, 1152))
    pair = [point_prompt(1000, 700), point_prompt(1080, 700)]
    (shared,) = plan_windows(pair, (3000, 3000), side=SIDE)
    assert shared.window == read.window  # both at least a quarter of 256 px from its edges


def test_a_box_larger_than_the_model_is_read_whole_and_coarser():
    prompt = box_prompt(100, 200, 1700, 1400)  # 1600 x 1200, context 400
    (read,) = plan_windows([prompt], (2500, 3000), side=SIDE)
    assert read.window == Window((0, 0), (2100, 2100))
    assert read.size_hw == (512, 512)
    assert read.scale_xy == (2100 / 512, 2100 / 512)


def test_up_to_two_model_sides_are_read_at_native_resolution():
    (read,) = plan_windows([box_prompt(500, 500, 800, 800)], (2500, 3000), side=SIDE)
    assert read.window.shape == read.size_hw == (450, 450)


def test_equal_large_boxes_share_their_window():
    prompts = [box_prompt(500, 500, 800, 800)] * 2
    (read,) = plan_windows(prompts, (2500, 3000), side=SIDE)
    assert read.prompts == (0, 1)


def test_into_the_image_and_back():
    read = ReadWindow(Window((10, 20), (50, 100)), (20, 20), ())
    assert read.scale_xy == (4.0, 2.0)
    # the outer corner of the window is the outer corner of the image
    assert read.point_into_image((19.5, 9.5)) == (-0.5, -0.5)
    assert read.box_into_image((19.5, 9.5, 99.5, 49.5)) == (-0.5, -0.5, 19.5, 19.5)
    corners = read.corners_into_raster(np.array([[0.0, 0.0], [20.0, 20.0]]))
    assert corners.tolist() == [[20.0, 10.0], [100.0, 50.0]]


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_the_image_has_the_rasters_world(x, y):
    read = ReadWindow(Window((10, 20), (50, 100)), (20, 20), ())
    frame = frame_from_affine(Affine(0.4, 0.3, 500, 0.3, -0.4, 900))
    image_x, image_y = read.point_into_image((x, y))
    np.testing.assert_allclose(
        read.image_frame(frame).to_world([image_y, image_x]), frame.to_world([y, x]), atol=1e-9
    )


def test_a_side_must_be_positive():
    with pytest.raises(GeometryError, match=r"^window side must be positive, got 0$"):
        plan_windows([], (10, 10), side=0)


def test_a_prompt_outside_has_no_window():
    with pytest.raises(GeometryError, match=r"^prompt 0 lies outside the raster: "):
        needed_window(box_prompt(500, 500, 600, 600), (10, 10), side=SIDE)
