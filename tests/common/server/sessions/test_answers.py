"""Objects and masks in the JSON of protocol 1."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sam_common.server.client import Mask
from sam_common.server.sessions.answers import figures, mask_json, object_json, window_json
from sam_common.server.sessions.live_source import PlacedMask, Result
from sam_common.server.sessions.object_state import (
    Asked,
    BoxState,
    ChoiceState,
    MarkState,
    MaskState,
    ObjectState,
    PointState,
)
from sam_common.window import Window


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_a_mask_comes_back_from_its_run_lengths(rows, cols, seed):
    array = np.random.default_rng(seed).random((rows, cols)) < 0.5
    told = mask_json(PlacedMask(Window((5, 7), (5 + rows, 7 + cols)), array))
    assert told["window"] == [[5, 7], [5 + rows, 7 + cols]]
    assert told["size"] == [rows, cols]
    assert np.array_equal(Mask.from_json(told).array, array)


def test_only_a_mask_on_a_slice_says_which():
    window, array = Window((0, 0), (1, 1)), np.ones((1, 1), dtype=bool)
    assert not {"axis", "index"} & set(mask_json(PlacedMask(window, array)))
    placed = mask_json(PlacedMask(window, array, axis=0, index=0))
    assert (placed["axis"], placed["index"]) == (0, 0)


def test_an_object_is_told_with_its_prompts_and_corrections():
    asked = Asked(
        points=(PointState((3.0, 4.0), 0),),
        boxes=(BoxState((0.0, 0.0, 9.0, 9.0)),),
        method="planes",
        corrections=(
            BoxState((1.0, 1.0, 5.0, 5.0), (0, 7)),
            MaskState(((0, 0), (1, 1)), (0, 1), (0, 8)),
            MarkState("scribble", ((1.0, 2.0, 3.0), (4.0, 2.0, 3.0)), 0, 1),
            ChoiceState(3),
            ChoiceState(2),
        ),
    )
    code = (("meaning", "Liver"), ("scheme", "SCT"), ("value", "10200004"))
    state = ObjectState("o1", "liver", "organ", code, asked)
    window = Window((1, 2, 3), (4, 5, 6))
    told = object_json(state, Result("ok", window=window, area=7, score=0.5, confidence=0.25))
    assert told == {
        "object": "o1",
        "name": "liver",
        "class": "organ",
        "code": dict(code),
        "points": [{"point": [3.0, 4.0], "label": 0}],
        "boxes": [
            {"box": [0.0, 0.0, 9.0, 9.0], "axis": None, "index": None},
            {"box": [1.0, 1.0, 5.0, 5.0], "axis": 0, "index": 7},
        ],
        "marks": [
            {
                "mark": "scribble",
                "points": [[1.0, 2.0, 3.0], [4.0, 2.0, 3.0]],
                "label": 0,
                "axis": 1,
            }
        ],
        "propagated": "planes",
        "candidate": 2,
        "window": [[1, 2, 3], [4, 5, 6]],
        "score": 0.5,
        "confidence": 0.25,
        "status": "ok",
        "area": 7,
    }


def test_nothing_is_known_of_an_object_without_prompts():
    empty = {"score": None, "confidence": None, "status": "no_prompt", "area": 0}
    assert figures(Result("no_prompt")) == empty
    assert window_json(None) is None
    assert object_json(ObjectState("o1", "a"), Result("no_prompt"))["code"] is None
