from __future__ import annotations

from typing import get_args

from sam_common.network.architecture import ARCHITECTURES, EMBEDDING_GRID, GRID, SAM2_STRIDE
from sam_common.published import checkpoints


def test_the_names_are_those_of_the_option_arch():
    assert tuple(ARCHITECTURES) == (
        "vit_b",
        "vit_l",
        "vit_h",
        "tiny_vit_1024",
        "tiny_vit_256",
        "hiera_tiny",
        "hiera_small",
        "hiera_base_plus",
        "hiera_large",
        "hiera_tiny_512",
        "hiera",
    )
    assert tuple(ARCHITECTURES) == get_args(checkpoints.Arch)


def test_every_published_checkpoint_has_an_architecture():
    assert {info.arch for info in checkpoints.registry().values()} <= ARCHITECTURES.keys()


def test_inputs_are_as_large_as_published():
    sizes = {name: known.preprocess.size for name, known in ARCHITECTURES.items()}
    assert sizes == {
        "vit_b": 1024,
        "vit_l": 1024,
        "vit_h": 1024,
        "tiny_vit_1024": 1024,
        "tiny_vit_256": 256,
        "hiera_tiny": 1024,
        "hiera_small": 1024,
        "hiera_base_plus": 1024,
        "hiera_large": 1024,
        "hiera_tiny_512": 512,
        "hiera": 1024,
    }


def test_grids_divide_every_input():
    for known in ARCHITECTURES.values():
        assert known.preprocess.size % EMBEDDING_GRID == 0
        assert known.preprocess.size % GRID == 0
        assert known.is_tracker == (
            known.preprocess.size / SAM2_STRIDE < EMBEDDING_GRID and known.is_sam2
        )
    # two upscalings by two lie between
    assert GRID == 4 * EMBEDDING_GRID
