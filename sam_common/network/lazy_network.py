"""LazyNetwork: the weights and architecture of a network, loaded only where an engine needs them.

An engine that keeps a converted form of a network on disk runs it without torch, whose import takes
two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.network.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.network.sam import Sam


@dataclass(frozen=True, slots=True)
class LazyNetwork:
    """A network that is known by its architecture and weights before it is loaded."""

    arch: str
    """Name in `ARCHITECTURES`, or any other text for a network that was built by hand."""
    sha256: str
    """Hash that identifies the weights, 64 hexadecimal digits."""
    architecture: Architecture
    """Preprocessing and precision rules of the network."""
    load: Callable[[], Sam]
    """Returns the network, ready for inference; every call may load the weights again.

    Raises:
        CheckpointError: If the checkpoint does not fit the architecture.
    """
    encoder_sha256: str = ""
    """Hash that identifies the weights of the image encoder, where it is another one: a network
    that is tuned in its decoder has the encoder of its base."""


def as_lazy(network: Sam, sha256: str) -> LazyNetwork:
    """Wrap a network that is in memory already, for functions that take a `LazyNetwork`.

    Args:
        network: As `Sam.prepare_inference` returned it.
        sha256: Hash that identifies the weights.
    """
    from sam_common.network.layers import is_exact  # noqa: PLC0415 - loads torch

    exact = any(map(is_exact, network.image_encoder.modules()))
    architecture = Architecture(
        network.preprocess,
        has_exact_parts=exact,
        channels=network.channels,
        is_sam2=network.preprocess.is_stretched,
    )
    return LazyNetwork("made by hand", sha256, architecture, lambda: network)
