"""Detectors as transformers builds them, small, with seeded weights and few words."""

from __future__ import annotations

import string

from sam_common.sam2.library import transformers
from tests.oracles.random_weights import randomise

SPECIAL = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
"""Tokens of BERT at their published numbers, by which Grounding DINO finds the ends of phrases."""
WORDS = ("solar", "panel", "car", "green", "roof")


def bert_tokenizer():
    """A tokenizer of BERT that knows a few words and all letters."""
    known = dict(SPECIAL)
    words = [*WORDS, *string.ascii_lowercase, *(f"##{c}" for c in string.ascii_lowercase)]
    free = iter(n for n in range(200, 1100) if n not in known.values())
    known |= {word: next(free) for word in words}
    for n in range(1100):
        if n not in known.values():
            known[f"[unused{n}]"] = n
    ordered = dict(sorted(known.items(), key=lambda pair: pair[1]))
    return transformers().BertTokenizer(vocab=ordered, do_lower_case=True)


def clip_tokenizer(length=16):
    """A tokenizer of CLIP that knows all letters, by themselves and at the end of a word."""
    letters = [*string.ascii_lowercase, *(f"{c}</w>" for c in string.ascii_lowercase)]
    vocab = {word: n for n, word in enumerate(letters)}
    vocab |= {"<|startoftext|>": len(vocab), "<|endoftext|>": len(vocab) + 1}
    return transformers().CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length)


def seeded(model, seed, deviation=0.2):
    """A network whose answers depend on the image and on the words."""
    return randomise(model.eval(), seed, deviation=deviation).requires_grad_(requires_grad=False)


def grounding_dino(seed=5):
    library = transformers()
    backbone = library.SwinConfig(
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=4,
        image_size=64,
        out_features=["stage3", "stage4"],
    )
    text = {
        "model_type": "bert",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "vocab_size": 1100,
        "max_position_embeddings": 64,
    }
    config = library.GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=30,
        num_feature_levels=2,
        encoder_n_points=2,
        decoder_n_points=2,
        max_text_len=64,
    )
    return seeded(library.GroundingDinoForObjectDetection(config), seed, 0.1)


def owlv2(seed=6):
    library = transformers()
    text = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 60,
        "bos_token_id": 52,
        "eos_token_id": 53,
        "pad_token_id": 53,
        "max_position_embeddings": 16,
    }
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 96,
        "patch_size": 16,
    }
    config = library.Owlv2Config(text_config=text, vision_config=vision, projection_dim=16)
    return seeded(library.Owlv2ForObjectDetection(config), seed)


def sam3(seed=7):
    library = transformers()
    few = {"hidden_size": 32, "intermediate_size": 32, "num_layers": 1, "num_attention_heads": 2}
    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 112,
        "patch_size": 14,
        "pretrain_image_size": 56,
        "window_size": 4,
        "global_attn_indexes": [1],
    }
    config = library.Sam3Config(
        vision_config={
            "backbone_config": backbone,
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        },
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": 60,
            "hidden_size": 16,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "bos_token_id": 52,
            "eos_token_id": 53,
            "pad_token_id": 53,
        },
        geometry_encoder_config=few,
        detr_encoder_config=few,
        detr_decoder_config={**few, "num_queries": 20},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    return seeded(library.Sam3Model(config), seed)


def save(model, tokenizer, folder):
    """Write a detector as `save_pretrained` does, with its tokenizer."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def built(kind):
    """A detector with seeded weights, by the name of its kind."""
    from sam_common.detectors.networks import GroundingDino, Owlv2, Sam3Concepts

    about = {"name": "seeded", "sha256": "0" * 64}
    if kind == "grounding-dino":
        return GroundingDino(grounding_dino(), bert_tokenizer(), **about)
    if kind == "owlv2":
        return Owlv2(owlv2(), clip_tokenizer(), **about)
    return Sam3Concepts(sam3(), clip_tokenizer(32), **about)
