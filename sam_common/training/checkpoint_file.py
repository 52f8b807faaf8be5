"""Checkpoint file: the state of a training after an epoch, from which it goes on unchanged.

Nothing random is kept: each epoch draws from a generator of its own, made of the seed and its
number. So weights, moments of the optimiser and the history are all there is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sam_common.errors import InputError
from sam_common.support.files import atomic_output

if TYPE_CHECKING:
    from pathlib import Path

    import torch

FIRST, SECOND = "first_moment", "second_moment"


@dataclass(frozen=True, slots=True)
class Epoch:
    """The figures of one epoch."""

    number: int
    """From 1; 0 is the untuned network."""
    loss: float | None
    """Mean loss of a prompt; None for the untuned network."""
    stop: float
    """Mean IoU of the stopping part, over all kinds of prompts."""


@dataclass(slots=True)
class TrainingState:
    """A training after an epoch."""

    values: dict[str, torch.Tensor]
    """Weights that learn, by name."""
    mean: dict[str, torch.Tensor]
    """Their running mean over the last steps, which is what is judged."""
    best: dict[str, torch.Tensor]
    """The mean after the best epoch."""
    first: dict[str, torch.Tensor]
    """First moments of AdamW, by the name of the weight."""
    second: dict[str, torch.Tensor]
    """Second moments of AdamW, by the name of the weight."""
    steps: int = 0
    """Steps of the optimiser so far."""
    history: list[Epoch] = field(default_factory=list)
    """The epochs so far, the untuned network first."""

    @property
    def best_epoch(self) -> Epoch:
        """The epoch with the best stopping part; the earlier of two equals."""
        return max(self.history, key=lambda epoch: (epoch.stop, -epoch.number))


def write_state(path: Path, state: TrainingState) -> None:
    """Write a state, whole or not at all."""
    tensors = {
        f"{kind}:{name}": tensor.detach().cpu().contiguous()
        for kind, table in (
            ("value", state.values),
            ("mean", state.mean),
            ("best", state.best),
            (FIRST, state.first),
            (SECOND, state.second),
        )
        for name, tensor in table.items()
    }
    note = {
        "steps": json.dumps(state.steps),
        "history": json.dumps([asdict(epoch) for epoch in state.history]),
    }
    with atomic_output(path) as part:
        save_file(tensors, part, note)


def read_state(path: Path) -> TrainingState:
    """Read a state.

    Raises:
        InputError: If the file is damaged.
    """
    kinds = ("value", "mean", "best", FIRST, SECOND)
    tables: dict[str, dict[str, torch.Tensor]] = {kind: {} for kind in kinds}
    try:
        with safe_open(path, "pt") as file:
            note = file.metadata()
            for key in file.keys():  # noqa: SIM118 - no mapping
                kind, _, name = key.partition(":")
                tables[kind][name] = file.get_tensor(key)
        history = [Epoch(**entry) for entry in json.loads(note["history"])]
        steps = int(json.loads(note["steps"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read, so training cannot go on: delete {path.parent}"
        ) from error
    return TrainingState(
        tables["value"],
        tables["mean"],
        tables["best"],
        tables[FIRST],
        tables[SECOND],
        steps,
        history,
    )
