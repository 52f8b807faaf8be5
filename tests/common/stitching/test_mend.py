"""Objects that their window cut, mended by what a window around the cut saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from squares import square

from sam_common.automatic.options import EverythingOptions
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.stitching.link import LinkedObject
from sam_common.stitching.mend import View, mend, segment_again
from sam_common.stitching.regions import drawn
from sam_common.stitching.straight_cuts import Cut, Line
from sam_common.window import Window

IMAGE = (100, 200)
CUT = Cut(Line(1, 100, 0, 100, 0), 20, 60)
AROUND = Window((0, 50), (100, 150))


def known(*instances):
    pieces = tuple(instance.region for instance in instances)
    return LinkedObject(pieces, 0.9, 0.95, seam_merged=False, members=((0, 0),), last=0)


def picture(found):
    mask = np.zeros(IMAGE, dtype=int)
    for piece in found.pieces:
        mask[piece.window.slices] += piece.mask
    assert mask.max() == 1  # disjoint
    return mask.astype(bool)


def test_what_the_moved_window_saw_whole_is_taken_from_it():
    found = mend(
        known(square(20, 60, 60, 100)), [CUT], View(AROUND, square(21, 61, 55, 130, 0.97)), IMAGE
    )
    assert (picture(found) == drawn([square(21, 61, 55, 130).region], Window.full(IMAGE))).all()
    assert (found.score, found.seam_merged, found.is_cut) == (0.97, True, False)


def test_of_a_larger_object_only_what_differs_at_the_cut_changes():
    before = known(square(20, 0, 60, 100))
    # beyond the cut it goes on; far from the cut the window lacks a corner, which stays
    seen = np.zeros(IMAGE, dtype=bool)
    seen[20:60, 50:120] = True
    seen[20:30, 50:60] = False
    answer = Instance(MaskRegion(AROUND, seen[AROUND.slices]), 0.9, 0.96)
    after = picture(mend(before, [CUT], View(AROUND, answer), IMAGE))
    expected = picture(before)
    expected[20:60, 100:120] = True
    assert (after == expected).all()


def test_what_the_window_does_not_have_at_the_cut_goes():
    before = known(square(20, 0, 60, 90), square(20, 90, 60, 100))
    answer = View(AROUND, square(20, 50, 60, 85))
    after = picture(mend(before, [CUT], answer, IMAGE))
    assert (after == picture(known(square(20, 0, 60, 85)))).all()


def ask(view, radius=25.0, **options):
    segmenter = FakeSegmenter(radius_px=radius, model_size=100)
    embedding = segmenter.embed(np.ones((100, 100, 3), dtype=np.uint8))
    settings = EverythingOptions(**options)
    return segment_again(segmenter, embedding, AROUND, view, options=settings)


def test_what_agrees_with_the_known_part_is_the_answer():
    # discs around points of a square of 40 x 40 agree with it well enough
    (found,) = ask([View(Window((0, 0), (100, 100)), square(20, 60, 60, 100))])
    assert found is not None
    assert found.region.window.stop[1] > 100


def test_what_disagrees_is_no_answer():
    # asked for by its own box, a small disc stays small
    assert ask([View(Window((0, 0), (100, 100)), square(20, 60, 60, 100))], radius=3.0) == [None]


def test_what_does_not_pass_the_filters_is_no_answer():
    view = View(Window((0, 0), (100, 100)), square(20, 60, 60, 100))
    assert ask([view], pred_iou_thresh=0.95) == [None]


class Doubtful(FakeSegmenter):
    """Sure of a mask only where it is asked for by a mask."""

    def decode(self, embedding, prompts, *, multimask=False):
        masks = super().decode(embedding, prompts, multimask=multimask)
        if prompts.mask_logits is None:
            return replace(masks, scores=masks.scores * 0 + 0.5)
        assert prompts.boxes_xyxy is not None
        assert not multimask
        return masks


def test_a_mask_that_becomes_sure_when_asked_for_by_itself_is_the_answer():
    segmenter = Doubtful(radius_px=25.0, model_size=100)
    embedding = segmenter.embed(np.ones((100, 100, 3), dtype=np.uint8))
    view = View(Window((0, 0), (100, 100)), square(20, 60, 60, 100))
    options = EverythingOptions()
    (found,) = segment_again(segmenter, embedding, AROUND, [view], options=options)
    assert found is not None
    assert found.score == pytest.approx(0.9)


def test_what_lies_elsewhere_is_not_asked_for():
    far = View(Window((0, 0), (100, 100)), square(20, 0, 60, 40))
    near = View(Window((0, 0), (100, 100)), square(20, 60, 60, 100))
    found = ask([far, near])
    assert found[0] is None
    assert found[1] is not None
    assert ask([far]) == [None]
