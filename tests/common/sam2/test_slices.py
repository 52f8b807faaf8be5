from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from sam_common.sam2.slices import SlicePrompt


def test_prompts_and_masks_are_known_without_torch():
    code = "import sys, sam_common.sam2.slices; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_prompt_does_not_change():
    prompt = SlicePrompt(np.zeros((1, 2)), np.ones(1, dtype=np.int64))
    with pytest.raises(dataclasses.FrozenInstanceError):
        prompt.labels = np.zeros(1, dtype=np.int64)
