"""What a job with words may be asked for."""

from __future__ import annotations

import pytest

from sam_common.errors import InputError, PromptError
from sam_geo.words.options import WordOptions


def test_phrases_are_taken_without_their_spaces():
    assert WordOptions((" solar  panel ", "car")).phrases == ("solar panel", "car")


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"phrases": ()}, PromptError, "no words to look for"),
        ({"phrases": ("",)}, PromptError, "text 1 of 1 is empty"),
        ({"phrases": ("car", "CAR")}, PromptError, "given twice"),
        ({"phrases": ("car",), "threshold": 1.2}, InputError, "1.2"),
        ({"phrases": ("car",), "window": 5}, InputError, "at least 32 pixels, got 5"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, error, told):
    with pytest.raises(error, match=told):
        WordOptions(**wrong)
