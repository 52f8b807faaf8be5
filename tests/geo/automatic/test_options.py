"""Options of an automatic job: windows and crops that make no sense."""

from __future__ import annotations

import pytest

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import GeometryError, InputError
from sam_geo.automatic.options import AutoOptions
from sam_geo.results.finish import Finish


def test_options_that_make_no_sense():
    for name, value, message in (
        ("points_per_side", 0, "points_per_side must be at least 1, got 0"),
        ("pred_iou_thresh", 1.5, "pred_iou_thresh must be at most 1, got 1.5"),
        ("stability_score_offset", float("nan"), "finite number from 0 up, got nan"),
    ):
        with pytest.raises(InputError, match=message):
            EverythingOptions(**{name: value})
    with pytest.raises(InputError, match="--simplify must be a finite number from 0 up, got -1"):
        Finish(simplify=-1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((100, 51), "an overlap of 51 is too much for windows of 100 x 100 pixels: give --overlap"),
        ((100, 128), "an overlap of 128 .* give --overlap 50 or less"),
        ((15, None), "--tile-size must be at least 16, got 15"),
        ((0, None), "--tile-size must be at least 16, got 0"),
        ((None, -1), "--overlap must be 0 or more, got -1"),
    ],
)
def test_windows_that_make_no_sense_are_refused(options, message):
    with pytest.raises(GeometryError, match=message):
        AutoOptions(*options)


def test_more_layers_of_crops_than_make_sense_are_refused():
    for layers, calls in ((3, 85), (20, 1466015503701)):
        with pytest.raises(InputError, match=f"--crop-n-layers {layers} .* {calls} times"):
            AutoOptions(everything=EverythingOptions(crop_n_layers=layers))
    AutoOptions(everything=EverythingOptions(crop_n_layers=2))


@pytest.mark.parametrize(
    ("side", "overlap", "expected"),
    [(1024, None, 128), (256, None, 128), (255, None, 127), (100, None, 50), (100, 50, 50)],
)
def test_windows_share_128_pixels_or_half_of_their_side(side, overlap, expected):
    assert AutoOptions(overlap=overlap).overlap_of(side) == expected


def test_an_overlap_is_held_against_whatever_side_a_network_has():
    options = AutoOptions(overlap=200)
    assert options.overlap_of(1024) == 200
    with pytest.raises(GeometryError, match=r"an overlap of 200 .* 256 x 256 pixels: give --overl"):
        options.overlap_of(256)


def test_windows_are_enlarged_up_to_sixteen_times():
    AutoOptions(64).check_side(1024)
    AutoOptions().check_side(1024)
    with pytest.raises(GeometryError, match=r"enlarged 16 times .* give --tile-size 64 or more"):
        AutoOptions(63).check_side(1024)


def test_the_network_is_given_boxes_or_points():
    assert AutoOptions().kinds() == {"points"}
    assert AutoOptions(superpixels=True).kinds() == {"boxes"}
    assert AutoOptions().kinds(has_proposals=True) == {"boxes"}
