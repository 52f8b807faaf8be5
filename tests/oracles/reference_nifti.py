"""Volumes against the NIfTI that dcm2niix made of the same series."""

from __future__ import annotations

import nibabel
import numpy as np

FLOAT32_MM = 2e-4
"""A NIfTI header holds float32: 7 digits of places of some 100 mm, times a few hundred voxels."""


def compare(volume, oracle, *, time=None):
    """Every voxel of a NIfTI that lies in the volume, matched in patient space.

    Returns:
        How many there were, and the largest distance in mm between the two places of a voxel.
    """
    values = np.asarray(oracle.dataobj)
    values = values if time is None else values[..., time]
    ijk = np.stack(np.indices(values.shape), axis=-1).reshape(-1, 3)
    lps = nibabel.affines.apply_affine(oracle.affine, ijk) * (-1, -1, 1)
    index = np.rint(volume.to_index(lps)).astype(int)
    # places are linear in the index: every seventh voxel stands for its neighbours
    apart = np.linalg.norm(volume.to_world(index[::7]) - lps[::7], axis=-1).max()
    k, j, i = index.T
    assert np.array_equal(volume.array[k, j, i], values[tuple(ijk.T)])
    return len(ijk), float(apart)
