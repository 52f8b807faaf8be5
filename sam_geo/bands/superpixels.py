"""Superpixels: small pieces of a block whose pixels look alike (SLIC, package `scikit-image`).

SLIC is that of Achanta et al. 2012 (https://doi.org/10.1109/TPAMI.2012.120).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import slic

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

COMPACTNESS = 0.4
"""Weight of the distance in space against that in the guide, which has a deviation of 1."""
BLUR_PX = 0.5
"""Standard deviation of the blur before SLIC."""


def superpixels(
    guide: FloatArray, valid: npt.NDArray[np.bool_], pixels: int
) -> npt.NDArray[np.int64]:
    """Superpixels of a block: pixels near each other that look alike, some of them strewn.

    Args:
        guide: (h, w, A) what is compared, see `Guide.apply`.
        valid: (h, w) pixels that belong to one.
        pixels: Mean number of pixels of a superpixel; 1 makes each pixel one.

    Returns:
        (h, w) numbers from 0 without gaps, row by row of their first pixel; -1 where not valid.
    """
    if pixels == 1:
        labels = np.arange(valid.size, dtype=np.int64).reshape(valid.shape)
    else:
        # SLIC's own blur mirrors at the edges, and the guide has floats already
        blurred = ndimage.gaussian_filter(guide, (BLUR_PX, BLUR_PX, 0))
        labels = slic(
            blurred,
            n_segments=max(1, round(valid.size / pixels)),
            compactness=COMPACTNESS,
            start_label=0,
            channel_axis=-1,
            # in noise, what is forced to hang together hangs together all over the block
            enforce_connectivity=False,
        )
    found = np.full(valid.shape, -1, dtype=np.int64)
    kept, first, numbers = np.unique(labels[valid], return_index=True, return_inverse=True)
    rank = np.empty(len(kept), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(kept))
    found[valid] = rank[numbers]
    return found
