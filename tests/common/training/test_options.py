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


def test_few_objects_are_shown_as_often_as_they_need():
    usual = TrainingOptions()
    for objects in (4, 20, 34, 500):
        shown = objects * usual.epochs_for(objects)
        assert 2000 <= shown <= max(2000 + objects, 10 * objects)
    assert usual.epochs_for(1_000_000) == 10
    assert usual.patience_for(1_000_000) == 5
    given = TrainingOptions(epochs=7, patience=3)
    assert (given.epochs_for(4), given.patience_for(4)) == (7, 3)
    assert TrainingOptions(epochs=60).patience_for(4) == 20
