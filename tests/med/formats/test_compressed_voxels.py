"""Compressed voxels of MetaImage: the stream, its checksum and its size."""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from volume_files import with_field

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.formats import compressed_voxels
from sam_med.formats.compressed_voxels import Inflated, check_voxels, is_compressed, skip_header


@pytest.mark.parametrize("size", [None, 0, -1, 10, 10**6])
def test_a_wrong_size_of_packed_voxels_is_refused(size, lines, capfd):
    """ITK takes what is unpacked of so many bytes for all voxels, or nothing at all."""
    with pytest.raises(InputError, match="truncated-pixels"):
        read_volume(with_field(lines, "CompressedDataSize", size))
    assert capfd.readouterr() == ("", "")


PLAIN = np.random.default_rng(2).integers(0, 9, 5000).astype(np.uint8).tobytes()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """So that streams are read in several parts."""
    monkeypatch.setattr(compressed_voxels, "CHUNK_BYTES", 700)


@pytest.mark.parametrize("size", [1, 300, 9999])
def test_a_stream_is_inflated_part_by_part(size):
    packed = zlib.compress(PLAIN)
    stream = Inflated(BytesIO(packed + b"behind"))
    parts = list(iter(lambda: stream.read(size), b""))
    assert b"".join(parts) == PLAIN
    assert max(map(len, parts)) <= size
    assert stream.end == len(packed)


def test_a_stream_that_is_cut_or_damaged():
    packed = zlib.compress(PLAIN)
    for content, error in ((packed[:-2], EOFError), (packed[:-1] + b"?", zlib.error)):
        stream = Inflated(BytesIO(content))
        with pytest.raises(error):
            list(iter(lambda stream=stream: stream.read(1000), b""))


def test_the_header_of_a_file_is_skipped(lines):
    path = lines[0]
    assert is_compressed(path)
    with path.open("rb") as file:
        skip_header(file)
        stream = Inflated(file)
        voxels = b"".join(iter(lambda: stream.read(500), b""))
    assert voxels == sitk.GetArrayFromImage(sitk.ReadImage(str(path))).tobytes()
    check_voxels(path, len(voxels))
    with pytest.raises(EOFError, match="end early"):
        check_voxels(path, len(voxels) + 1)


def test_plain_voxels_are_as_long_as_their_files(tmp_path):
    for suffix in (".mha", ".mhd"):
        path = tmp_path / f"a{suffix}"
        sitk.WriteImage(sitk.Image(2, 3, 4, sitk.sitkInt16), str(path))
        assert not is_compressed(path)
        check_voxels(path, 48)
        with pytest.raises(EOFError, match="the voxels end early"):
            check_voxels(path, 49)
    with (tmp_path / "a.raw").open("ab") as file:
        file.write(b"xx")
    header = (tmp_path / "a.mhd").read_text()
    (tmp_path / "a.mhd").write_text(header.replace("ElementType", "HeaderSize = 2\nElementType"))
    check_voxels(tmp_path / "a.mhd", 48)
    with pytest.raises(EOFError):
        check_voxels(tmp_path / "a.mhd", 50)


def test_files_of_other_formats_are_left_alone(tmp_path):
    check_voxels(tmp_path / "none.nrrd", 10**9)
    assert not is_compressed(tmp_path / "none.nrrd")
