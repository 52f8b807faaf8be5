from __future__ import annotations

import math

import pytest
import torch

from sam_common.network.prompt_encoder import FourierEncoding


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def encoder(network):
    return network.prompt_encoder


def test_positions_are_sines_and_cosines_of_random_frequencies():
    layer = FourierEncoding()
    xy = torch.tensor([[0.5, 0.5], [0.25, 1.0]])
    found = layer(xy)
    assert found.shape == (2, 256)
    # the middle of the square has phase 0
    assert torch.equal(found[0], torch.cat([torch.zeros(128), torch.ones(128)]))
    along_x, along_y = layer.positional_encoding_gaussian_matrix
    phase = 2 * math.pi * (-0.5 * along_x + 1.0 * along_y)
    expected = torch.cat([phase.sin(), phase.cos()])
    torch.testing.assert_close(found[1], expected, rtol=0, atol=1e-5)


def test_a_token_is_the_position_of_a_pixel_and_its_kind(encoder):
    points = torch.tensor([[[10.0, 20.0]]]).expand(1, 5, 2)
    labels = torch.tensor([[-1, 0, 1, 2, 3]])
    tokens, _ = encoder(points, labels)
    assert tokens.shape == (1, 5, 256)
    # the centre of pixel 10 is 10.5 pixels from the edge of the square
    position = encoder.pe_layer(torch.tensor([10.5, 20.5]) / encoder.image_size)
    kinds = [embedding.weight[0] for embedding in encoder.point_embeddings]
    assert torch.equal(tokens[0, 0], encoder.not_a_point_embed.weight[0])
    for token, kind in zip(tokens[0, 1:], kinds, strict=True):
        torch.testing.assert_close(token, position + kind, rtol=0, atol=1e-6)


def test_no_points_give_no_tokens(encoder):
    tokens, dense = encoder(torch.zeros((3, 0, 2)), torch.zeros((3, 0), dtype=torch.int64))
    assert tokens.shape == (3, 0, 256)
    assert dense.shape == (1, 256, 1, 1)
    assert torch.equal(dense.flatten(), encoder.no_mask_embed.weight[0])


def test_masks_are_brought_to_the_grid_of_the_embedding(encoder):
    masks = torch.zeros((2, 1, 256, 256))
    masks[1, 0, :4, 8:12] = 5.0  # the third cell of the first row
    none = torch.zeros((2, 0, 2)), torch.zeros((2, 0), dtype=torch.int64)
    _, dense = encoder(*none, masks)
    assert dense.shape == (2, 256, 64, 64)
    changed = (dense[0] != dense[1]).any(dim=0)
    assert changed.nonzero().tolist() == [[0, 2]]


def test_positions_of_the_grid_are_those_of_the_middles_of_its_cells(encoder):
    positions = encoder.image_positions()
    assert positions.shape == (1, 4096, 256)
    side = encoder.image_size / 64
    # the cell in row 3 and column 5, as a point without a kind
    x, y = (side * (n + 0.5) for n in (5, 3))
    expected = encoder.pe_layer(torch.tensor([x, y]) / encoder.image_size)
    torch.testing.assert_close(positions[0, 3 * 64 + 5], expected, rtol=0, atol=1e-5)
