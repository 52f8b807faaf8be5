"""Losses: focal and Dice of mask logits against a soft mask, and the error of the predicted IoU.

As Segment Anything was trained (Kirillov et al. 2023, appendix A), with two changes for few small
objects: a mask's focal loss is divided by the cells of both masks and not by those of the grid, and
a cell that an object covers by half is wanted by half, so that the edge comes between two cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    import torch

GAMMA = 2.0
"""Exponent of the focal loss (Lin et al. 2017, arXiv 1708.02002)."""
IOU_WEIGHT = 1.0
OTHERS_WEIGHT = 0.1
"""Weight of the candidates that are not the best one, which would else learn nothing."""
LEAST_CELLS = 8.0
"""Fewest cells that the focal loss is divided by."""


def mask_losses(logits: torch.Tensor, targets: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Focal plus Dice loss of each candidate mask.

    Args:
        logits: (N, C, 256, 256).
        targets: (N, 256, 256) part of each cell that the object covers, 0 to 1.
        inside: (256, 256) 1 where the grid lies in the image, 0 in its padding.

    Returns:
        (N, C).
    """
    wanted = targets[:, None].expand_as(logits)
    found = logits.sigmoid()
    error = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focal = (error * (found - wanted).abs() ** GAMMA * inside).sum(dim=(-1, -2))
    shared = (found * wanted * inside).sum(dim=(-1, -2))
    total = ((found**2 + wanted**2) * inside).sum(dim=(-1, -2))
    dice = 1 - (2 * shared + 1) / (total + 1)
    # by the cells of both masks: a candidate that takes in the whole image is one error, not many
    size = (((logits > 0) + wanted) * inside).sum(dim=(-1, -2)).clamp(min=LEAST_CELLS)
    return focal / size + dice


def prompt_loss(
    logits: torch.Tensor, scores: torch.Tensor, targets: torch.Tensor, inside: torch.Tensor
) -> torch.Tensor:
    """Loss of N prompts: the best candidate counts, and every score must say its own IoU.

    Args:
        logits: (N, C, 256, 256).
        scores: (N, C) predicted IoU.
        targets: (N, 256, 256) part of each cell that the object covers.
        inside: (256, 256) 1 where the grid lies in the image.

    Returns:
        The sum over the prompts, a scalar.
    """
    losses = mask_losses(logits, targets, inside)
    chosen = losses.min(dim=1).values + OTHERS_WEIGHT * losses.mean(dim=1)
    true_iou = overlap(logits.detach(), targets, inside)
    miss = ((scores - true_iou) ** 2).mean(dim=1)
    return (chosen + IOU_WEIGHT * miss).sum()


def overlap(logits: torch.Tensor, targets: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """IoU of each candidate with its object on the grid, (N, C); 0 where both are empty."""
    found = (logits > 0) & (inside > 0)
    wanted = (targets > 0.5)[:, None].expand_as(found)  # noqa: PLR2004 - half of a cell
    shared = (found & wanted).sum(dim=(-1, -2))
    either = (found | wanted).sum(dim=(-1, -2))
    return shared / either.clamp(min=1)
