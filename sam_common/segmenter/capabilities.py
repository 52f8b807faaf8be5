"""Capabilities: the kinds of prompts that a checkpoint was trained for, and their check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from sam_common.errors import CapabilityError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.prompts import PromptKind
from sam_common.published import checkpoints

if TYPE_CHECKING:
    from sam_common.prompts import Prompts


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The prompts that a checkpoint was trained for, and whether it gives three masks for one."""

    points: bool
    boxes: bool
    masks: bool
    multimask: bool
    """Whether the checkpoint was trained to give three candidates for an ambiguous prompt."""

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of prompts that the checkpoint was trained for."""
        return frozenset(kind for kind in get_args(PromptKind) if getattr(self, kind))

    @classmethod
    def of(cls, kinds: frozenset[PromptKind]) -> Capabilities:
        """Capabilities of a checkpoint for these kinds; three candidates go with points."""
        points = "points" in kinds
        return cls(points=points, boxes="boxes" in kinds, masks="masks" in kinds, multimask=points)


def check_prompts(name: str, capabilities: Capabilities, prompts: Prompts) -> None:
    """Raise `CapabilityError` where a checkpoint was not trained for one of the prompt kinds."""
    check_kinds(name, capabilities.kinds, prompts.kinds)


def check_kinds(name: str, trained: frozenset[PromptKind], wanted: frozenset[PromptKind]) -> None:
    """Check kinds of prompts against those of a model, before a checkpoint is loaded.

    Args:
        name: Name of the model.
        trained: Kinds of prompts that the model was trained for.
        wanted: Kinds of prompts that it will be given.

    Raises:
        CapabilityError: If a wanted kind is not trained; the message names models that take it.
    """
    foreign = wanted - trained
    if not foreign:
        return
    able = [
        info.name
        for info in checkpoints.registry().values()
        if info.prompts >= wanted and not ARCHITECTURES[info.arch].is_tracker
    ]
    raise CapabilityError(
        f'model "{name}" takes {" and ".join(sorted(trained))} only, '
        f"not {' or '.join(sorted(foreign))}: use one of {', '.join(able)}"
    )
