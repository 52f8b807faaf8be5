"""Names: the tensors of SAM 2 under the names of Meta's checkpoints, of transformers and of ours.

```
sam_mask_decoder.transformer.layers.0.norm1.weight        sam2.1_hiera_tiny.pt, MedSAM2_latest.pt
mask_decoder.transformer.layers.0.layer_norm1.weight      transformers: model.safetensors
transformer.layers.0.norm1.weight                         sam_common.network.mask_decoder
```
Networks are built by transformers, so its names are the ones in between. The values are the same
under all of them, but for the four embeddings of point labels, which transformers keeps in one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

State: TypeAlias = dict[str, torch.Tensor]
Rules: TypeAlias = "tuple[tuple[re.Pattern[str], str], ...]"

MEMORY = (
    "memory_",
    "mask_downsample.",
    "object_pointer_proj.",
    "temporal_positional_encoding_projection_layer.",
    "no_memory_positional_encoding",
    "no_object_pointer",
    "occlusion_spatial_embedding_parameter",
)
"""What names of tensors begin with that serve following through slices alone, in transformers."""
_LABELS = 4
"""Background, object, top-left and bottom-right corner: each has an embedding of its own."""


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern), new) for pattern, new in pairs)


_THREE_LAYERS = (
    (r"(_mlps\.\d+|_head|_proj)\.layers\.0\.", r"\1.proj_in."),
    (r"(_mlps\.\d+|_head|_proj)\.layers\.1\.", r"\1.layers.0."),
    (r"(_mlps\.\d+|_head|_proj)\.layers\.2\.", r"\1.proj_out."),
)
FROM_META = _rules(
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"\bpatch_embed\.proj\.", "patch_embed.projection."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"\bpe_layer\.positional_encoding_gaussian_matrix$", "shared_embedding.positional_embedding"),
    (r"\bmask_downscaling\.0\.", "mask_embed.conv1."),
    (r"\bmask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"\bmask_downscaling\.3\.", "mask_embed.conv2."),
    (r"\bmask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"\bmask_downscaling\.6\.", "mask_embed.conv3."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"\boutput_upscaling\.0\.", "upscale_conv1."),
    (r"\boutput_upscaling\.1\.", "upscale_layer_norm."),
    (r"\boutput_upscaling\.3\.", "upscale_conv2."),
    (r"^obj_ptr_proj\.", "object_pointer_proj."),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    # a convolution, a norm and an activation by turns, and a last convolution
    (r"\bmask_downsampler\.encoder\.12\.", "mask_downsampler.final_conv."),
    (r"\bmask_downsampler\.encoder\.0\.", "mask_downsampler.layers.0.conv."),
    (r"\bmask_downsampler\.encoder\.1\.", "mask_downsampler.layers.0.layer_norm."),
    (r"\bmask_downsampler\.encoder\.3\.", "mask_downsampler.layers.1.conv."),
    (r"\bmask_downsampler\.encoder\.4\.", "mask_downsampler.layers.1.layer_norm."),
    (r"\bmask_downsampler\.encoder\.6\.", "mask_downsampler.layers.2.conv."),
    (r"\bmask_downsampler\.encoder\.7\.", "mask_downsampler.layers.2.layer_norm."),
    (r"\bmask_downsampler\.encoder\.9\.", "mask_downsampler.layers.3.conv."),
    (r"\bmask_downsampler\.encoder\.10\.", "mask_downsampler.layers.3.layer_norm."),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"\bdwconv\.", "depthwise_conv."),
    (r"\bpwconv(\d)\.", r"pointwise_conv\1."),
    (r"\bgamma$", "scale"),
    (r"\bmlp\.layers\.0\.", "mlp.proj_in."),
    (r"\bmlp\.layers\.1\.", "mlp.proj_out."),
    *_THREE_LAYERS,
    (r"\.out_proj\.", ".o_proj."),
    (r"\bnorm(\d?|_final_attn)\.", r"layer_norm\1."),
)
"""From the names of Meta's checkpoints to those of transformers; all that fit are applied."""
TO_OWN = _rules(
    (r"\bshared_embedding\.positional_embedding$", "pe_layer.positional_encoding_gaussian_matrix"),
    (r"\bmask_embed\.conv1\.", "mask_downscaling.0."),
    (r"\bmask_embed\.layer_norm1\.", "mask_downscaling.1."),
    (r"\bmask_embed\.conv2\.", "mask_downscaling.3."),
    (r"\bmask_embed\.layer_norm2\.", "mask_downscaling.4."),
    (r"\bmask_embed\.conv3\.", "mask_downscaling.6."),
    (r"\bupscale_conv1\.", "output_upscaling.0."),
    (r"\bupscale_layer_norm\.", "output_upscaling.1."),
    (r"\bupscale_conv2\.", "output_upscaling.3."),
    (r"(_mlps\.\d+|_head)\.layers\.0\.", r"\1.layers.1."),
    (r"(_mlps\.\d+|_head)\.proj_in\.", r"\1.layers.0."),
    (r"(_mlps\.\d+|_head)\.proj_out\.", r"\1.layers.2."),
    (r"\bmlp\.proj_in\.", "mlp.lin1."),
    (r"\bmlp\.proj_out\.", "mlp.lin2."),
    (r"\bo_proj\.", "out_proj."),
    (r"\blayer_norm", "norm"),
)
"""From the names of transformers to those of `sam_common.network`, for prompts and masks."""


def renamed(name: str, rules: Rules) -> str:
    """A name after all rules that fit, in their order."""
    for pattern, new in rules:
        name = pattern.sub(new, name)
    return name


def is_from_meta(names: Iterable[str]) -> bool:
    """Whether tensors have the names of Meta's checkpoints."""
    return any(name.startswith(("sam_mask_decoder.", "image_encoder.trunk.")) for name in names)


def transformers_state(state: Mapping[str, torch.Tensor]) -> State:
    """Tensors under the names of transformers, whichever of both they have."""
    if not is_from_meta(state):
        return dict(state)
    found = {renamed(name, FROM_META): value for name, value in state.items()}
    labels = [f"prompt_encoder.point_embeddings.{n}.weight" for n in range(_LABELS)]
    if all(name in found for name in labels):
        found["prompt_encoder.point_embed.weight"] = torch.cat([found.pop(n) for n in labels])
    positions = "prompt_encoder.shared_embedding.positional_embedding"
    if positions in found:  # the image's own, which is the same
        found["shared_image_embedding.positional_embedding"] = found[positions]
    return found


def own_state(state: Mapping[str, torch.Tensor], part: str) -> State:
    """Tensors of the prompt encoder or the mask decoder under the names of `sam_common.network`.

    Args:
        state: Tensors under the names of transformers.
        part: "prompt_encoder" or "mask_decoder", with which the names begin that are taken.
    """
    start = f"{part}."
    own = {
        renamed(name.removeprefix(start), TO_OWN): value
        for name, value in state.items()
        if name.startswith(start)
    }
    if (labels := own.pop("point_embed.weight", None)) is not None:
        own |= {f"point_embeddings.{n}.weight": labels[n : n + 1] for n in range(_LABELS)}
    return own
