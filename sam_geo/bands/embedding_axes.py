"""EmbeddingAxes: the directions in which the embedding of a network varies most over samples.

An embedding has hundreds of channels for each cell of 16 pixels, more than a few samples can weigh.
Their principal components say nearly the same in a few numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

AXES = 16
"""Principal components that are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingAxes:
    """How the channels of an embedding become a few axes."""

    network: str
    """Name of the network, or the name of its file."""
    sha256: str
    """sha256 of its checkpoint: the axes mean nothing for another one."""
    mean: FloatArray
    """(C,) mean of each channel."""
    axes: FloatArray
    """(C, A) weight of each channel in each axis."""

    @property
    def count(self) -> int:
        """Number of axes."""
        return int(self.axes.shape[1])

    def apply(self, features: FloatArray) -> FloatArray:
        """Axes (A, rows, cols) of an embedding (C, rows, cols)."""
        centred = features - self.mean[:, None, None]
        return np.asarray(np.tensordot(self.axes, centred, (0, 0)), dtype=np.float32)


def find_axes(embeddings: Iterable[FloatArray], *, network: str, sha256: str) -> EmbeddingAxes:
    """Find the principal components of some embeddings, in one pass.

    Args:
        embeddings: (C, N) channels of the cells that are looked at, such as those of a window.
        network: Name of the network that made them.
        sha256: sha256 of its checkpoint.

    Raises:
        InputError: There is no embedding.
    """
    total, squares, count = np.zeros(0), np.zeros((0, 0)), 0
    for cells in embeddings:
        wide = cells.astype(np.float64)
        if not count:
            total, squares = np.zeros(len(wide)), np.zeros((len(wide), len(wide)))
        total += wide.sum(axis=1)
        squares += wide @ wide.T
        count += wide.shape[1]
    if not count:
        raise InputError("the network sees no data where the samples lie: leave --features out")
    mean = total / count
    _, vectors = np.linalg.eigh(squares / count - np.outer(mean, mean))
    axes = vectors[:, : -AXES - 1 : -1]
    # the sign of a component means nothing, and libraries differ in it
    greatest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[greatest, np.arange(axes.shape[1])])
    return EmbeddingAxes(network, sha256, mean.astype(np.float32), axes.astype(np.float32))
