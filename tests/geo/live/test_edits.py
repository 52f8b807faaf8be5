"""Edits of a client: checked, and brought from world coordinates to raster indices."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from sam_common.errors import CapabilityError, PromptError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.live import edits as module
from sam_geo.live.edits import Edits
from sam_geo.raster.frame import frame_from_affine

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)
TURNED = Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_800_000)
SIZE = (200, 300)


def edits(transform=NORTH_UP, segmenter=None):
    return Edits(frame_from_affine(transform), SIZE, segmenter or FakeSegmenter())


@pytest.mark.parametrize("transform", [NORTH_UP, TURNED])
def test_world_coordinates_become_indices_with_pixel_centres_at_integers(transform):
    # the centre of column 40, row 20: GDAL's affine counts from the pixel's corner
    world = transform @ (40.5, 20.5)
    edit = {"op": "add_point", "object": "o", "point": list(world), "label": 1, "space": "world"}
    ready = edits(transform).normalised(edit)
    assert ready["point"] == pytest.approx([40.0, 20.0], abs=1e-6)
    assert set(ready) == {"op", "object", "point", "label"}


def test_indices_stay_as_they_are():
    edit = {"op": "add_point", "object": "o", "point": [3, 4], "label": 0, "space": "pixel"}
    assert edits().normalised(edit)["point"] == [3.0, 4.0]


def test_a_box_of_a_turned_raster_is_the_upright_box_around_it():
    corners = [TURNED @ xy for xy in ((10.5, 20.5), (30.5, 20.5), (30.5, 60.5), (10.5, 60.5))]
    xs, ys = zip(*corners, strict=True)
    given = {
        "op": "set_box", "object": "o", "space": "world",
        "box": [min(xs), min(ys), max(xs), max(ys)],
    }  # fmt: skip
    box = edits(TURNED).normalised(given)["box"]
    around = [(x, y) for x in (min(xs), max(xs)) for y in (min(ys), max(ys))]
    inside = [~TURNED @ xy for xy in around]
    cols, rows = ([xy[n] - 0.5 for xy in inside] for n in (0, 1))
    assert box == pytest.approx([min(cols), min(rows), max(cols), max(rows)], abs=1e-6)
    assert box[2] - box[0] > 20


def test_corners_of_a_box_come_in_any_order():
    given = {"op": "set_box", "object": "o", "box": [30, 60, 10, 20]}
    assert edits().normalised(given)["box"] == [10, 20, 30, 60]


def test_what_is_none_is_left_out_and_a_mask_keeps_its_counts():
    mask = {"window": [[5, 6], [8, 10]], "size": [3, 4], "counts": (4, 8), "axis": None}
    given = {"op": "set_mask", "object": "o", "mask": mask, "axis": None, "index": None}
    assert edits().normalised(given) == {
        "op": "set_mask",
        "object": "o",
        "mask": {"window": [[5, 6], [8, 10]], "size": [3, 4], "counts": [4, 8]},
    }


def mask_of(window):
    (top, left), (bottom, right) = window
    return {"window": window, "size": [bottom - top, right - left], "counts": [1]}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"op": "set_box", "box": [1, 2, 3, 4], "axis": 0, "index": 2}, "axis and index are for"),
        ({"op": "set_mask", "mask": {**mask_of([[0, 0], [1, 1]]), "axis": 1}}, "are for volumes"),
        ({"op": "propagated", "objects": ["o"]}, "only volumes are propagated"),
        (
            {"op": "add_mark", "mark": "click", "points": [[1, 2]], "axis": 0},
            "marks correct objects of volumes",
        ),
        ({"op": "choose_candidate", "candidate": 2}, "objects of volumes are chosen from answers"),
        ({"op": "add_point", "point": [1, 2, 3]}, r"a point of a raster is \[x, y\], got 3"),
        ({"op": "set_box", "box": [1, 2, 3, 4, 5, 6]}, r"is \[x0, y0, x1, y1\], got 6 numbers"),
        ({"op": "set_mask", "mask": mask_of([[0, 0], [201, 5]])}, r"reaches to \(201, 5\)"),
        ({"op": "set_mask", "mask": mask_of([[0, 0], [5, 301]])}, r"the raster has \(200, 300\)"),
        ({"op": "add_point", "point": [1e308, 1e308], "space": "world"}, "too far from the raster"),
    ],
)
def test_what_is_no_edit_of_a_raster_is_refused(edit, message):
    with pytest.raises(PromptError, match=message), np.errstate(over="ignore"):
        edits().normalised({"object": "o", **edit})


def test_a_mask_of_too_many_pixels_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 20)
    edits().normalised({"op": "set_mask", "object": "o", "mask": mask_of([[0, 0], [4, 5]])})
    with pytest.raises(PromptError, match="at most 20 pixels"):
        edits().normalised({"op": "set_mask", "object": "o", "mask": mask_of([[0, 0], [3, 7]])})


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        ({"op": "add_point", "point": [1, 2], "label": 1}, "points"),
        ({"op": "move_point", "point": [1, 2], "index": 0}, "points"),
        ({"op": "set_box", "box": [1, 2, 3, 4]}, "boxes"),
        ({"op": "set_mask", "mask": mask_of([[0, 0], [2, 2]])}, "masks"),
    ],
)
def test_a_model_that_was_not_trained_for_a_prompt_says_so(edit, kind):
    every = {"points": True, "boxes": True, "masks": True}
    without = Capabilities(**{**every, kind: False}, multimask=False)
    with pytest.raises(CapabilityError, match=f"only, not {kind}"):
        edits(segmenter=FakeSegmenter(capabilities=without)).normalised({"object": "o", **edit})
    # what brings no prompt is no question to the model
    assert edits(segmenter=FakeSegmenter(capabilities=without)).normalised(
        {"op": "remove_point", "object": "o", "index": 0}
    ) == {"op": "remove_point", "object": "o", "index": 0}
