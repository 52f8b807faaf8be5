from __future__ import annotations

import json

import pytest

from sam_common.errors import InputError
from sam_common.training.options import TrainingOptions


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parts": "neck"}, "parts are decoder, encoder or both, got 'neck'"),
        ({"prompts": ("masks",)}, "prompts are boxes, points or both, got 'masks'"),
        ({"prompts": ()}, "prompts are boxes, points or both, got ''"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"learning_rate": 2.0}, "the learning rate lies between 0 and 1, got 2.0"),
        ({"seed": -1}, "the seed must not be negative, got -1"),
    ],
)
def test_options_are_checked(given, message):
    with pytest.raises(InputError) as caught:
        TrainingOptions(**given)
    assert str(caught.value) == message


def test_parts_by_name():
    assert TrainingOptions(parts="both").tuned == ("decoder", "encoder")
    assert TrainingOptions(parts="encoder").tuned == ("encoder",)
    assert json.loads(json.dumps(TrainingOptions().described()))["views"] == 8
