"""A MetaImage whose header can be changed."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses

NOISE = np.random.default_rng(4).integers(0, 9, (4, 6, 8)).astype(np.int16)


@pytest.fixture
def lines(tmp_path):
    """The lines of a packed file as ITK writes it, and where it lies."""
    path = tmp_path / "CANARY.mha"
    sitk.WriteImage(sitk.GetImageFromArray(NOISE), str(path), useCompression=True)
    head, name, rest = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    return path, head.splitlines(keepends=True), name + rest
