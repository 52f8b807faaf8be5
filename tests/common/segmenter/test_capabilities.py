from __future__ import annotations

import itertools

import pytest

from sam_common.errors import CapabilityError
from sam_common.prompts import Prompts
from sam_common.published import checkpoints
from sam_common.segmenter.capabilities import Capabilities, check_kinds, check_prompts

KINDS = ("points", "boxes", "masks")
SETS = [frozenset(some) for n in range(4) for some in itertools.combinations(KINDS, n)]
GENERAL = (
    "use one of mobile_sam, sam_vit_b, sam_vit_l, sam_vit_h, sam2.1_hiera_tiny, "
    "sam2.1_hiera_small, sam2.1_hiera_base_plus, sam2.1_hiera_large"
)


@pytest.mark.parametrize("kinds", SETS, ids=lambda kinds: "+".join(sorted(kinds)))
def test_kinds_there_and_back(kinds):
    found = Capabilities.of(kinds)
    assert found.kinds == kinds
    assert found.multimask == ("points" in kinds)


def test_candidates_are_no_kind():
    assert Capabilities(points=False, boxes=True, masks=False, multimask=True).kinds == {"boxes"}


@pytest.mark.parametrize(("trained", "wanted"), list(itertools.product(SETS, SETS)))
def test_what_was_trained_may_be_asked_for(trained, wanted):
    if wanted <= trained:
        check_kinds("own", trained, wanted)
        return
    with pytest.raises(CapabilityError):
        check_kinds("own", trained, wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"points"}, f'model "own" takes boxes only, not points: {GENERAL}'),
        ({"points", "boxes"}, f'model "own" takes boxes only, not points: {GENERAL}'),
        ({"masks", "points"}, f'model "own" takes boxes only, not masks or points: {GENERAL}'),
    ],
)
def test_the_message_names_models_that_take_it(wanted, message):
    with pytest.raises(CapabilityError) as caught:
        check_kinds("own", frozenset({"boxes"}), frozenset(wanted))
    assert str(caught.value) == message


def test_prompts_are_checked_by_their_kinds():
    boxes_only = Capabilities.of(checkpoints.model_info("lite_medsam").prompts)
    check_prompts("own", boxes_only, Prompts.from_boxes([1, 2, 3, 4]))
    with pytest.raises(CapabilityError, match="not points"):
        check_prompts("own", boxes_only, Prompts.from_points([[1, 2]]))
