from __future__ import annotations

import re
from pathlib import Path

import pytest

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError

PLUGIN = Path(__file__).parents[3] / "sam_geo/qgis_plugin/sam_geomed/algorithm_automatic.py"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points_per_side": 0}, "points_per_side must be at least 1, got 0"),
        (
            {"crop_n_points_downscale_factor": 0},
            "crop_n_points_downscale_factor must be at least 1, got 0",
        ),
        ({"pred_iou_thresh": -0.1}, "pred_iou_thresh must be a finite number from 0 up, got -0.1"),
        (
            {"stability_score_offset": float("nan")},
            "stability_score_offset must be a finite number from 0 up, got nan",
        ),
        (
            {"min_mask_region_area": -1},
            "min_mask_region_area must be a finite number from 0 up, got -1",
        ),
        ({"box_nms_thresh": 1.1}, "box_nms_thresh must be at most 1, got 1.1"),
        ({"crop_overlap_ratio": 2}, "crop_overlap_ratio must be at most 1, got 2"),
        (
            {"crop_nms_thresh": float("inf")},
            "crop_nms_thresh must be a finite number from 0 up, got inf",
        ),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(InputError) as caught:
        EverythingOptions(**options)
    assert str(caught.value) == message


def test_options_at_their_ends():
    EverythingOptions(pred_iou_thresh=0, stability_score_thresh=1, stability_score_offset=9)
    EverythingOptions(points_per_side=1, min_mask_region_area=10**9)


def test_the_plugin_of_qgis_which_cannot_import_them_has_the_same_defaults():
    row = r"\(\s*self\.(\w+),\s*translate\([^)]*\),\s*\w+,\s*([\d.]+),"
    rows = dict(re.findall(row, PLUGIN.read_text()))
    known = EverythingOptions()
    assert {name: float(value) for name, value in rows.items()} == {
        "POINTS": known.points_per_side,
        "QUALITY": known.pred_iou_thresh,
        "STABILITY": known.stability_score_thresh,
        "LEAST": known.min_mask_region_area,
    }
