from __future__ import annotations

from cards import CARD

from sam_common.tuned.model_card import markdown

TRUE_BOX = (
    "| true box | 0.500 | 0.700 | +0.200 | +0.100 to +0.300 "
    "| box filled 0.600, ellipse in the box 0.650 |"
)


def test_a_card_for_people():
    text = markdown(CARD, name="mine.safetensors")
    for line in (
        "# mine.safetensors",
        "A network tuned from `mobile_sam` by sam-geomed 0.1.0.",
        "- base: `mobile_sam`, architecture `tiny_vit_1024`",
        f"- sha256 of the base: `{'ab' * 32}`",
        "- licence of the base: MIT",
        "- objects: 20 to learn, 6 to stop, 9 to judge",
        "- how they were parted: in space",
        TRUE_BOX,
        "| one point | 0.500 | 0.700 | +0.200 | +0.100 to +0.300 | disc of the usual size 0.400 |",
        "**Better.**",
        "- best epoch: 1",
        "- torch: 2.9",
    ):
        assert line in text.splitlines()
