"""SAM 2 as transformers builds it, with few channels and seeded weights."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from sam_common.sam2.library import transformers
from sam_common.sam2.shapes import HieraShape
from tests.oracles.random_weights import randomise

FEW = HieraShape(8, 1, (1, 1, 2, 1), (3,))
"""As small as Hiera can be, with windows, pooling and a block that attends to the whole image."""
PRESENT = 8.0
"""Score of an object that is there, to which the seeded weights add a little."""
SMALL_MEMORY = {"memory_attention_num_layers": 2, "memory_attention_feed_forward_hidden_size": 32}


def few_config(size=1024):
    return FEW.config(size)


def seeded(model, seed):
    """Weights with which logits are a few units large and depend on the image and the prompt."""
    model = randomise(model.eval(), seed, deviation=0.1)
    state = model.state_dict()
    with torch.no_grad():
        # Fourier features of positions have frequencies of about one
        for name, value in state.items():
            if name.endswith("positional_embedding"):
                value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(9)))
            # or else most slices would show no object, and all their logits would be the same
            if name.endswith("pred_obj_score_head.proj_out.bias"):
                value.fill_(PRESENT)
    return model.requires_grad_(requires_grad=False)


def seeded_image_model(seed=3, config=None):
    library = transformers()
    parts = few_config() if config is None else config
    return seeded(library.Sam2Model(library.Sam2Config(**parts)), seed)


def seeded_video_model(seed=4, size=128, config=None, **sizes):
    library = transformers()
    parts = few_config(size) if config is None else config
    about = {
        "image_size": size,
        "memory_attention_rope_feat_sizes": [size // 16] * 2,
        **SMALL_MEMORY,
        **sizes,
    }
    return seeded(library.Sam2VideoModel(library.Sam2VideoConfig(**parts, **about)), seed)


def pipeline(model, embeddings, size_hw, prompts, *, multimask):
    """Logits (N, C, H, W) and scores (N, C) of `Sam2Model`, as its processor would call it.

    Args:
        model: A `Sam2Model`.
        embeddings: What its `get_image_embeddings` gave for the prepared image.
        size_hw: Rows and columns of the image.
        prompts: In indices of the image; one mask at most.
        multimask: Whether to give three candidates.
    """
    side = model.config.prompt_encoder_config.image_size
    scale = torch.tensor([side / size_hw[1], side / size_hw[0]])
    given = {}
    if prompts.points_xy is not None:
        given["input_points"] = (torch.tensor(prompts.points_xy) * scale)[None].float()
        given["input_labels"] = torch.tensor(prompts.point_labels)[None]
    if prompts.boxes_xyxy is not None:
        given["input_boxes"] = (torch.tensor(prompts.boxes_xyxy) * scale.repeat(2))[None].float()
    if prompts.mask_logits is not None:
        given["input_masks"] = torch.tensor(prompts.mask_logits)[:, None]
    with torch.inference_mode():
        out = model(image_embeddings=list(embeddings), multimask_output=multimask, **given)
    logits = functional.interpolate(out.pred_masks[0], size_hw, mode="bilinear")
    return logits.numpy(), out.iou_scores[0].numpy()


def resized(image, size):
    """(3, S, S) pixels as `Sam2ImageProcessor` prepares them, by torch instead of torchvision."""
    tensor = torch.tensor(np.asarray(image)).permute(2, 0, 1)[None]
    square = functional.interpolate(
        tensor, (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    mean, deviation = (
        torch.tensor(numbers).view(3, 1, 1)
        for numbers in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    return ((square[0].float() / 255 - mean) / deviation).numpy()
