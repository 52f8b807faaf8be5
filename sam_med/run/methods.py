"""Methods: how prompts become 3-D masks, and which prompts and networks each of them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from sam_common.errors import CapabilityError, InputError, PromptError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.prompts.object_prompt import ObjectPrompt

Method: TypeAlias = Literal["planes", "litemedsam", "memory"]
"""How prompts become 3-D masks: see the files of these names in `sam_med.propagate`, and the
room `sam_med.memory`."""
METHODS: tuple[Method, ...] = get_args(Method)
DEFAULT_METHOD: Method = "planes"
DEFAULT_MODEL = "lite_medsam"
"""Name of the network in the registry, where none is named."""


def method_of(name: str) -> Method:
    """The method with a name.

    Raises:
        InputError: There is no such method.
    """
    if name in METHODS:
        return name
    raise InputError(f"unknown method: {name} (known: {', '.join(METHODS)})")


def check_prompts(prompts: Sequence[ObjectPrompt], method: Method) -> None:
    """Raise `PromptError` where there is no prompt, or one that is wrong or not for the method.

    What method memory takes is checked by `sam_med.memory.course.course_of`.
    """
    if not prompts:
        raise PromptError("nothing to segment: give at least one box, point or mask")
    for prompt in prompts:
        prompt.check_parts()
        if method != "litemedsam":
            continue
        if prompt.box is None:
            raise PromptError(
                f"method {method} needs a 3-D box for each object, label {prompt.label} has none "
                "(use --method planes)"
            )
        if prompt.slice_boxes or prompt.points or prompt.mask is not None:
            raise PromptError(
                f"method {method} takes a 3-D box and nothing else, but label {prompt.label} has "
                "a box on a slice, a point or a mask too (use --method planes)"
            )


def check_model(
    prompts: Sequence[ObjectPrompt],
    segmenter: Segmenter | LoadedTracker,
    method: Method = DEFAULT_METHOD,
) -> None:
    """Raise `CapabilityError` where the model was not trained for the prompts or the method."""
    if (method == "memory") != hasattr(segmenter, "tracker"):
        raise _no_memory(segmenter.name) if method == "memory" else _only_memory(segmenter.name)
    can = segmenter.capabilities
    kinds = {"boxes": can.boxes, "points": can.points}
    _check_kinds(prompts, segmenter.name, {kind for kind, takes in kinds.items() if takes})


def check_model_name(
    prompts: Sequence[ObjectPrompt], name: str, method: Method = DEFAULT_METHOD
) -> None:
    """Do the check of `check_model` before a model of the registry is loaded, by its name."""
    from sam_common.network.architecture import ARCHITECTURES  # noqa: PLC0415
    from sam_common.published.checkpoints import registry  # noqa: PLC0415  # --help must stay fast

    if (info := registry().get(name)) is None:
        return
    known = ARCHITECTURES[info.arch]
    if method == "memory" and not known.is_sam2:
        raise _no_memory(name)
    if method != "memory" and known.is_tracker:
        raise _only_memory(name)
    _check_kinds(prompts, name, info.prompts)


def _no_memory(name: str) -> CapabilityError:
    return CapabilityError(
        f"method memory needs a SAM 2, and model {name} is none: --model medsam2, or one of "
        "sam2.1_hiera_tiny, sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large"
    )


def _only_memory(name: str) -> CapabilityError:
    return CapabilityError(
        f"model {name} only follows objects by its memory: give --method memory with it"
    )


def _check_kinds(prompts: Sequence[ObjectPrompt], name: str, kinds: Collection[str]) -> None:
    """Raise `CapabilityError` where a model does not take the kinds of prompts that are needed."""
    if "boxes" not in kinds:
        raise CapabilityError(f"model {name} takes no boxes, and each object needs one")
    pointed = [prompt.label for prompt in prompts if prompt.points]
    if pointed and "points" not in kinds:
        raise CapabilityError(
            f"model {name} takes no points, but label {pointed[0]} has some: give a box "
            "on a slice instead, or --model mobile_sam"
        )
