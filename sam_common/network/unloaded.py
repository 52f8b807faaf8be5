"""Network: weights and their architecture, loaded only where an engine needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sam_common.network.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Callable

    from sam_common.network.sam import Sam


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is loaded where it is needed.

    An engine that has converted it needs neither it nor torch, whose import takes two seconds.
    """

    arch: str
    """Name of its architecture; anything else for one that was made by hand."""
    sha256: str
    """What identifies its weights."""
    architecture: Architecture
    load: Callable[[], Sam]
    """The network, ready for inference. Every call may load it anew.

    Raises:
        CheckpointError: If its file does not fit the architecture.
    """


def as_network(network: Sam, sha256: str) -> Network:
    """A network that is loaded already, in place of one that is yet to be.

    Args:
        network: As `Sam.prepare_inference` returned it.
        sha256: What identifies its weights.
    """
    from sam_common.network.layers import is_exact  # noqa: PLC0415 - loads torch

    exact = any(map(is_exact, network.image_encoder.modules()))
    architecture = Architecture(network.preprocess, has_exact_parts=exact)
    return Network("made by hand", sha256, architecture, lambda: network)
