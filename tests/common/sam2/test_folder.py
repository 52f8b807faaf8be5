from __future__ import annotations

import json

import pytest

from sam_common.errors import InputError, ModelError
from sam_common.sam2.folder import input_size, read_folder


@pytest.fixture
def saved(tmp_path):
    def write(config, weights=b"tensors"):
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "config.json").write_text(text)
        if weights is not None:
            (tmp_path / "model.safetensors").write_bytes(weights)
        return tmp_path

    return write


def test_a_folder_says_its_sizes(saved):
    config = {"model_type": "sam2_video", "prompt_encoder_config": {"image_size": 512}}
    found = read_folder(saved(config))
    assert found.config == config
    assert found.weights.read_bytes() == b"tensors"
    assert input_size(found.config) == 512
    assert input_size({}) == 1024


@pytest.mark.parametrize(
    ("config", "weights", "error", "expected"),
    [
        ('{"model_type": ', b"", InputError, "cannot read .*config.json: Expecting value"),
        ({"model_type": "clip"}, b"", ModelError, 'holds a model of type "clip", not one of sam2,'),
        ([], b"", ModelError, 'holds a model of type "None"'),
        (
            {"model_type": "sam2"},
            None,
            InputError,
            "has no model.safetensors: save the model there",
        ),
        (
            {"model_type": "sam2", "prompt_encoder_config": {"image_size": "large"}},
            b"",
            InputError,
            "cannot read .*config.json: invalid literal",
        ),
    ],
)
def test_other_folders_are_refused(saved, config, weights, error, expected):
    with pytest.raises(error, match=expected):
        read_folder(saved(config, weights))


def test_a_folder_without_a_configuration(tmp_path):
    with pytest.raises(
        InputError, match=r"is no model: it has no config\.json, as save_pretrained"
    ):
        read_folder(tmp_path)
