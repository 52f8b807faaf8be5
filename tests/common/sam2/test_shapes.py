from __future__ import annotations

import pytest
import torch

from sam_common.network.architecture import ARCHITECTURES
from sam_common.sam2.library import transformers
from sam_common.sam2.shapes import SHAPES, config_of


def test_every_published_size_has_an_architecture():
    hiera = {name for name, known in ARCHITECTURES.items() if known.is_sam2}
    assert hiera - {"hiera"} == SHAPES.keys()


def test_the_tiny_one_is_the_default_of_transformers():
    library = transformers()
    ours = library.Sam2Config(**config_of("hiera_tiny")).to_dict()
    assert ours == library.Sam2Config().to_dict()


MILLIONS = {
    "hiera_tiny": 38.9,
    "hiera_small": 46.0,
    "hiera_base_plus": 80.8,
    "hiera_large": 224.4,
    "hiera_tiny_512": 38.9,
}
"""Parameters as the page of SAM 2.1 states them."""


@pytest.mark.parametrize("arch", SHAPES)
def test_networks_are_as_large_as_published(arch):
    library = transformers()
    config = library.Sam2VideoConfig(**config_of(arch))
    with torch.device("meta"):
        model = library.Sam2VideoModel(config)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert millions == pytest.approx(MILLIONS[arch], abs=0.1)


def test_the_input_decides_the_grids():
    config = config_of("hiera_tiny_512")
    assert config["prompt_encoder_config"]["image_size"] == 512
    assert config["vision_config"]["backbone_feature_sizes"] == [[128, 128], [64, 64], [32, 32]]
