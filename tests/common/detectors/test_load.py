"""Detectors from a folder, and what is said where they cannot be had."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sam_common.detectors.load import check_installed, load_detector
from sam_common.errors import CheckpointError, InputError, ModelError
from sam_common.sam2 import library

IMAGE = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def saved(folder, kind):
    import detector_models as made

    model, tokenizer = {
        "grounding-dino": (made.grounding_dino, made.bert_tokenizer),
        "owlv2": (made.owlv2, made.clip_tokenizer),
        "sam3": (made.sam3, lambda: made.clip_tokenizer(32)),
    }[kind]
    return made.save(model(), tokenizer(), folder)


@pytest.mark.parametrize("kind", ["grounding-dino", "owlv2", "sam3"])
def test_a_saved_detector_finds_what_it_found_before(tmp_path, kind):
    from detector_models import built

    folder = saved(tmp_path / kind, kind)
    loaded = load_detector(folder, device="cpu")
    ours = built(kind).boxes_of(IMAGE, ["solar panel", "car"], threshold=0.0)
    theirs = loaded.boxes_of(IMAGE, ["solar panel", "car"], threshold=0.0)
    np.testing.assert_allclose(theirs.boxes_xyxy, ours.boxes_xyxy, atol=1e-3)
    assert theirs.phrases.tolist() == ours.phrases.tolist()
    assert (loaded.name, len(loaded.sha256)) == (kind, 64)


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(library, "is_installed", lambda: False)
    with pytest.raises(ModelError, match=r'no detector is installed.*pip install "sam-geomed\[hf'):
        check_installed("owlv2_base")
    with pytest.raises(ModelError, match="no detector is installed"):
        load_detector("owlv2_base")


def test_a_folder_without_its_tokenizer_is_refused(tmp_path):
    folder = saved(tmp_path / "mine", "owlv2")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(InputError, match="has no tokenizer"):
        load_detector(folder, device="cpu")


def test_tensors_that_are_missing_are_told(tmp_path):
    folder = saved(tmp_path / "mine", "owlv2")
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop("box_head.dense0.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors .* box_head\.dense0\.weight"):
        load_detector(folder, device="cpu")


def test_sizes_that_do_not_fit_are_refused(tmp_path):
    folder = saved(tmp_path / "mine", "owlv2")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not hold a Owlv2ForObjectDetection"):
        load_detector(folder, device="cpu")
