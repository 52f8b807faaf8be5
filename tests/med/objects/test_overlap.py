from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.objects.labels import paint
from sam_med.objects.overlap import OVERWRITE_LABELS, TOLD, overwrite_of, takes
from sam_med.objects.segments import Segment
from sam_med.objects.snomed import find_code

WINDOW = Window((0, 0, 0), (1, 1, 4))


def row(name, value, *voxels):
    mask = np.zeros(WINDOW.shape, dtype=bool)
    mask[0, 0, list(voxels)] = True
    return Segment(name, value, WINDOW, mask, find_code(name))


@pytest.mark.parametrize(
    ("later", "earlier", "expected"),
    [
        ("lesion", "liver", (False, True, True)),
        ("lesion 2", "lesion", (False, False, True)),
        ("lesion_2", "lesion 1", (False, False, True)),
        # one code, whatever the objects are called
        ("spleen", "Spleen", (False, False, True)),
        ("left kidney", "right kidney", (False, True, True)),
    ],
)
def test_what_is_taken(later, earlier, expected):
    one, other = row(later, 1, 0), row(earlier, 2, 0)
    assert tuple(takes(one, other, rule) for rule in OVERWRITE_LABELS) == expected


def test_three_objects_whose_order_alone_cannot_say_it():
    objects = [row("lesion 1", 1, 0, 1), row("liver", 2, 1, 2, 3), row("lesion 2", 3, 0, 2)]
    found = {
        rule: paint((1, 1, 4), objects, rule).array.ravel().tolist() for rule in OVERWRITE_LABELS
    }
    assert found == {"none": [1, 1, 2, 2], "other": [1, 2, 3, 2], "all": [3, 2, 3, 2]}


def test_every_rule_is_told():
    assert set(TOLD) == set(OVERWRITE_LABELS)
    assert overwrite_of("all") == "all"
    with pytest.raises(InputError, match=r"^labels overwrite none, other, all, got 'visible'$"):
        overwrite_of("visible")
