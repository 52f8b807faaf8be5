"""Seeded weights, for tests and benchmarks without a checkpoint."""

from __future__ import annotations

import torch

from sam_common.network.sam import Sam


@torch.no_grad()
def randomise(network: Sam, seed: int, deviation: float = 0.02) -> Sam:
    """Fill every parameter with seeded noise, for tests and benchmarks without a checkpoint.

    Args:
        network: Its parameters are replaced in place.
        seed: Of the random generator.
        deviation: Standard deviation of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator) * deviation
        # scales and variances stay around one, or activations would vanish layer by layer
        near_one = name.endswith(("running_var",)) or (name.endswith("weight") and tensor.ndim == 1)
        tensor.copy_(noise.abs() + 1 if near_one else noise)
    return network
