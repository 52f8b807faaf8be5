"""Answers: what a segmenter finds for the known objects of an image, asked by box and by point."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sam_common.prompts import Prompts
from sam_common.training_data.simulated_prompts import middle, true_box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sam_common.masks.decoded import MaskRegion, Masks
    from sam_common.prompts import PromptKind
    from sam_common.segmenter.predictor import Embedding, Segmenter

    Pick: TypeAlias = Callable[[Masks, int], MaskRegion | None]
    """Chooses the mask of a prompt among its candidates, as the adapter's own jobs choose it."""


def best_scored(masks: Masks, n: int) -> MaskRegion | None:
    """The candidate of prompt `n` with the highest predicted IoU."""
    return masks.region(n, int(masks.scores[n].argmax()))


def answers(
    segmenter: Segmenter,
    embedding: Embedding,
    regions: Sequence[MaskRegion],
    kind: PromptKind,
    pick: Pick = best_scored,
) -> list[MaskRegion | None]:
    """The mask that a segmenter gives for each object, asked by its true box or its middle.

    Args:
        segmenter: Made the embedding.
        embedding: Of the image.
        regions: Masks of the objects, in indices of the image.
        kind: "boxes" or "points".
        pick: Chooses among the candidates of a point.
    """
    if not regions:
        return []
    if kind == "boxes":
        prompts = Prompts.from_boxes(np.array([true_box(region) for region in regions]))
    else:
        prompts = Prompts.from_points(np.array([middle(region) for region in regions]))
    several = kind == "points" and segmenter.capabilities.multimask
    found: list[MaskRegion | None] = []
    for masks in segmenter.decode_batches(embedding, prompts, multimask=several):
        found += [pick(masks, n) for n in range(len(masks))]
    return found
