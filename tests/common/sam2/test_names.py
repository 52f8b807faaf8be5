"""Names of Meta's checkpoints, written out here by hand, and what becomes of them."""

from __future__ import annotations

import pytest
import torch
from meta_names import checkpoint_of_meta
from sam2_models import seeded_image_model, seeded_video_model

from sam_common.network.prompt_encoder import PromptEncoder
from sam_common.sam2.names import TO_OWN, is_from_meta, own_state, renamed, transformers_state
from sam_common.sam2.network import FineMaskDecoder


@pytest.fixture(scope="module")
def state():
    return seeded_video_model(memory_attention_num_layers=1).state_dict()


KNOWN = (
    "image_encoder.trunk.blocks.0.attn.qkv.weight",
    "image_encoder.trunk.blocks.1.mlp.layers.1.bias",
    "image_encoder.trunk.patch_embed.proj.weight",
    "image_encoder.neck.convs.3.conv.weight",
    "sam_prompt_encoder.mask_downscaling.4.weight",
    "sam_mask_decoder.transformer.layers.1.cross_attn_image_to_token.out_proj.bias",
    "sam_mask_decoder.transformer.norm_final_attn.weight",
    "sam_mask_decoder.output_hypernetworks_mlps.3.layers.2.weight",
    "sam_mask_decoder.pred_obj_score_head.layers.1.weight",
    "sam_mask_decoder.conv_s0.weight",
    "memory_attention.layers.0.cross_attn_image.out_proj.weight",
    "memory_attention.norm.bias",
    "memory_encoder.mask_downsampler.encoder.12.weight",
    "memory_encoder.fuser.layers.1.pwconv2.weight",
    "memory_encoder.fuser.layers.0.gamma",
    "memory_encoder.out_proj.weight",
    "obj_ptr_proj.layers.1.bias",
    "obj_ptr_tpos_proj.weight",
    "maskmem_tpos_enc",
    "no_obj_embed_spatial",
)
"""Names that stand in `sam2.1_hiera_tiny.pt`."""


def test_a_checkpoint_of_meta_gets_the_names_of_transformers(state):
    official = checkpoint_of_meta(state)
    assert set(KNOWN) <= official.keys()
    assert is_from_meta(official)
    found = transformers_state(official)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_names_of_transformers_stay(state):
    assert not is_from_meta(state)
    found = transformers_state(state)
    assert found.keys() == state.keys()


def test_prompts_and_masks_get_our_own_names():
    state = seeded_image_model().state_dict()
    prompts = own_state(state, "prompt_encoder")
    assert prompts.keys() == PromptEncoder(1024).state_dict().keys()
    masks = own_state(state, "mask_decoder")
    more = {name for name in masks if name.startswith(("conv_s", "pred_obj_score_head"))}
    wanted = FineMaskDecoder().state_dict().keys() - {"no_memory"}
    assert masks.keys() - more == wanted
    assert (
        renamed("iou_prediction_head.proj_out.bias", TO_OWN) == "iou_prediction_head.layers.2.bias"
    )
