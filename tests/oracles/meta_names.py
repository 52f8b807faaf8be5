"""Names of tensors in Meta's checkpoints of SAM 2, part by part, written out by hand."""

from __future__ import annotations

import re

import torch

LAYERS = (
    (r"\bproj_out\.", "layers.2."),
    (r"\blayers\.0\.", "layers.1."),
    (r"\bproj_in\.", "layers.0."),
)
NORMS = ((r"layer_norm", "norm"), (r"\bo_proj\b", "out_proj"))
DOWNSAMPLER = tuple(
    (rf"^mask_downsampler\.{re.escape(name)}\.", f"mask_downsampler.encoder.{n}.")
    for name, n in (
        *((f"layers.{i}.conv", 3 * i) for i in range(4)),
        *((f"layers.{i}.layer_norm", 3 * i + 1) for i in range(4)),
        ("final_conv", 12),
    )
)
MASKS = (
    (r"^upscale_conv1", "output_upscaling.0"),
    (r"^upscale_layer_norm", "output_upscaling.1"),
    (r"^upscale_conv2", "output_upscaling.3"),
    (r"\bmlp\.proj_in", "mlp.layers.0"),
    (r"\bmlp\.proj_out", "mlp.layers.1"),
    *(
        (rf"(_mlps\.\d|_head)\.{old}\.", rf"\1.{new}.")
        for old, new in (
            ("proj_out", "layers.2"),
            (r"layers\.0", "layers.1"),
            ("proj_in", "layers.0"),
        )
    ),
    *NORMS,
)
PARTS = {
    "vision_encoder": (
        "image_encoder",
        (
            (r"^backbone\.", "trunk."),
            (r"^neck\.convs\.(\d)\.", r"neck.convs.\1.conv."),
            (r"\bprojection\.", "proj."),
            (r"\bmlp\.proj_in", "mlp.layers.0"),
            (r"\bmlp\.proj_out", "mlp.layers.1"),
            (r"layer_norm", "norm"),
        ),
    ),
    "prompt_encoder": (
        "sam_prompt_encoder",
        (
            (r"^shared_embedding.*", "pe_layer.positional_encoding_gaussian_matrix"),
            (r"^mask_embed\.conv1", "mask_downscaling.0"),
            (r"^mask_embed\.layer_norm1", "mask_downscaling.1"),
            (r"^mask_embed\.conv2", "mask_downscaling.3"),
            (r"^mask_embed\.layer_norm2", "mask_downscaling.4"),
            (r"^mask_embed\.conv3", "mask_downscaling.6"),
        ),
    ),
    "mask_decoder": ("sam_mask_decoder", MASKS),
    "memory_attention": ("memory_attention", NORMS),
    "memory_encoder": (
        "memory_encoder",
        (
            *DOWNSAMPLER,
            (r"^feature_projection", "pix_feat_proj"),
            (r"^projection", "out_proj"),
            (r"^memory_fuser", "fuser"),
            (r"\bdepthwise_conv", "dwconv"),
            (r"\bpointwise_conv", "pwconv"),
            (r"\blayer_norm", "norm"),
            (r"\bscale$", "gamma"),
        ),
    ),
    "object_pointer_proj": ("obj_ptr_proj", LAYERS),
    "temporal_positional_encoding_projection_layer": ("obj_ptr_tpos_proj", ()),
    "mask_downsample": ("mask_downsample", ()),
}
ALONE = {
    "no_memory_embedding": "no_mem_embed",
    "no_memory_positional_encoding": "no_mem_pos_enc",
    "memory_temporal_positional_encoding": "maskmem_tpos_enc",
    "no_object_pointer": "no_obj_ptr",
    "occlusion_spatial_embedding_parameter": "no_obj_embed_spatial",
}


def of_meta(name):
    """The name of a tensor of transformers in a checkpoint of Meta."""
    if name in ALONE:
        return ALONE[name]
    part, _, rest = name.partition(".")
    new, rules = PARTS[part]
    for pattern, words in rules:
        rest = re.sub(pattern, words, rest)
    return f"{new}.{rest}"


def checkpoint_of_meta(state):
    """The tensors of a model of transformers as a checkpoint of Meta has them."""
    own = {name: value for name, value in state.items() if not name.startswith("shared_image")}
    labels: torch.Tensor = own.pop("prompt_encoder.point_embed.weight")
    found = {of_meta(name): value for name, value in own.items()}
    for n in range(4):
        found[f"sam_prompt_encoder.point_embeddings.{n}.weight"] = labels[n : n + 1]
    return found
