"""Files that are held open: what was checked is what is read, until it is let go of."""

from __future__ import annotations

import os
import re
import zipfile

import cv2
import numpy as np
import pytest
import rasterio
import SimpleITK as sitk  # noqa: N813
from outside_files import META, NRRD, SHAPE, VOXELS, vrt_of, write_tif
from pydicom import examples

from sam_common.server.client import ServerError
from sam_common.server.files.held import Held
from sam_common.server.files.roots import RefusedPathError, Roots


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".nii", ".nii.gz", ".mhd", ".nhdr"])
def test_what_lies_in_the_root_is_read_as_it_is(served, suffix, compress):
    voxels = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetOrigin((3, 4, 5))
    path = served.root / f"scan{suffix}"
    sitk.WriteImage(image, str(path), useCompression=compress)
    session = served.open_volume(path, modality="MR")
    found = served.service.sessions.get(session.id).source.volume
    assert np.array_equal(found.array, voxels)
    assert np.allclose(np.array(session.frame["affine"])[:3, 3], (3, 4, 5))


def test_packed_voxels_whose_size_is_not_said_are_read(served):
    voxels = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.int16)
    path = served.root / "scan.mha"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), useCompression=True)
    content = path.read_bytes()
    path.write_bytes(re.sub(rb"CompressedDataSize = \d+\n", b"", content))
    session = served.open_volume(path, modality="MR")
    assert np.array_equal(served.service.sessions.get(session.id).source.volume.array, voxels)


@pytest.mark.parametrize("listed", ["%d.raw 0 2 1", "LIST"])
@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_voxels_in_several_files_of_the_root_are_read(served, suffix, listed):
    for n in range(3):
        np.full(SHAPE[1:], n, dtype=np.uint8).tofile(served.root / f"{n}.raw")
    names = "\n".join([listed, *(f"{n}.raw" for n in range(3))]) if listed == "LIST" else listed
    if suffix == ".mhd":
        text = f"{META}\nElementType = MET_UCHAR\nElementDataFile = {names}\n"
    else:
        text = f"{NRRD}# by slices\ndata file: {names}\n"
    (served.root / f"a{suffix}").write_text(text)
    session = served.open_volume(served.root / f"a{suffix}", modality="MR")
    found = served.service.sessions.get(session.id).source.volume
    assert found.array[:, 0, 0].tolist() == [0, 1, 2]


def test_a_raster_is_read_with_what_lies_beside_it(served):
    path = write_tif(served.root / "a.tif", side=600)
    with rasterio.open(path) as file:
        assert not file.overviews(1)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as file:
        file.build_overviews([2], rasterio.enums.Resampling.nearest)
    assert (served.root / "a.tif.ovr").exists()
    png = served.root / "b.png"
    cv2.imwrite(str(png), np.full((8, 8), 5, dtype=np.uint8))
    (served.root / "b.pgw").write_text("2\n0\n0\n-2\n500001\n4599999\n")
    assert served.open_raster(path).size == (600, 600)
    assert served.open_raster(png).frame["affine"] == [2, 0, 500000, 0, -2, 4600000]


def test_a_session_reads_the_file_that_it_opened(served, outside):
    path = write_tif(served.root / "a.tif", 100)
    session = served.open_raster(path, stretch="none")
    path.unlink()
    path.symlink_to(outside / "secret.tif")
    session.set_box(session.add_object("all"), (0, 0, 63, 63))
    assert {int(image.max()) for image in served.fake.embedded} == {100}


def test_a_file_is_checked_when_it_is_open(tmp_path, outside):
    """The path leads out when it is opened, and back when it is resolved."""
    root, private = tmp_path / "root", tmp_path / "private"
    root.mkdir()
    private.mkdir()
    path = root / "a.raw"
    path.symlink_to(outside / "secret.raw")
    roots = Roots.of([root])

    def swapped(place):
        path.unlink()
        path.write_bytes(b"harmless")
        return roots.holds(place)

    with pytest.raises(RefusedPathError):
        Held(private, swapped).link(path, "a")


def test_a_folder_that_is_changed_while_it_is_read_is_refused(tmp_path):
    root, private = tmp_path / "root", tmp_path / "private"
    (root / "series").mkdir(parents=True)
    private.mkdir()
    held = Held(private, Roots.of([root]).holds)
    (root / "series/1.dcm").write_bytes(b"1")
    # some time ago: file systems count in ticks of milliseconds
    os.utime(root / "series", ns=(0, 0))
    held.link(root / "series", "volume")
    held.check()
    (root / "series/1.dcm").rename(root / "other.dcm")
    (root / "other.dcm").rename(root / "series/1.dcm")
    with pytest.raises(RefusedPathError, match="changed while it was read"):
        held.check()
    held.close()
    assert not private.exists()


def test_a_pipe_is_refused_and_not_waited_for(served):
    os.mkfifo(served.root / "a.nii")
    with pytest.raises(ServerError, match="cannot be opened"):
        served.open_volume(served.root / "a.nii")


def test_a_zip_of_dicom_in_a_root_is_opened(served):
    slice_ = examples.ct
    with zipfile.ZipFile(served.root / "scan.zip", "w") as archive:
        for k in range(3):
            slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k + 1}"
            slice_.ImagePositionPatient = [0, 0, 2 * k]
            file = served.root / "slice.dcm"
            slice_.save_as(file, enforce_file_format=True)
            archive.write(file, f"{k}.dcm")
            file.unlink()
    assert served.open_volume(served.root / "scan.zip").size[0] == 3


def test_a_volume_that_is_in_memory_holds_no_file_open(served):
    path = served.root / "a.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path))
    known = served.service.sessions.get(served.open_volume(path, modality="MR").id)
    assert known.source.context.held._open == []
    assert not any(each.is_symlink() for each in known.source.context.folder.iterdir())


def test_files_that_are_let_go_are_closed(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "a").write_bytes(b"a")
    held = Held(tmp_path / "private", lambda _path: True)
    assert held.link(tmp_path / "a", "b").read_bytes() == b"a"
    assert held.copy(tmp_path / "a", "c").read_bytes() == b"a"
    (number,) = held._open
    held.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    assert not (tmp_path / "private").exists()


def test_more_files_than_can_be_held_are_refused(served):
    (served.root / "a.mhd").write_text(
        f"{META}ElementType = MET_UCHAR\nElementDataFile = %d 0 300\n"
    )
    with pytest.raises(ServerError, match="1 to 200 are opened here"):
        served.open_volume(served.root / "a.mhd", modality="MR")


def test_nothing_stays_of_a_source_that_was_refused(served, outside):
    (served.root / "a.tif").write_text(vrt_of(outside / "secret.tif"))
    with pytest.raises(ServerError):
        served.open_raster(served.root / "a.tif")
    assert list((served.service.folder / "sources").iterdir()) == []
