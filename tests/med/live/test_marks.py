from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import PromptError
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.sessions.live_source import StepReporter
from sam_common.server.sessions.object_state import Asked, BoxState, MarkState
from sam_common.server.sessions.session import Session
from sam_med.live.edits import Edits
from sam_med.live.marks import mark_of
from sam_med.live.results import array_of

BOX = BoxState((10, 8, 2, 30, 28, 9))


def test_points_are_turned_into_array_order():
    mark = mark_of(MarkState("scribble", ((1.0, 2.0, 3.0), (4.0, 5.0, 3.0)), 0, 0))
    assert mark.points_kji == ((3, 2, 1), (3, 5, 4))
    assert (mark.positive, mark.axis) == (False, 0)


def full(live, result):
    whole = np.zeros(live.size, dtype=bool)
    whole[result.window.slices] = array_of(result)
    return whole


def test_a_mark_corrects_what_was_propagated_and_only_there(live):
    asked = Asked(boxes=(BOX,), method="planes")
    before = live.propagate(asked, StepReporter())
    marks = (
        MarkState("click", ((33.0, 20.0, 5.0),), 1, 0),
        MarkState("click", ((12.0, 10.0, 5.0),), 0, 0),
    )
    result = before
    for n, mark in enumerate(marks):
        one = Asked(boxes=(BOX,), method="planes", corrections=marks[: n + 1])
        result = live.segment(one, lambda _less, known=result: known)
        after = full(live, result)
        i, j, k = (int(v) for v in mark.points[0])
        assert after[k, j, i] == bool(mark.label)
    assert live.size_of(result) > result.size_bytes
    assert full(live, before)[5, 10, 12]


def test_undo_restores_every_voxel_and_a_replayed_log_gives_the_same(live, told):
    def opened():
        return Session("s1", "scan", "fake", FakeSegmenter(capabilities=BOXES_ONLY), live, {})

    session = opened()
    add = {"op": "add_mark", "object": "o", "label": 1}
    session.edit({"op": "add_object", "object": "o", "name": "liver"})
    session.edit({"op": "set_box", "object": "o", "box": [10, 8, 2, 30, 28, 9]})
    session.propagate(None, "planes", told)
    seen = [full(live, session.result_of("o"))]
    for mark in (
        {"mark": "click", "points": [[34, 20, 5]]},
        {"mark": "scribble", "points": [[12, 10, 4], [15, 10, 4]], "label": 0, "axis": 0},
        {"mark": "lasso", "points": [[35, 30, 7], [40, 30, 7], [40, 36, 7]]},
    ):
        session.edit({**add, **mark})
        seen.append(full(live, session.result_of("o")))
        assert not np.array_equal(seen[-1], seen[-2])
    with pytest.raises(PromptError, match="an earlier correction that it is in it: undo one"):
        session.edit({**add, "mark": "click", "points": [[34, 20, 5]], "label": 0})
    log = session.log()
    for before in seen[-2::-1]:
        session.undo()
        assert np.array_equal(full(live, session.result_of("o")), before)
    for after in seen[1:]:
        session.redo()
        assert np.array_equal(full(live, session.result_of("o")), after)
    again = opened()
    again.replay(log["edits"], log["cursor"], told)
    assert np.array_equal(full(live, again.result_of("o")), seen[-1])


BOXES_ONLY = Capabilities(points=False, boxes=True, masks=False, multimask=False)


@pytest.fixture
def edits(live):
    return Edits(live.volume, live.slices, FakeSegmenter(capabilities=BOXES_ONLY))


def test_a_mark_in_mm_and_in_voxels_on_a_network_of_boxes(edits):
    add = {"op": "add_mark", "object": "o", "mark": "click", "label": 1}
    for point, space in (([12, 7, 3], "pixel"), ([22, 27, 36], "world")):
        ready = edits.normalised({**add, "points": [point], "space": space})
        assert ready == {**add, "points": [[12.0, 7.0, 3.0]]}


@pytest.mark.parametrize(
    ("mark", "points", "expected"),
    [
        ("click", [[12, 7]], "a point of a volume is [i, j, k], got 2 numbers"),
        ("click", [[50, 7, 3]], "the click lies outside the volume: ijk 50,7,3, but"),
        ("line", [[5, 7, 3]] * 2, "a line of length zero says nothing"),
        ("lasso", [[5, 7, 3], [6, 7, 3]], "a lasso takes three or more points"),
        ("scribble", [[5, 7, 3], [9, 12, 8]], "the scribble at ijk 5,7,3 lies on no slice"),
        ("lasso", [[5.1, 7.1, 3], [5.2, 7.1, 3], [5.1, 7.2, 3]], "the lasso at ijk"),
    ],
)
def test_marks_that_say_nothing(mark, points, expected, edits):
    with pytest.raises(PromptError) as caught:
        edits.normalised({"op": "add_mark", "object": "o", "mark": mark, "points": points})
    assert str(caught.value).startswith(expected)
