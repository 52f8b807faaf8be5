"""Practice: gradients from some objects of an image, asked as a person would ask.

```
each object: a drawn box, or a click -> loss
  every other time: a click on what is still wrong, with the mask so far -> loss
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from sam_common.network.preprocess import prepare
from sam_common.prompts import Prompts
from sam_common.training.losses import prompt_loss
from sam_common.training.trainable import stacked
from sam_common.training_data.simulated_prompts import click, correction, drawn_box
from sam_common.training_data.targets import inside, soft_mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sam_common.masks.decoded import MaskRegion
    from sam_common.prompts import PromptKind
    from sam_common.training.course import Course

CORRECTED = 0.5
"""Share of the batches that get a correction too."""
HIGHEST = 32.0
"""Logits of a mask prompt beyond this are cut: a sure network gives a few tens."""


def practise(
    course: Course, n: int, v: int, regions: Sequence[MaskRegion], random: np.random.Generator
) -> tuple[float, int]:
    """Add the gradients of some objects of an image in one view to what learns.

    Args:
        course: What is learned.
        n: Number of the image.
        v: Number of its view.
        regions: Masks of the objects in that view.
        random: Chooses the prompts.

    Returns:
        The sum of the losses, and the number of prompts.
    """
    trainable = course.trainable
    if trainable.learns_encoder:
        image = course.views.image(n, v)
        pixels, input_hw = prepare(image, course.preprocess)
        encoded = trainable.encode(pixels[None])
        features = encoded.detach().requires_grad_()
        image_hw = (image.shape[0], image.shape[1])
    else:
        embedding = course.views.embedding(n, v)
        image_hw, input_hw = embedding.image_size_hw, embedding.input_size_hw
        encoded = features = stacked([np.asarray(embedding.features)[0]], trainable.device)
    scene = _Scene(course, features, image_hw, input_hw)
    loss, count = 0.0, 0
    for part, prompts, several in _practice(course.kinds, scene, regions, random):
        found, asked = _learn(scene, part, prompts, random, several=several, share=len(regions))
        loss, count = loss + found, count + asked
    if trainable.learns_encoder and features.grad is not None:
        encoded.backward(features.grad)  # type: ignore[no-untyped-call]
    return loss, count


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """An image in one view, ready for prompts."""

    course: Course
    features: torch.Tensor
    image_hw: tuple[int, int]
    input_hw: tuple[int, int]

    @property
    def scale_xy(self) -> np.ndarray:
        """Pixels of the network's input for one pixel of the image."""
        (height, width), (rows, cols) = self.image_hw, self.input_hw
        if self.course.preprocess.resize == "area":
            return np.full(2, self.course.preprocess.size / max(height, width))
        return np.array([cols / width, rows / height])


def _practice(
    kinds: Sequence[PromptKind],
    scene: _Scene,
    regions: Sequence[MaskRegion],
    random: np.random.Generator,
) -> Iterator[tuple[list[MaskRegion], Prompts, bool]]:
    """Objects of each kind of prompt, their prompts, and whether three candidates are asked for."""
    chosen = random.integers(len(kinds), size=len(regions))
    for k, kind in enumerate(kinds):
        part = [region for region, own in zip(regions, chosen, strict=True) if own == k]
        if not part:
            continue
        if kind == "boxes":
            boxes = [drawn_box(region, scene.image_hw, random) for region in part]
            yield part, Prompts.from_boxes(np.array(boxes)), False
        else:
            points = [click(region, random) for region in part]
            several = scene.course.capabilities.multimask
            yield part, Prompts.from_points(np.array(points)), several


def _learn(
    scene: _Scene,
    regions: Sequence[MaskRegion],
    prompts: Prompts,
    random: np.random.Generator,
    *,
    several: bool,
    share: int,
) -> tuple[float, int]:
    """Gradients of prompts of one kind, and perhaps of a correction; their loss and number."""
    course, size = scene.course, scene.course.preprocess.size
    targets = [soft_mask(one, scene.image_hw, scene.input_hw, size) for one in regions]
    wanted = stacked(targets, course.trainable.device)
    within = stacked([inside(scene.input_hw, size)], course.trainable.device)[0]

    def once(asked: Prompts, *, multimask: bool) -> tuple[float, torch.Tensor]:
        logits, scores = course.trainable.decode(
            scene.features, asked, scene.scale_xy, multimask=multimask
        )
        loss = prompt_loss(logits, scores, wanted, within)
        (loss / share).backward()  # type: ignore[no-untyped-call]
        best = scores.detach().argmax(dim=1)
        return float(loss.detach()), logits.detach()[torch.arange(len(best)), best]

    total, logits = once(prompts, multimask=several)
    count = len(regions)
    takes_clicks = {"points", "masks"} <= course.capabilities.kinds and "points" in course.kinds
    if takes_clicks and random.random() < CORRECTED:
        corrected = _corrected(scene, prompts, logits.cpu().numpy(), targets, random)
        more, _ = once(corrected, multimask=False)
        total, count = total + more, count + len(regions)
    return total, count


def _corrected(
    scene: _Scene,
    prompts: Prompts,
    logits: np.ndarray,
    targets: Sequence[np.ndarray],
    random: np.random.Generator,
) -> Prompts:
    """The prompts with a click each on what is still wrong, and the masks so far."""
    scale = scene.input_hw[1] / scene.image_hw[1], scene.input_hw[0] / scene.image_hw[0]
    cells = [each * logits.shape[-1] / scene.course.preprocess.size for each in scale]
    clicks = [
        correction(found > 0, target > 0.5, cells, random)  # noqa: PLR2004 - half of a cell
        for found, target in zip(logits, targets, strict=True)
    ]
    points = np.array([[xy] for xy, _ in clicks])
    labels = np.array([[label] for _, label in clicks])
    if prompts.points_xy is not None and prompts.point_labels is not None:
        points = np.concatenate([prompts.points_xy, points], axis=1)
        labels = np.concatenate([prompts.point_labels, labels], axis=1)
    return Prompts(
        boxes_xyxy=prompts.boxes_xyxy,
        points_xy=points,
        point_labels=labels,
        mask_logits=np.clip(logits, -HIGHEST, HIGHEST),
    )
