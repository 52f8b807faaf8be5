"""A task of the demo on a phantom: two box-shaped organs, of which the fake finds a little more."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.window import Window
from sam_med.demo.cases import Case, Task
from sam_med.objects.segments import Segment
from sam_med.prompts.object_prompt import ObjectPrompt

ORGANS = {
    "liver": (1, Window((1, 100, 60), (4, 150, 130))),
    "spleen": (2, Window((0, 170, 150), (5, 200, 200))),
}


@pytest.fixture
def task(phantom):
    truth = [
        Segment(name, value, window, np.ones(window.shape, bool))
        for name, (value, window) in ORGANS.items()
    ]
    boxes = [ObjectPrompt(name, value, window) for name, (value, window) in ORGANS.items()]
    values = {name: value for name, (value, _) in ORGANS.items()}
    # a name of the samples and of the parts, whose sources are told
    files = "abdomen_ct.nii.gz", "abdomen_ct_organs.nii.gz"
    case = Case("kidney", "Organs", *files, values, "o.nii.gz", "litemedsam")
    return Task(case, phantom, tuple(truth), tuple(boxes), {"labelled voxels in the body": "99 %"})
