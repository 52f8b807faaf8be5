"""Models: SAM 2 as transformers builds it, with the tensors of a checkpoint, for images or slices.

A checkpoint is a `.pt` of Meta, or a `model.safetensors` that `save_pretrained` wrote. Networks for
images are made from checkpoints for slices too, as their tensors are among those.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from sam_common.errors import CheckpointError
from sam_common.network.architecture import SAM2_STRIDE
from sam_common.network.checkpoint import load_state, read_state
from sam_common.sam2.folder import input_size
from sam_common.sam2.library import transformers
from sam_common.sam2.names import MEMORY, transformers_state
from sam_common.sam2.network import Sam2

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

PARTS = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
"""The parts of a configuration that networks for images and for slices have in common."""


def image_network(config: Mapping[str, Any], path: Path) -> Sam2:
    """The network of a checkpoint file, ready for inference on an engine.

    Args:
        config: As `config.json` of transformers states it, or `shapes.config_of`.
        path: A `.pt` of Meta, or a `model.safetensors`.

    Raises:
        CheckpointError: If the file is no checkpoint, or does not fit the configuration.
        ModelError: If transformers is not installed.
    """
    network = Sam2(image_model(config, read_state(path), str(path)))
    network.prepare_inference()
    return network


def image_model(config: Mapping[str, Any], state: Mapping[str, torch.Tensor], source: str) -> Any:
    """A `Sam2Model` with the weights of a checkpoint, ready for inference.

    Args:
        config: As `config.json` of transformers states it, or `shapes.config_of`.
        state: Tensors by the names of Meta or of transformers; those for slices are left out.
        source: What an error calls the checkpoint.

    Raises:
        CheckpointError: If tensors are missing, too many or of another shape.
        ModelError: If transformers is not installed.
    """
    library = transformers()
    named = transformers_state(state)
    wanted = {name: value for name, value in named.items() if not name.startswith(MEMORY)}
    # a configuration writes into the parts that it is given
    parts = {name: copy.deepcopy(config[name]) for name in PARTS if name in config}
    return _filled(library.Sam2Model(library.Sam2Config(**parts)), wanted, source)


def video_model(config: Mapping[str, Any], state: Mapping[str, torch.Tensor], source: str) -> Any:
    """A `Sam2VideoModel` with the weights of a checkpoint, ready for inference.

    Raises:
        CheckpointError: If tensors are missing, too many or of another shape; a network for images
            alone has none for slices.
        ModelError: If transformers is not installed.
    """
    library = transformers()
    named = transformers_state(state)
    if not any(name.startswith("memory_") for name in named):
        raise CheckpointError(
            f"{source} is a network for images: it has no memory, so it cannot follow objects"
        )
    known = {name: value for name, value in config.items() if name not in {"model_type", *PARTS}}
    known |= _video_sizes(config, named)
    parts = {name: copy.deepcopy(config[name]) for name in PARTS if name in config}
    return _filled(library.Sam2VideoModel(library.Sam2VideoConfig(**parts, **known)), named, source)


def _video_sizes(config: Mapping[str, Any], named: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """What a network for slices has beside the parts: sizes by the input, layers by the tensors."""
    size = input_size(config)
    layers = {name.split(".")[2] for name in named if name.startswith("memory_attention.layers.")}
    return {
        "image_size": size,
        "memory_attention_rope_feat_sizes": [size // SAM2_STRIDE] * 2,
        "memory_attention_num_layers": len(layers),
        "enable_occlusion_spatial_embedding": "occlusion_spatial_embedding_parameter" in named,
        "enable_temporal_pos_encoding_for_object_pointers": (
            "temporal_positional_encoding_projection_layer.weight" in named
        ),
    }


def _filled(model: Any, state: dict[str, torch.Tensor], source: str) -> Any:
    """A model with the tensors of a checkpoint, which does not learn."""
    return load_state(model, state, source=source).eval().requires_grad_(requires_grad=False)
