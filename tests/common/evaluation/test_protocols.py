from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError
from sam_common.evaluation.protocols import (
    BEST_OF_THREE,
    BOX,
    EVERYTHING,
    PROTOCOLS,
    ask,
    next_click,
    protocols_for,
)
from sam_common.masks.decoded import MaskRegion
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from tests.oracles.lessons import disc

SIZE = (40, 50)
IMAGE = np.zeros((*SIZE, 3), dtype=np.uint8)
masks = hnp.arrays(np.bool_, (12, 15))


def whole(mask):
    return MaskRegion.tight((0, 0), mask)


def block(rows, cols):
    mask = np.zeros(SIZE, dtype=np.bool_)
    mask[slice(*rows), slice(*cols)] = True
    return mask


def test_a_box_is_asked_along_the_outer_edges_of_the_object():
    regions = [whole(block((3, 9), (4, 30))), whole(block((39, 40), (0, 50)))]
    (answer,) = ask(FakeSegmenter(), IMAGE, regions, [BOX])
    assert answer.protocol == BOX
    for region, found in zip(regions, answer.found, strict=True):
        assert found.window == region.window
        assert found.mask.all()


def test_the_first_click_is_deepest_inside():
    x, y, on_object = next_click(whole(block((10, 21), (10, 41))), None)
    assert on_object
    assert y == 15
    assert 15 <= x <= 35


@given(masks, masks)
def test_a_click_lies_in_the_deepest_error(wanted, found):
    wanted[3, 4] = True
    x, y, on_object = next_click(whole(wanted), whole(found))
    missing, surplus = wanted & ~found, found & ~wanted
    if not (missing | surplus).any():
        assert on_object
        assert wanted[y, x]
        return
    assert (missing if on_object else surplus)[y, x]
    # by another library, on the whole image
    depths = [
        ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1] for part in (missing, surplus)
    ]
    assert depths[0 if on_object else 1][y, x] == pytest.approx(
        max(depth.max() for depth in depths), rel=1e-4
    )


def test_no_pixel_is_clicked_twice():
    wanted = whole(block((5, 8), (5, 8)))
    done = []
    for _ in range(9):
        x, y, _ = next_click(wanted, None, done)
        assert (x, y) not in done
        done.append((x, y))


def test_clicks_go_on_from_what_is_wrong():
    """The fake answers each positive click with a disc, so every click adds one."""
    wanted = whole(disc(SIZE, (15, 12), 5) | disc(SIZE, (15, 35), 5) | disc(SIZE, (30, 25), 5))
    answers = {one.protocol: one for one in ask(FakeSegmenter(), IMAGE, [wanted], PROTOCOLS[:4])}
    assert list(answers) == [BOX, BEST_OF_THREE, "1 click", "3 clicks", "5 clicks"]
    areas = [answers[name].found[0].area_px for name in ("1 click", "3 clicks", "5 clicks")]
    assert areas[0] == 81
    assert areas[1] == areas[2] == wanted.area_px == 3 * 81


def test_many_objects_are_clicked_in_order(monkeypatch):
    monkeypatch.setattr("sam_common.evaluation.protocols.AT_ONCE", 2)
    regions = [whole(disc(SIZE, (8, col), 5)) for col in (6, 18, 30, 42)]
    answers = list(ask(FakeSegmenter(), IMAGE, regions, ["1 click"]))
    for answer in answers:
        assert [found.window for found in answer.found] == [one.window for one in regions]


def test_everything_gives_each_object_its_best_mask():
    regions = [whole(disc(SIZE, (20, 25), 5)), whole(block((0, 1), (0, 1)))]
    options = EverythingOptions(points_per_side=1)
    (answer,) = ask(FakeSegmenter(), IMAGE, regions, [EVERYTHING], options)
    assert answer.found[0].area_px == 81
    assert answer.found[1] is None


def test_the_image_is_embedded_once():
    fake = FakeSegmenter()
    list(ask(fake, IMAGE, [whole(block((3, 9), (4, 30)))], PROTOCOLS))
    assert len(fake.embedded) == 1


def test_protocols_that_a_network_can_do():
    boxes = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    assert protocols_for(boxes) == (BOX,)
    every = Capabilities(points=True, boxes=True, masks=True, multimask=True)
    assert protocols_for(every, ["everything", "box"]) == (BOX, EVERYTHING)
    with pytest.raises(InputError, match=r"takes boxes only, not what 1 click would ask"):
        protocols_for(boxes, ["1 click"])
    with pytest.raises(InputError, match="unknown protocol '2 clicks'"):
        protocols_for(every, ["2 clicks"])
