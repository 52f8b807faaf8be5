"""Compressed voxels of MetaImage: the stream, its checksum and its size."""

from __future__ import annotations

import pytest
from volume_files import with_field

from sam_common.errors import InputError
from sam_med.files.read import read_volume


@pytest.mark.parametrize("size", [None, 0, -1, 10, 10**6])
def test_a_wrong_size_of_packed_voxels_is_refused(size, lines, capfd):
    """ITK takes what is unpacked of so many bytes for all voxels, or nothing at all."""
    with pytest.raises(InputError, match="truncated-pixels"):
        read_volume(with_field(lines, "CompressedDataSize", size))
    assert capfd.readouterr() == ("", "")
