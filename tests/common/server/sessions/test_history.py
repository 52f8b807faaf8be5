"""The history of a session: edits, a cursor, and the states between."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import PromptError
from sam_common.server.sessions.history import KEPT_STATES, History
from sam_common.server.sessions.object_state import fold

NAMES = ("o1", "o2", "o3")
names = st.sampled_from(NAMES)
coordinates = st.lists(st.integers(0, 50).map(float), min_size=2, max_size=2)
slices = st.sampled_from([{}, {"axis": 0, "index": 3}, {"axis": 1, "index": 4}])
edits = st.one_of(
    st.builds(lambda o: {"op": "add_object", "object": o, "name": o}, names),
    st.builds(lambda o: {"op": "remove_object", "object": o}, names),
    st.builds(
        lambda o, p: {"op": "add_point", "object": o, "point": p, "label": 1}, names, coordinates
    ),
    st.builds(lambda o: {"op": "remove_point", "object": o, "index": 0}, names),
    st.builds(lambda o, s: {"op": "set_box", "object": o, "box": [0, 0, 9, 9], **s}, names, slices),
    st.builds(lambda o, s: {"op": "remove_box", "object": o, **s}, names, slices),
    st.builds(lambda o: {"op": "propagated", "objects": [o], "method": "planes"}, names),
    st.builds(
        lambda o, p: {"op": "add_mark", "object": o, "mark": "click", "points": [p], "label": 0},
        names,
        coordinates,
    ),
    st.builds(lambda o: {"op": "clear", "object": o}, names),
)


def pushed(history, edits):
    for edit in edits:
        # what makes no sense here leaves the history as it is
        with contextlib.suppress(PromptError):
            history.push(edit)
    return history


@given(st.lists(edits, max_size=30), st.integers(0, 30))
def test_as_many_redos_as_undos_give_the_same_state(given_edits, steps):
    history = pushed(History(), given_edits)
    before, cursor = history.state, history.cursor
    steps = min(steps, cursor)
    history.move(cursor - steps)
    history.move(cursor)
    assert history.state == before


@given(st.lists(edits, max_size=30))
def test_a_replayed_log_gives_the_same_state(given_edits):
    history = pushed(History(), given_edits)
    again = History()
    for edit in history.edits:
        again.push(edit)
    assert again.state == history.state


@given(st.lists(edits, max_size=20), edits)
def test_an_edit_does_not_change_the_state_before_it(given_edits, edit):
    history = pushed(History(), given_edits)
    before = dict(history.state)
    cursor = history.cursor
    pushed(history, [edit])
    assert history.at(cursor) == before
    assert "new" in fold(before, {"op": "add_object", "object": "new", "name": "n"})
    assert "new" not in before


def test_a_new_edit_forgets_what_was_undone():
    history = pushed(History(), [{"op": "add_object", "object": o, "name": o} for o in NAMES])
    history.move(1)
    history.push({"op": "rename_object", "object": "o1", "name": "other"})
    assert not history.can_redo
    assert [each["op"] for each in history.edits] == ["add_object", "rename_object"]


def test_a_long_history_keeps_few_states_and_all_edits():
    history = pushed(History(), [{"op": "add_object", "object": "o1", "name": "a"}])
    for n in range(1000):
        history.push({"op": "add_point", "object": "o1", "point": [n, n], "label": 1})
    assert len(history._states) <= KEPT_STATES
    for n in range(1001, 0, -1):
        assert len(history.state["o1"].asked.points) == n - 1
        history.move(n - 1)
    assert history.state == {}
    history.move(1001)
    assert len(history.state["o1"].asked.points) == 1000
    assert len(history._states) <= KEPT_STATES
    before = history.size_bytes
    history.move(1)
    history.push({"op": "clear", "object": "o1"})
    assert history.size_bytes < before / 100


@given(st.lists(edits, max_size=20), st.integers(0, 20))
def test_an_object_without_an_identifier_gets_one_that_no_edit_before_it_had(given_edits, steps):
    history = pushed(History(), given_edits)
    history.move(max(0, history.cursor - steps))
    used = {e["object"] for e in history.edits[: history.cursor] if e["op"] == "add_object"}
    ready = history.with_names({"op": "add_object", "name": "n"})
    assert ready["object"] not in used
    assert ready["object"] not in history.state
    two = {"op": "add_objects", "objects": [{"name": "a"}, {"name": "b", "object": "o9"}]}
    first, second = history.with_names(two)["objects"]
    assert (first, second["object"]) == ({"name": "a", "object": ready["object"]}, "o9")
    other = {"op": "clear", "object": "o1"}
    assert history.with_names(other) is other
