from __future__ import annotations

import pytest
import torch

from sam_common.errors import InputError
from sam_common.training.checkpoint_file import Epoch, TrainingState, read_state, write_state


def tensors(seed):
    return {"a.weight": torch.randn(3, 2, generator=torch.Generator().manual_seed(seed))}


def test_a_state_comes_back_as_it_was(tmp_path):
    history = [Epoch(0, None, 0.4), Epoch(1, 0.123456789012345, 0.5), Epoch(2, 0.1, 0.5)]
    state = TrainingState(*(tensors(n) for n in range(5)), 7, history)
    write_state(tmp_path / "s.safetensors", state)
    found = read_state(tmp_path / "s.safetensors")
    assert (found.steps, found.history) == (7, history)
    for name in ("values", "mean", "best", "first", "second"):
        assert torch.equal(getattr(found, name)["a.weight"], getattr(state, name)["a.weight"])
    assert found.best_epoch.number == 1  # the earlier of two equals


def test_a_damaged_state(tmp_path):
    path = tmp_path / "s.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError) as caught:
        read_state(path)
    assert str(caught.value) == (
        f"{path} cannot be read, so training cannot go on: delete {tmp_path}"
    )
