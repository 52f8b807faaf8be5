"""What an edit asks of objects, as the history of a session has it."""

from __future__ import annotations

import pytest

from sam_common.errors import PromptError
from sam_common.server.sessions.history import History
from sam_common.server.sessions.object_state import ChoiceState, MaskState


def pushed(history, edits):
    for edit in edits:
        history.push(edit)
    return history


def test_a_box_on_a_slice_of_what_was_propagated_is_a_correction():
    history = pushed(
        History(),
        [
            {"op": "add_object", "object": "o1", "name": "liver"},
            {"op": "set_box", "object": "o1", "box": [0, 0, 0, 9, 9, 9]},
            {"op": "propagated", "objects": ["o1"], "method": "planes"},
            {"op": "set_box", "object": "o1", "box": [1, 1, 8, 8], "axis": 0, "index": 4},
        ],
    )
    asked = history.state["o1"].asked
    assert (asked.method, len(asked.boxes), len(asked.corrections)) == ("planes", 1, 1)


def test_another_point_drops_what_was_propagated():
    history = pushed(
        History(),
        [
            {"op": "add_object", "object": "o1", "name": "liver"},
            {"op": "set_box", "object": "o1", "box": [0, 0, 0, 9, 9, 9]},
            {"op": "propagated", "objects": ["o1"], "method": "planes"},
            {"op": "add_point", "object": "o1", "point": [1, 1, 1], "label": 1},
        ],
    )
    assert history.state["o1"].asked.method is None


def test_what_is_not_there_is_named():
    with pytest.raises(PromptError, match="no object 'o9'"):
        History().push({"op": "clear", "object": "o9"})


def test_marks_follow_a_propagation_and_take_the_place_of_nothing():
    history = History()
    history.push({"op": "add_object", "object": "o1", "name": "liver"})
    mark = {"op": "add_mark", "object": "o1", "mark": "click", "points": [[1, 2, 3]], "label": 1}
    with pytest.raises(PromptError, match=r"^a mark corrects an object that was propagated"):
        history.push(mark)
    history.push({"op": "set_box", "object": "o1", "box": [0, 0, 0, 9, 9, 9]})
    history.push({"op": "propagated", "objects": ["o1"], "method": "planes"})
    history.push({"op": "set_box", "object": "o1", "box": [0, 0, 9, 9], "axis": 0, "index": 3})
    history.push(mark)
    history.push({**mark, "label": 0, "axis": 2})
    box, one, other = history.state["o1"].asked.corrections
    assert (box.place, one.place, one.axis, other.axis) == ((0, 3), None, None, 2)
    assert (one.points, one.label, other.label) == (((1, 2, 3),), 1, 0)
    with pytest.raises(PromptError, match="no object 'o2' in this session"):
        history.push({**mark, "object": "o2"})
    history.push({"op": "set_box", "object": "o1", "box": [1, 1, 9, 9], "axis": 0, "index": 3})
    assert history.state["o1"].asked.corrections[:2] == (one, other)


def test_a_choice_follows_a_propagation_and_ends_with_it():
    history = History()
    history.push({"op": "add_object", "object": "o1", "name": "liver"})
    choice = {"op": "choose_candidate", "object": "o1", "candidate": 2}
    with pytest.raises(PromptError) as refused:
        history.push(choice)
    assert str(refused.value) == (
        "there are no answers to choose from yet: propagate the object first"
    )
    history.push({"op": "set_box", "object": "o1", "box": [0, 0, 0, 9, 9, 9]})
    history.push({"op": "propagated", "objects": ["o1"], "method": "planes"})
    history.push({"op": "set_box", "object": "o1", "box": [0, 0, 9, 9], "axis": 0, "index": 3})
    history.push(choice)
    history.push({**choice, "candidate": 1})
    box, one, other = history.state["o1"].asked.corrections
    assert (box.place, one, other) == ((0, 3), ChoiceState(2), ChoiceState(1))
    history.push({"op": "propagated", "objects": ["o1"], "method": "planes"})
    assert history.state["o1"].asked.corrections == ()


def test_several_objects_with_their_masks_are_one_edit():
    mask = {"window": [[1, 2], [3, 4]], "size": [2, 2], "counts": [1, 3]}
    history = History()
    history.push(
        {
            "op": "add_objects",
            "objects": [
                {"object": "o1", "name": "roof 1", "class": "roof", "mask": mask},
                {"object": "o2", "name": "roof 2", "mask": mask},
            ],
        }
    )
    assert history.size_bytes == 2 * (512 + 40 * 2)
    one, two = history.state.values()
    assert (one.name, one.class_name, two.class_name) == ("roof 1", "roof", None)
    assert one.asked.masks == (MaskState(((1, 2), (3, 4)), (1, 3), is_final=True),)
    with pytest.raises(PromptError, match="there is an object 'o2' already"):
        history.push(
            {"op": "add_objects", "objects": [{"object": "o2", "name": "a", "mask": mask}]}
        )
    # a mask that is drawn later is a prompt
    history.push({"op": "set_mask", "object": "o1", "mask": mask})
    assert not history.state["o1"].asked.masks[0].is_final
    history.move(0)
    assert history.state == {}
